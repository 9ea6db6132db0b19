"""Erasing somebody while they are being added: on PostgreSQL both run at once, and erasure wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    BounceRow,
    ConsentRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    DeliveryState,
    MailingState,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError, NotFoundError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.i18n.language import Language
from newsletter.issues.store import find_issue
from newsletter.mailings.ledger import recording
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.notices.join_requests import Applicant, Evidence, JoinRequests
from newsletter.mailings.orders.test_mails import send_test
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import find_newsletter
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms, TokenSigner
from subscribers.erasure import erase
from subscribers.joining import Origin, subscribe
from subscribers.leaving import unsubscribe_from_all
from subscribers.lists.imports.import_report import ImportReport
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.tables import csv_records
from subscribers.preferences import Wishes, save_wishes
from tests.support.ledger import claim
from tests.support.locks import await_lock
from tests.support.rendering import render_stored
from tests.support.stage import Stage, set_stage

_ADDRESS = "erika@gdpr.example"
_PSEUDONYMS = Pseudonyms((b"k" * 32,))
_OPTIONS = ImportOptions(source="l.csv", basis="form", pseudonyms=_PSEUDONYMS)
_ORIGIN = Origin(source="page", network="", wording="yes", language=Language.JAPANESE)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    opened = open_engine(postgres_url)
    yield opened
    opened.dispose()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    found = set_stage(engine)
    found.subscribe(_ADDRESS, "other@example.jp")
    return found


def _import(stage: Stage, *addresses: str) -> ImportReport:
    lines = ["email,name\n", *(f"{address},Erika\n" for address in addresses)]
    return import_records(
        stage.engine, stage.newsletter_id, csv_records(lines, source="l.csv"), _OPTIONS
    )


def _erase(session: Session, number: int) -> None:
    assert erase(session, number, _PSEUDONYMS, way=UnsubscribeWay.PAGE)


def _while_erased(
    stage: Stage, work: Callable[[], object], *, only_locked: bool = False
) -> BaseException | None:
    """Run work while an erasure is open, and commit that once the work waits for it."""
    number = stage.subscriber_id(_ADDRESS)
    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            if only_locked:
                session.get_one(SubscriberRow, number, with_for_update=True)
            else:
                _erase(session, number)
            running = thread.submit(work)
            await_lock(stage.engine, running)
            if only_locked:
                _erase(session, number)
        return running.exception(timeout=60)


def _traces(stage: Stage) -> list[object]:
    """Return what of the erased person is in the database."""
    erased = SubscriberRow.address_key.is_(None)
    theirs = (
        select(SubscriptionRow)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(erased, (SubscriptionRow.state != "unsubscribed") | (SubscriptionRow.name != ""))
    )
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).where(erased)) == 1
        person = select(SubscriberRow).where(SubscriberRow.address_key == _ADDRESS)
        return [*session.scalars(person), *session.scalars(theirs)]


@pytest.mark.parametrize("only_locked", [False, True])
def test_an_import_during_an_erasure_brings_nobody_back(stage: Stage, *, only_locked: bool) -> None:
    reports: list[ImportReport] = []
    failure = _while_erased(
        stage,
        lambda: reports.append(_import(stage, _ADDRESS, "new@example.jp")),
        only_locked=only_locked,
    )
    assert failure is None
    (report,) = reports
    assert (report.added, report.refusals) == (1, 1)
    assert "erased" in str(report.refused[0].reason)
    assert _traces(stage) == []


def test_a_list_ends_the_subscription_of_somebody_who_joins_meanwhile(stage: Stage) -> None:
    lines = ["email,state\n", "late@example.jp,unsubscribed\n"]
    records = csv_records(lines, source="l.csv")
    with ThreadPoolExecutor(1) as thread:
        with transaction(stage.engine) as session:
            person = SubscriberRow(
                address="late@example.jp", address_key="late@example.jp", domain="example.jp"
            )
            session.add(person)
            session.flush()
            assert subscribe(
                session,
                newsletter_id=stage.newsletter_id,
                subscriber_id=person.id,
                origin=_ORIGIN,
                known={"name": ""},
            )
            running = thread.submit(
                import_records, stage.engine, stage.newsletter_id, records, _OPTIONS
            )
            await_lock(stage.engine, running)
        assert running.result(timeout=60).unsubscribed == 1
    number = stage.subscriber_id("late@example.jp")
    with reading(stage.engine) as session:
        theirs = select(SubscriptionRow.state).where(SubscriptionRow.subscriber_id == number)
        assert session.scalar(theirs) == "unsubscribed"


def test_an_erasure_during_an_import_erases_what_it_brought(stage: Stage) -> None:
    number = stage.subscriber_id(_ADDRESS)
    records = csv_records(["email,name\n", f"{_ADDRESS},Erika\n"], source="l.csv")
    update = replace(_OPTIONS, update=True)

    def erase_person() -> None:
        with transaction(stage.engine) as session:
            _erase(session, number)

    with ThreadPoolExecutor(1) as thread:
        erasing: list[Future[None]] = []

        @event.listens_for(stage.engine, "commit")
        def start_erasing(connection: Connection) -> None:
            written = connection.scalar(select(func.count()).where(SubscriptionRow.name == "Erika"))
            if written and not erasing:
                erasing.append(thread.submit(erase_person))
                await_lock(stage.engine, erasing[0])

        import_records(stage.engine, stage.newsletter_id, records, update)
        erasing[0].result(timeout=60)
    assert _traces(stage) == []


@pytest.mark.parametrize("only_locked", [False, True])
def test_a_request_to_join_during_an_erasure_brings_nobody_back(
    stage: Stage, *, only_locked: bool
) -> None:
    desk = JoinRequests.of(Settings(_env_file=None), stage.engine, TokenSigner([b"k" * 32]))
    newsletter = _newsletter(stage)

    def join() -> None:
        desk.take(
            newsletter,
            Applicant(
                address=parse_address(_ADDRESS),
                name="Erika",
                origin=_ORIGIN,
                client="::1",
                evidence=Evidence(),
            ),
        )

    assert _while_erased(stage, join, only_locked=only_locked) is None
    assert _traces(stage) == []
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).select_from(ConsentRow)) == 0


def test_a_test_mail_during_an_erasure_brings_nobody_back(stage: Stage) -> None:
    newsletter = _newsletter(stage)

    def send() -> None:
        with transaction(stage.engine) as session:
            issue = find_issue(session, newsletter.id, stage.issue)
            rendered = render_stored(
                issue, newsletter, templates_dir=Settings(_env_file=None).templates_dir
            )
            address = parse_address(_ADDRESS)
            send_test(session, COMMAND_LINE, newsletter, issue, rendered, [address], _PSEUDONYMS)

    assert isinstance(_while_erased(stage, send), ConflictError)
    assert _traces(stage) == []


def test_a_confirmation_during_an_erasure_subscribes_nobody(stage: Stage) -> None:
    number = stage.subscriber_id(_ADDRESS)

    def confirm() -> None:
        with transaction(stage.engine) as session:
            assert not subscribe(
                session,
                newsletter_id=stage.newsletter_id,
                subscriber_id=number,
                origin=_ORIGIN,
                known={"name": "Erika"},
            )

    with transaction(stage.engine) as session:
        unsubscribe_from_all(
            session, subscriber_id=number, mailing_id=None, way=UnsubscribeWay.PAGE
        )
    assert _while_erased(stage, confirm, only_locked=True) is None
    assert _traces(stage) == []


@pytest.mark.parametrize("only_locked", [False, True])
def test_wishes_saved_during_an_erasure_are_not_kept(stage: Stage, *, only_locked: bool) -> None:
    number = stage.subscriber_id(_ADDRESS)
    wishes = Wishes(
        name="Erika",
        language=Language.JAPANESE,
        html=True,
        newsletter_ids=frozenset({stage.newsletter_id}),
        weeks=None,
    )

    def save() -> None:
        with transaction(stage.engine) as session:
            save_wishes(
                session,
                number,
                wishes,
                newsletter_id=stage.newsletter_id,
                source="page",
                network="",
                mailing_id=None,
            )

    assert isinstance(_while_erased(stage, save, only_locked=only_locked), NotFoundError)
    assert _traces(stage) == []


def _amid_erasure(stage: Stage, work: Callable[[], object]) -> BaseException | None:
    """Begin work once an erasure holds the person, and let it go on when the work waits."""
    number = stage.subscriber_id(_ADDRESS)
    with ThreadPoolExecutor(1) as thread:
        working: list[Future[object]] = []

        @event.listens_for(stage.engine, "after_cursor_execute")
        def begin(*execution: Any) -> None:
            statement = str(execution[2])
            if "FROM subscriber " in statement and "FOR UPDATE" in statement and not working:
                working.append(thread.submit(work))
                await_lock(stage.engine, working[0])

        with transaction(stage.engine) as session:
            _erase(session, number)
        return working[0].exception(timeout=60)


def _leave(stage: Stage) -> Callable[[], object]:
    number = stage.subscriber_id(_ADDRESS)

    def leave() -> None:
        with transaction(stage.engine) as session:
            unsubscribe_from_all(
                session, subscriber_id=number, mailing_id=None, way=UnsubscribeWay.PAGE
            )

    return leave


def _act_on_a_complaint(stage: Stage) -> Callable[[], object]:
    signer = TokenSigner([b"k" * 40])
    keys = Keys(signer=signer, message_id_key=b"k" * 40)
    with transaction(stage.engine) as session:
        session.add(
            BounceRow(
                event_id="e",
                source=BounceSource.WEBHOOK,
                kind=BounceKind.COMPLAINT,
                address=_ADDRESS,
                domain="gdpr.example",
                newsletter_id=stage.newsletter_id,
                subscriber_id=stage.subscriber_id(_ADDRESS),
            )
        )

    def act() -> None:
        act_on_new_bounces(stage.engine, keys)

    return act


def _act_on_bounces_of_others(stage: Stage) -> Callable[[], object]:
    """Act on several bounces, of which the first is another's and quotes the address."""
    with transaction(stage.engine) as session:
        session.add(
            BounceRow(
                event_id="another's",
                source=BounceSource.WEBHOOK,
                kind=BounceKind.SOFT,
                address="other@example.jp",
                domain="example.jp",
                newsletter_id=stage.newsletter_id,
                subscriber_id=stage.subscriber_id("other@example.jp"),
                raw=f"... while talking of {_ADDRESS}",
            )
        )
    return _act_on_a_complaint(stage)


def _record_a_refusal(stage: Stage) -> Callable[[], object]:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.get_one(MailingRow, mailing).state = MailingState.SENDING
    claimed = claim(stage.engine, mailing, "t")
    number = stage.subscriber_id(_ADDRESS)
    position = next(one.position for one in claimed.deliveries if one.subscriber_id == number)
    refused = Outcome(
        position=position,
        subscriber_id=number,
        state=DeliveryState.REJECTED,
        code=550,
        status="5.1.1",
        reply="550 5.1.1 nobody",
        domain="gdpr.example",
    )

    def write_down() -> None:
        recording.record(
            stage.engine,
            mailing_id=mailing,
            identity=claimed.identity,
            token="t",
            outcomes=[refused],
            retry_hours=1,
            lease_seconds=60,
        )

    return write_down


@pytest.mark.parametrize(
    "prepare", [_leave, _act_on_a_complaint, _act_on_bounces_of_others, _record_a_refusal]
)
def test_who_waits_for_an_erasure_holds_nothing_that_it_waits_for(
    stage: Stage, prepare: Callable[[Stage], Callable[[], object]]
) -> None:
    """Else PostgreSQL ends one of the two with a deadlock."""
    work = prepare(stage)
    assert _amid_erasure(stage, work) is None
    assert _traces(stage) == []


def _newsletter(stage: Stage) -> NewsletterRow:
    with reading(stage.engine) as session:
        return find_newsletter(session, "digest")
