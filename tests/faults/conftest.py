"""What fault tests judge by: a relay that counts, in a program of its own, against the ledger.

``SOAK=1`` makes them long: 20,000 recipients and 50 deaths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.states import FINAL
from newsletter.database.tables import DeliveryRow, SubscriberRow
from newsletter.database.vocabulary import DeliveryState
from tests.support.celery import Workers, celery_workers
from tests.support.relay import CountingRelay, counting_relay
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

PEOPLE = 20_000 if SOAK else 600
DEATHS = 50 if SOAK else 5
BATCH = 500 if SOAK else 40
SECONDS = 900 if SOAK else 120


class Scene:
    """A list, a relay that counts, and workers, with the judgement over them."""

    def __init__(self, stage: Stage, relay: CountingRelay, workers: Workers) -> None:
        self.stage = stage
        self.relay = relay
        self.workers = workers

    def judge(self, mailing: int) -> dict[DeliveryState, int]:
        """Await the end; then nobody has two, nobody is without a final state, no word is false."""
        self.stage.await_end(mailing, seconds=SECONDS)
        taken = self.relay.accepted()
        ledger = _by_state(self.stage.engine, mailing)
        everybody = [address for group in ledger.values() for address in group]
        assert len(everybody) == len(set(everybody))
        assert set(ledger) <= FINAL
        assert {address: times for address, times in taken.items() if times > 1} == {}
        accepted = ledger.get(DeliveryState.ACCEPTED, set())
        doubtful = ledger.get(DeliveryState.UNCERTAIN, set())
        assert accepted <= set(taken), "the ledger says accepted, the relay does not"
        assert set(taken) - accepted <= doubtful, "the relay took what the ledger does not know of"
        return {state: len(group) for state, group in ledger.items()}


def _by_state(engine: Engine, mailing: int) -> dict[DeliveryState, set[str]]:
    found: dict[DeliveryState, set[str]] = {}
    with reading(engine) as session:
        rows = session.execute(
            select(DeliveryRow.state, SubscriberRow.address)
            .join(SubscriberRow, SubscriberRow.id == DeliveryRow.subscriber_id)
            .where(DeliveryRow.mailing_id == mailing)
        )
        for state, address in rows:
            found.setdefault(state, set()).add(address or "")
    return found


SetScene = Callable[..., AbstractContextManager[Scene]]


@pytest.fixture
def set_scene(engine: Engine, database_url: str, redis_url: str, tmp_path: Path) -> SetScene:
    """Return what starts a scene; each argument is a fault of the relay."""

    @contextmanager
    def start(
        *faults: dict[str, Any],
        options: str = "connections=4&timeout=10",
        people: int = PEOPLE,
        broker: str = redis_url,
        delay: float = 0,
        **environment: str,
    ) -> Iterator[Scene]:
        stage = set_stage(engine)
        stage.subscribe(*(f"reader{number:05d}@example.jp" for number in range(people)))
        with (
            counting_relay(tmp_path, *faults, options=options, delay=delay) as relay,
            celery_workers(
                database_url=database_url,
                redis_url=broker,
                smtp_url=relay.url,
                folder=tmp_path / "data",
                batch_size=BATCH,
                **environment,
            ) as workers,
        ):
            yield Scene(stage, relay, workers)

    return start
