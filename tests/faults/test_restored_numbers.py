"""A backup is restored while mails are out: whom their links and return paths are about then.

Numbers of people, mailings, newsletters and requests are given out again. What was signed for
somebody of before acts on nobody who has their number now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, func, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BounceRow,
    MailingLinkRow,
    MailingRow,
    NewsletterRow,
    SubscriptionRow,
    SuppressionRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import MailingKind, SubscriptionState
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.mail import Taken, take_mail
from newsletter.mailings.planning.planning import plan_mailing
from tests.feedback.letters import notice
from tests.support.backup import back_up
from tests.support.site import serving
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker
from workers.composition import WorkerServices

READER, LOST, STRANGER = "reader@example.jp", "lost@example.jp", "stranger@example.jp"
ASKER, OTHER_ASKER = "asker@example.jp", "other.asker@example.jp"


@dataclass
class House:
    """A newsletter with one reader in the backup."""

    stage: Stage
    services: WorkerServices
    server: SmtpServer
    url: str

    @property
    def engine(self) -> Engine:
        return self.stage.engine

    @property
    def keys(self) -> Keys:
        return self.services.feedback_keys

    def send(self, mailing: int) -> None:
        plan_mailing(self.engine, mailing)
        work(self.services, mailing)

    def ask(self, address: str) -> int:
        """Ask to join by the form; return the number of the confirmation mail."""
        answer = httpx.post(f"{self.url}/subscribe/digest", data={"email": address, "lang": "ja"})
        assert answer.status_code == 200
        with reading(self.engine) as session:
            query = select(func.max(MailingRow.id)).where(MailingRow.kind == MailingKind.NOTICE)
            return session.scalars(query).one()

    def path(self, address: str) -> str:
        """The return path of what somebody got."""
        return next(one.sender for one in self.server.messages if one.recipients == [address])

    def link(self, address: str, kind: str) -> str:
        """The last link of a kind in what somebody got."""
        received = next(one for one in self.server.messages if one.recipients == [address])
        body = message_from_bytes(received.raw, policy=default).get_body(("html",))
        assert body is not None
        found: list[str] = re.findall(rf'href="({self.url}/{kind}/[^"]+)"', body.get_content())
        return found[-1]

    def state(self, address: str) -> SubscriptionState:
        with reading(self.engine) as session:
            person = self.stage.subscriber_id(address)
            return session.scalars(
                select(SubscriptionRow.state).where(SubscriptionRow.subscriber_id == person)
            ).one()

    def take_back(self, address: str) -> None:
        """Let a mail to somebody come back, as from a mailbox that is none."""
        path = self.path(address)
        taken = take_mail(self.engine, notice(path, about=address), self.keys, envelope_to=path)
        assert taken is Taken.LOGGED
        act_on_new_bounces(self.engine, self.keys)

    def returned(self) -> BounceRow:
        with reading(self.engine) as session:
            return session.scalars(select(BounceRow)).one()

    def suppressed(self) -> list[str | None]:
        with reading(self.engine) as session:
            return list(session.scalars(select(SuppressionRow.address_key)))


@pytest.fixture
def house(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> Iterator[House]:
    stage = set_stage(engine)
    stage.subscribe(READER)
    with transaction(engine) as session:
        session.get_one(NewsletterRow, stage.newsletter_id).count_clicks = True
    with (
        worker(database_url, smtp_server.url, tmp_path / "data") as services,
        serving(engine, services.signer, tmp_path / "site") as url,
    ):
        settings = services.settings.model_copy(update={"public_url": url})
        object.__setattr__(services, "settings", settings)
        yield House(stage=stage, services=services, server=smtp_server, url=url)


@pytest.fixture
def restored(house: House) -> House:
    """What came after the backup is gone, and others have its numbers; its mails are out."""
    backup = back_up(house.engine, whole=True)
    house.stage.subscribe(LOST)
    mailing, number = house.stage.mail(), house.stage.subscriber_id(LOST)
    house.send(mailing)
    house.send(house.ask(ASKER))
    backup.restore()
    house.stage.subscribe(STRANGER)
    other = house.stage.mail()
    plan_mailing(house.engine, other)
    house.ask(OTHER_ASKER)
    assert (other, house.stage.subscriber_id(STRANGER)) == (mailing, number)
    return house


def test_nobody_is_acted_on_by_the_links_of_whoever_had_their_number(restored: House) -> None:
    leave, settings = restored.link(LOST, "u"), restored.link(LOST, "p")
    one_click = httpx.post(leave, data={"List-Unsubscribe": "One-Click"})
    acted = [
        one_click,
        *(httpx.post(f"{leave}{way}") for way in ("", "/all", "/pause", "/settings")),
        httpx.post(settings, data={"name": "X"}),
        httpx.post(f"{settings}/erase", data={"sure": "yes"}),
        httpx.post(restored.link(ASKER, "c")),
    ]
    shown = [
        *(httpx.get(f"{settings}{way}") for way in ("", "/data", "/data.json", "/erase")),
        httpx.get(restored.link(LOST, "v")),
        httpx.get(restored.link(LOST, "r")),
    ]
    restored.take_back(LOST)

    assert {answer.status_code for answer in (*acted, *shown)} == {404}
    assert not any(STRANGER in answer.text for answer in shown)
    assert "登録フォームを開き" in httpx.get(leave).text
    assert restored.state(STRANGER) is SubscriptionState.CONFIRMED
    assert restored.state(OTHER_ASKER) is SubscriptionState.PENDING
    assert restored.suppressed() == []
    row = restored.returned()
    assert (row.subscriber_id, row.mailing_id, row.proven) == (None, None, False)
    with reading(restored.engine) as session:
        assert session.scalar(select(func.sum(MailingLinkRow.clicks))) == 0


def test_who_is_in_the_backup_still_leaves_and_no_other_mailing_is_blamed(restored: House) -> None:
    restored.take_back(READER)
    assert httpx.post(restored.link(READER, "u")).status_code == 200

    assert restored.suppressed() == [READER]
    assert restored.state(READER) is SubscriptionState.UNSUBSCRIBED
    row = restored.returned()
    assert (row.newsletter_id, row.mailing_id) == (restored.stage.newsletter_id, None)
    with reading(restored.engine) as session:
        assert list(session.scalars(select(UnsubscribeEventRow.mailing_id))) == [None]


def test_without_a_restore_all_of_them_work(house: House) -> None:
    mailing = house.stage.mail()
    house.send(mailing)
    house.send(house.ask(ASKER))
    links = [house.link(READER, kind) for kind in ("u", "p", "v", "r")]
    house.take_back(READER)
    assert [httpx.get(link).status_code for link in links] == [200, 200, 200, 302]
    assert httpx.post(house.link(ASKER, "c")).status_code == 303
    assert house.returned().mailing_id == mailing
