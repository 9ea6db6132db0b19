"""A newsletter with a reader who got a mailing, and the state after its bounces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import BounceRow, SubscriptionRow, UnsubscribeEventRow
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.feedback.attribution import Keys
from newsletter.mailings.ledger.leases import identity_of
from newsletter.mailings.planning.links import refer
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.message.identifiers import delivery_message_id, return_path
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from tests.feedback.letters import READER
from tests.support.stage import Stage, set_stage

SECRET = "k" * 40
KEYS = Keys(signer=TokenSigner([SECRET.encode()]), message_id_key=SECRET.encode())
Command = Callable[..., "subprocess.Popen[bytes]"]


@dataclass
class Post:
    """The signed identifiers of the reader's delivery, and the bounces about it."""

    stage: Stage
    mailing_id: int

    @property
    def engine(self) -> Engine:
        return self.stage.engine

    @property
    def ref(self) -> DeliveryRef:
        person = self.stage.subscriber_id(READER)
        with reading(self.engine) as session:
            return refer(session, self.stage.newsletter_id, person, self.mailing_id)

    @property
    def path(self) -> str:
        return return_path(KEYS.signer, "bounces@example.jp", self.ref)

    @property
    def token(self) -> str:
        return KEYS.signer.sign_delivery(Purpose.UNSUBSCRIBE, self.ref)

    @property
    def message_id(self) -> str:
        key, person, mark = KEYS.message_id_key, self.ref.subscriber_id, self.ref.subscriber_mark
        identity = identity_of(self.engine, self.mailing_id) or ""
        assert mark is not None
        found = delivery_message_id(key, self.mailing_id, identity, person, mark, "example.jp")
        return f"<{found}>"

    def rows(self) -> list[BounceRow]:
        with reading(self.engine) as session:
            return list(session.scalars(select(BounceRow).order_by(BounceRow.id)))

    def state(self, address: str = READER) -> SubscriptionState:
        with reading(self.engine) as session:
            return session.scalars(
                select(SubscriptionRow.state).where(
                    SubscriptionRow.subscriber_id == self.stage.subscriber_id(address)
                )
            ).one()

    def ways(self) -> list[UnsubscribeWay]:
        with reading(self.engine) as session:
            return list(session.scalars(select(UnsubscribeEventRow.way)))


@pytest.fixture
def post(sqlite_url: str) -> Iterator[Post]:
    engine = open_engine(sqlite_url)
    yield set_post(engine)
    engine.dispose()


def set_post(engine: Engine) -> Post:
    stage = set_stage(engine)
    stage.subscribe(READER, "other@example.jp")
    mailing_id = stage.mail()
    plan_mailing(engine, mailing_id)
    return Post(stage=stage, mailing_id=mailing_id)


@contextmanager
def running(
    url: str, folder: Path, *words: str, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of ``newsletter bounce`` in a process of its own."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "newsletter.cli", "bounce", *words],
        env=os.environ
        | {"DATABASE_URL": url, "DATA_DIR": str(folder), "SECRET_KEYS": SECRET, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()
