"""Batches one after the other: no connection waits for a hint, and none is beyond the limit."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, event, update

from newsletter.database.engine import transaction
from newsletter.database.tables import BatchRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.courier import Satchel
from tests.support.loops import run_apart
from tests.support.orders import pause
from tests.support.relay import counting_relay
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker
from workers.transports import open_route
from workers.transports.base import Envelope, Parcel, Result

pytestmark = pytest.mark.servers

BATCH = 4
BATCHES = 3


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=BATCH * BATCHES)


def test_a_task_goes_on_with_the_mailings_other_batches(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    plan_mailing(stage.engine, mailing)
    with worker(database_url, f"{smtp_server.url}?connections=2", tmp_path) as services:
        assert work(services, mailing) == BATCH * BATCHES
        assert not list(services.settings.journal_dir.glob("*.journal"))
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: BATCH * BATCHES}


def test_a_database_slow_to_record_a_batch_does_not_end_the_task(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    plan_mailing(stage.engine, mailing)

    def delay(*values: object) -> None:
        if str(values[2]).startswith("UPDATE delivery"):
            time.sleep(0.3)

    with worker(database_url, f"{smtp_server.url}?connections=2", tmp_path) as services:
        event.listen(services.engine, "before_cursor_execute", delay)
        assert work(services, mailing) == BATCH * BATCHES


def test_it_leaves_what_is_held_by_another_and_what_is_not_due(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    plan_mailing(stage.engine, mailing)
    ledger.claim_batch(stage.engine, mailing, 2, token="other", lease_seconds=60)
    with transaction(stage.engine) as session:
        later = now() + timedelta(hours=1)
        session.execute(update(BatchRow).where(BatchRow.number == 3).values(due_at=later))
    with worker(database_url, smtp_server.url, tmp_path) as services:
        assert work(services, mailing) == BATCH
    assert stage.counts(mailing) == {
        DeliveryState.ACCEPTED: BATCH,
        DeliveryState.SENDING: BATCH,
        DeliveryState.QUEUED: BATCH,
    }


def test_a_mailing_paused_meanwhile_goes_no_further(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    plan_mailing(stage.engine, mailing)

    def interfere(_address: str) -> None:
        if not smtp_server.messages:
            pause(stage.engine, mailing)

    smtp_server.refuse_data = interfere
    with worker(database_url, f"{smtp_server.url}?connections=1", tmp_path) as services:
        assert work(services, mailing) <= BATCH
    assert stage.counts(mailing)[DeliveryState.QUEUED] >= BATCH * (BATCHES - 1)


def test_two_batches_at_once_use_no_more_connections_than_one(tmp_path: Path) -> None:
    under_way: set[int] = set()
    most = 0

    class Watched(Satchel):
        def commit(self, parcel: Parcel) -> bool:
            nonlocal most
            under_way.add(parcel.position)
            most = max(most, len(under_way))
            return super().commit(parcel)

        def settle(self, parcel: Parcel, result: Result) -> None:
            under_way.discard(parcel.position)
            super().settle(parcel, result)

    envelope = Envelope(sender="bounces@example.jp", recipient="reader@example.jp")
    batches = [
        Watched(
            Parcel(position=first + number, envelope=envelope, message=b"Subject: x\r\n\r\nx\r\n")
            for number in range(6)
        )
        for first in (0, 100)
    ]
    with counting_relay(tmp_path, delay=0.02) as relay:

        async def both() -> None:
            route = open_route(f"{relay.url.partition('?')[0]}?connections=2")
            await asyncio.gather(*(route.transport.deliver(batch) for batch in batches))
            await route.transport.close()

        run_apart(both)
        assert relay.count() == 12
    assert most == 2


def test_of_a_large_batch_little_is_in_hand_at_any_time(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    stage.subscribe(*(f"more{number}@example.jp" for number in range(800)))
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(delete(BatchRow).where(BatchRow.number > 1))
        session.execute(update(BatchRow).values(last_position=800 + BATCH * BATCHES))
    in_hand = []
    with counting_relay(tmp_path) as relay, worker(database_url, relay.url, tmp_path) as services:
        event.listen(
            services.engine,
            "commit",
            lambda _: in_hand.append(stage.counts(mailing).get(DeliveryState.SENDING, 0)),
        )
        assert work(services, mailing) == 800 + BATCH * BATCHES
    # What docs/delivery.md promises for a host that is lost.
    assert 0 < max(in_hand) <= 500
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 800 + BATCH * BATCHES}
