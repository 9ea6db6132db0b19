"""A backup is put in place of a database whose two worker hosts were killed while they sent on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from newsletter.database.engine import reading
from newsletter.database.tables import WorkerHostRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.errors import ConflictError
from newsletter.mailings.ledger.database_history import beat, beats
from newsletter.mailings.reports.progress import progress
from tests.faults.conftest import Scene
from tests.support.backup import back_up
from tests.support.celery import Workers, celery_workers
from tests.support.orders import resume
from tests.support.ports import await_condition
from tests.support.relay import counting_relay
from tests.support.stage import set_stage
from workers.database_memory import recall

PEOPLE = 400
BATCH = 20
#: A pace at which the mailing takes long enough to be interrupted.
DELAY = 0.1


def test_with_all_hosts_journals_a_mailing_goes_on_and_a_missing_host_is_named(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(PEOPLE)))
    first, second = tmp_path / "first", tmp_path / "second"
    with counting_relay(tmp_path, options="connections=2&timeout=10", delay=DELAY) as relay:

        def hosts(folder: Path) -> AbstractContextManager[Workers]:
            return celery_workers(
                database_url=database_url,
                redis_url=redis_url,
                smtp_url=relay.url,
                folder=folder,
                batch_size=BATCH,
            )

        with hosts(first) as one, hosts(second) as other:
            await_condition(
                lambda: all(len(recall(folder).others) == 2 for folder in (first, second)),
                seconds=90,
                what="the hosts to know each other",
            )
            mailing = stage.mail(batch_size=BATCH)
            await_condition(lambda: relay.count() >= 40, seconds=90, what="40 messages")
            backup = back_up(engine, whole=True)
            kept = beats(engine)
            assert kept is not None
            # What was lost is known by the rounds that there were since, two seconds apart.
            await_condition(
                lambda: all(recall(folder).mark.rounds > kept[0] for folder in (first, second)),
                seconds=90,
                what="both hosts to see a later round",
            )
            one.kill()
            other.kill()
        assert all((folder / "journals").is_dir() for folder in (first, second))
        backup.restore()

        def words() -> str:
            return str(progress(engine, mailing).halt_reason or "")

        with hosts(first) as one:
            await_condition(lambda: "not brought back" in words(), seconds=90, what="the word")
            assert str(second) in words()
            assert str(first) not in words()
            with pytest.raises(ConflictError, match="receive it twice"):
                resume(engine, mailing)
            with hosts(second):
                await_condition(lambda: "is known" in words(), seconds=90, what="the second host")
                resume(engine, mailing)
                counts = Scene(stage, relay, one).judge(mailing)
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}
    assert sum(counts.values()) == PEOPLE
    # At most one for each open connection.
    assert counts.get(DeliveryState.UNCERTAIN, 0) <= 2 * 2 * 4


def test_a_host_brings_its_journals_back_when_it_starts_and_not_with_its_first_round(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    beat(engine)
    with celery_workers(
        database_url=database_url,
        redis_url=redis_url,
        smtp_url="smtp://127.0.0.1:9",
        folder=tmp_path / "data",
        # It takes no rounds, and there is nothing to send.
        role="bulk",
    ):
        await_condition(
            lambda: _hosts(engine) == 1, seconds=90, what="the database to know of the host"
        )


def _hosts(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalars(select(func.count()).select_from(WorkerHostRow)).one()
