"""The state tables: complete, and kept by every UPDATE that begins at them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError

from newsletter.database.engine import reading, transaction
from newsletter.database.states import (
    BATCH_TRANSITIONS,
    DELIVERY_TRANSITIONS,
    LIST_TRANSITIONS,
    MAILING_TRANSITIONS,
    SERIES_TRANSITIONS,
    may_come_to,
    moving_deliveries,
)
from newsletter.database.tables import DeliveryRow
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    ListUploadState,
    MailingState,
    SeriesState,
)
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.databases import each_database
from tests.support.stage import set_stage
from tests.support.state_guard import refuse_other_moves

#: Each table once more, in words: a move that is added or taken away is meant.
_MOVES: list[tuple[Mapping[Any, frozenset[Any]], type[StrEnum], str]] = [
    (
        DELIVERY_TRANSITIONS,
        DeliveryState,
        """queued: sending skipped accepted
        sending: queued accepted deferred rejected failed skipped uncertain
        deferred: sending skipped failed
        uncertain: accepted queued failed
        failed: queued
        accepted:
        rejected:
        skipped:""",
    ),
    (
        BATCH_TRANSITIONS,
        BatchState,
        """held: pending done
        pending: pending leased done
        leased: pending done
        done: pending""",
    ),
    (
        MAILING_TRANSITIONS,
        MailingState,
        """draft: cancelled
        scheduled: planning paused cancelled
        planning: sending paused cancelled
        sending: finished paused cancelled
        paused: scheduled planning sending cancelled
        finished: sending
        cancelled:""",
    ),
    (
        SERIES_TRANSITIONS,
        SeriesState,
        """draft: active
        active: paused ended
        paused: active ended
        ended:""",
    ),
    (
        LIST_TRANSITIONS,
        ListUploadState,
        """brought: queued failed
        queued: brought importing failed cancelled
        importing: brought queued finished failed cancelled
        finished:
        failed: queued
        cancelled: queued""",
    ),
]


@pytest.mark.parametrize(("transitions", "states", "moves"), _MOVES)
def test_a_state_leads_to_what_its_table_says_and_nowhere_else(
    transitions: Mapping[Any, frozenset[Any]], states: type[StrEnum], moves: str
) -> None:
    lines = (line.partition(":") for line in moves.splitlines())
    assert dict(transitions) == {
        states(state.strip()): {states(each) for each in targets.split()}
        for state, _, targets in lines
    }
    assert set(transitions) == set(states)


def test_sources_are_those_of_the_table_and_of_the_caller() -> None:
    both = may_come_to(DELIVERY_TRANSITIONS, DeliveryState.ACCEPTED)
    assert both == {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN}
    some = {DeliveryState.SENDING, DeliveryState.SKIPPED}
    assert may_come_to(DELIVERY_TRANSITIONS, DeliveryState.ACCEPTED, some) == {
        DeliveryState.SENDING
    }


@each_database
def test_what_was_skipped_is_never_sent(engine: Engine) -> None:
    stage = set_stage(engine)
    stage.subscribe("reader@example.jp")
    number = stage.mail()
    plan_mailing(engine, number)
    with transaction(engine) as session:
        session.execute(moving_deliveries(DeliveryState.SKIPPED))
    refuse_other_moves(engine)
    with transaction(engine) as session:
        session.execute(moving_deliveries(DeliveryState.SENDING))
    with reading(engine) as session:
        assert set(session.scalars(select(DeliveryRow.state))) == {DeliveryState.SKIPPED}
    with pytest.raises(DBAPIError, match="no such move"), transaction(engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.SENDING))
