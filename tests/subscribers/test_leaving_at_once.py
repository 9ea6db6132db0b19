"""Leaving while a list with the same person comes in: on PostgreSQL both run at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from subscribers.leaving import unsubscribe_from_all
from subscribers.lists.import_report import ImportReport
from subscribers.lists.imports import ImportOptions, import_records
from subscribers.lists.tables import csv_records
from tests.support.locks import await_lock
from tests.support.stage import Stage, set_stage

_ADDRESS = "hanako@example.jp"


@pytest.fixture
def stage(postgres_url: str) -> Iterator[Stage]:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    stage.subscribe(_ADDRESS)
    yield stage
    engine.dispose()


def _import(stage: Stage) -> ImportReport:
    records = csv_records(["email,name\n", f"{_ADDRESS},花子\n"], source="l.csv")
    options = ImportOptions(source="l.csv", basis="form", update=True)
    return import_records(stage.engine, stage.newsletter_id, records, options)


def _state(stage: Stage) -> SubscriptionState | None:
    with reading(stage.engine) as session:
        return session.scalar(select(SubscriptionRow.state))


def test_a_list_that_waits_for_somebody_who_leaves_subscribes_nobody(stage: Stage) -> None:
    number = stage.subscriber_id(_ADDRESS)
    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            unsubscribe_from_all(
                session, subscriber_id=number, mailing_id=None, way=UnsubscribeWay.PAGE
            )
            running = thread.submit(_import, stage)
            await_lock(stage.engine, running)
        report = running.result(timeout=30)
    assert (report.refusals, _state(stage)) == (1, SubscriptionState.UNSUBSCRIBED)
    assert "unsubscribed" in str(report.refused[0].reason)


def test_who_leaves_while_a_list_changes_their_subscription_has_left(stage: Stage) -> None:
    number = stage.subscriber_id(_ADDRESS)
    leaving: list[Future[None]] = []

    def leave() -> None:
        with transaction(stage.engine) as session:
            unsubscribe_from_all(
                session, subscriber_id=number, mailing_id=None, way=UnsubscribeWay.PAGE
            )

    with ThreadPoolExecutor(1) as thread:

        @event.listens_for(stage.engine, "after_cursor_execute")
        def begin(*execution: Any) -> None:
            if str(execution[2]).startswith("INSERT INTO list_before") and not leaving:
                leaving.append(thread.submit(leave))
                await_lock(stage.engine, leaving[0])

        report = _import(stage)
        leaving[0].result(timeout=30)
    assert (report.updated, _state(stage)) == (1, SubscriptionState.UNSUBSCRIBED)
