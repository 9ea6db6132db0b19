"""A relay that refuses one message after another is shown to people, and asked again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from newsletter.database.engine import transaction
from newsletter.database.tables import BatchRow, DeliveryRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.relays import (
    relay_failed,
    relay_refuses,
    resting_relays,
    troubled_relays,
)
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.overview import look
from tests.support.loops import call_apart
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage
from tests.support.worker import work, worker
from workers import periodic
from workers.composition import WorkerServices

DENIED = "554 5.7.1 Relay access denied"
BATCH = 40
MINUTE = timedelta(minutes=1)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=BATCH)


def _alarms(services: WorkerServices) -> list[Alarm]:
    names = tuple(route.transport.name for route in services.routes)
    seen = look(services.engine, redis_url="", relays=names)
    return [one for one in find_alarms(seen) if one.section == "relays"]


def _try_again(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(next_attempt_at=None))
        session.execute(update(BatchRow).values(due_at=now()))


def test_it_is_an_alarm_with_its_words_at_once_and_until_it_takes_mail(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    mailing = stage.mail(batch_size=BATCH)
    smtp_server.refuse_recipient = lambda _address: DENIED
    with worker(database_url, smtp_server.url, tmp_path / "data") as services:
        call_apart(lambda: periodic.go(services))
        work(services, mailing)
        (found,) = _alarms(services)
        assert (found.kind, found.severity.value) == ("relay-stuck", "critical")
        assert "refuses one email after another" in str(found.what)
        assert DENIED in str(found.remedy)
        smtp_server.refuse_recipient = lambda _address: None
        _try_again(stage)
        work(services, mailing)
        assert stage.counts(mailing) == {DeliveryState.ACCEPTED: BATCH}
        assert _alarms(services) == []


def test_one_mail_alone_that_one_server_of_several_refuses_goes_by_another(
    stage: Stage, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage.subscribe("newcomer@example.com")
    alone = stage.mail(segment='domain = "example.com"')
    smtp_server.refuse_recipient = lambda _address: DENIED
    with worker(database_url, smtp_server.url, tmp_path / "data") as services:
        call_apart(lambda: periodic.go(services))
        work(services, alone)
        assert stage.counts(alone) == {DeliveryState.DEFERRED: 1}
        # A relay that takes the mail of others refuses nothing one after the other.
        assert _alarms(services) == []
        smtp_server.refuse_recipient = lambda _address: None
        _try_again(stage)
        work(services, alone)
    assert stage.counts(alone) == {DeliveryState.ACCEPTED: 1}


def test_it_is_not_left_alone_since_it_may_take_the_mail_of_another_sender(engine: Engine) -> None:
    relay_refuses(engine, "smtp:relay:25", DENIED, again=MINUTE)
    assert resting_relays(engine) == []
    assert [one.reason for one in troubled_relays(engine)] == [DENIED]


def test_what_takes_no_connection_rests_whatever_it_refused_before_and_after(
    engine: Engine,
) -> None:
    relay_refuses(engine, "smtp:relay:25", DENIED, again=MINUTE)
    relay_failed(engine, "smtp:relay:25", "421 later")
    relay_refuses(engine, "smtp:relay:25", DENIED, again=MINUTE)
    assert [(one.reason, one.failures) for one in resting_relays(engine)] == [("421 later", 1)]
