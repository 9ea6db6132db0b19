"""The state tables: complete, and kept by every UPDATE that begins at them."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("transitions", "states"),
    [
        (DELIVERY_TRANSITIONS, DeliveryState),
        (BATCH_TRANSITIONS, BatchState),
        (MAILING_TRANSITIONS, MailingState),
        (SERIES_TRANSITIONS, SeriesState),
        (LIST_TRANSITIONS, ListUploadState),
    ],
)
def test_a_state_table_says_of_each_state_where_it_leads(
    transitions: dict[str, frozenset[str]], states: type[DeliveryState]
) -> None:
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
