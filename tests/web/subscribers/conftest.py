"""A site with one newsletter, its limits wide, and the mail it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import Engine, select, text

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import MailingRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import MailingKind, SubscriptionState
from newsletter.mailings.planning.content import MailingContent, load_content
from newsletter.rendering.model import Slot
from newsletter.rendering.slots import fill
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from tests.support.site import SharedSites
from tests.support.stage import Stage, set_stage

API_TOKEN = "t" * 40


@dataclass
class Reception:
    """The pages, and what came of using them."""

    url: str
    stage: Stage
    signer: TokenSigner

    @property
    def form(self) -> str:
        return f"{self.url}/subscribe/digest"

    def ask(self, address: str, **fields: str) -> httpx.Response:
        return httpx.post(self.form, data={"email": address, "lang": "en", **fields})

    def notices(self) -> list[MailingRow]:
        with reading(self.stage.engine) as session:
            query = select(MailingRow).where(MailingRow.kind == MailingKind.NOTICE)
            return list(session.scalars(query.order_by(MailingRow.id)).all())

    def texts(self) -> list[str]:
        with reading(self.stage.engine) as session:
            contents = [load_content(session, row.id) for row in self.notices()]
        return [fill(one.rendered.text, self._action(one)) for one in contents]

    def _action(self, content: MailingContent) -> dict[str, str]:
        """Sign where the button leads, as is done when the message is composed."""
        if content.action is None:
            return {}
        return {Slot.ACTION_URL: content.action.url(self.url, self.signer)}

    def link(self) -> str:
        """The button of the newest notice."""
        found = re.search(r"https?://\S+", self.texts()[-1])
        assert found is not None
        return found.group()

    def preferences(self, address: str) -> str:
        return self._link("p", Purpose.PREFERENCES, address)

    def unsubscribe_link(self, address: str) -> str:
        return self._link("u", Purpose.UNSUBSCRIBE, address)

    def _link(self, path: str, purpose: Purpose, address: str) -> str:
        return f"{self.url}/{path}/{self.signer.sign_delivery(purpose, self.ref(address))}"

    def ref(self, address: str) -> DeliveryRef:
        return DeliveryRef(
            newsletter_id=self.stage.newsletter_id,
            mailing_id=0,
            subscriber_id=self.stage.subscriber_id(address),
        )

    def state(self, address: str) -> SubscriptionState | None:
        with reading(self.stage.engine) as session:
            return session.scalars(
                select(SubscriptionRow.state)
                .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
                .where(
                    SubscriberRow.address_key == address,
                    SubscriptionRow.newsletter_id == self.stage.newsletter_id,
                )
            ).one_or_none()


@contextmanager
def held(reception: Reception) -> Iterator[None]:
    """Hold what readers write to, as an import does. SQLite is locked as a whole anyhow."""
    with transaction(reception.stage.engine) as session:
        if session.connection().dialect.name == "postgresql":
            session.execute(
                text("LOCK TABLE subscriber, subscription, join_tally IN EXCLUSIVE MODE")
            )
        yield


@pytest.fixture
def reception(sites: SharedSites, engine: Engine) -> Iterator[Reception]:
    signer = TokenSigner([b"k" * 40])
    with sites.before(engine, api_token=API_TOKEN, join_limit_network_unproven=1000) as url:
        yield Reception(url=url, stage=set_stage(engine), signer=signer)
