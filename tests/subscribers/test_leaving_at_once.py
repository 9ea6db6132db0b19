"""Leaving while a list with the same person comes in: on PostgreSQL both run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import ConsentRow, NewsletterRow, SubscriptionRow
from newsletter.database.vocabulary import ConsentStep, SubscriptionState, UnsubscribeWay
from newsletter.i18n.language import Language
from newsletter.tokens import Purpose, TokenSigner
from subscribers.joining import Origin, confirm_join, request_join
from subscribers.leaving import unsubscribe, unsubscribe_from_all
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.tables import csv_records
from tests.support.locks import await_lock
from tests.support.stage import Stage, set_stage

_ADDRESS = "hanako@example.jp"
_SIGNER = TokenSigner([b"k" * 40])


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
        report = running.result(timeout=60)
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
        leaving[0].result(timeout=60)
    assert (report.updated, _state(stage)) == (1, SubscriptionState.UNSUBSCRIBED)


def _ask_to_join(stage: Stage) -> tuple[str, int]:
    """Let somebody ask to join; return the token of the link they are sent, and who they are."""
    origin = Origin(source="form", network="", wording="I agree.", language=Language.JAPANESE)
    with transaction(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        person = parse_address("new@example.jp")
        asked = request_join(session, newsletter, person, name="", origin=origin)
    return _SIGNER.sign(Purpose.CONFIRM, *asked.numbers), asked.subscriber_id


def _confirm(session: Session, token: str) -> None:
    confirm_join(session, _SIGNER, token, days=7, source="page", network="")


def _confirm_while(stage: Stage, token: str, other: Callable[[Session], object]) -> None:
    """Confirm while something else is done to the subscription, which ends first."""

    def confirm() -> None:
        with transaction(stage.engine) as session:
            _confirm(session, token)

    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            other(session)
            session.flush()
            running = thread.submit(confirm)
            await_lock(stage.engine, running)
        running.result(timeout=60)


def test_who_left_a_moment_before_the_link_is_confirmed_has_left(stage: Stage) -> None:
    token, number = _ask_to_join(stage)

    def leave(session: Session) -> None:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=number,
            mailing_id=None,
            way=UnsubscribeWay.ONE_CLICK,
        )

    _confirm_while(stage, token, leave)
    with reading(stage.engine) as session:
        row = session.get_one(SubscriptionRow, (stage.newsletter_id, number))
    assert row.state is SubscriptionState.UNSUBSCRIBED


def test_a_link_that_is_confirmed_twice_at_once_begins_one_subscription(stage: Stage) -> None:
    token, _ = _ask_to_join(stage)
    _confirm_while(stage, token, lambda session: _confirm(session, token))
    with reading(stage.engine) as session:
        steps = session.scalars(
            select(ConsentRow.id).where(ConsentRow.step == ConsentStep.CONFIRMED)
        ).all()
    assert len(steps) == 1
