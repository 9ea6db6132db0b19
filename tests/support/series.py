"""Series as tests begin with: written, activated, and their time let pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DeliveryRow,
    MailingRow,
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import get_draft, save_draft
from newsletter.issues.sources.reading import read_issue
from newsletter.mailings.series.actions import SeriesPlan, add_series, add_step
from newsletter.mailings.series.activation import activate
from newsletter.mailings.series.due import Timing
from newsletter.newsletters.publications import find_newsletter
from newsletter.settings import Settings
from subscribers.joining import Origin, subscribe
from subscribers.people import find_or_add_person

AT_ONCE = Timing()
BODY = "本文です。詳しくは[町のページ](https://town.example.jp/)をご覧ください。"


def write_step(session: Session, step: SeriesStepRow, title: str, body: str = BODY) -> None:
    """Write a step's issue, as an editor does."""
    series = session.get_one(SeriesRow, step.series_id)
    assert step.draft_id is not None
    draft = get_draft(session, series.newsletter_id, step.draft_id)
    text = f"---\ntitle: {title}\ndate: 2026-12-01\n---\n\n{body}\n"
    save_draft(session, draft, read_issue(text.encode(), source="issue").issue, author="editor")


def begin_series(
    engine: Engine,
    *timings: Timing,
    plan: SeriesPlan | None = None,
    bodies: Sequence[str] = (),
    active: bool = True,
    joined_since: date | None = None,
) -> int:
    """Make a series of written steps, and activate it; return its number."""
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "digest")
        row = add_series(session, COMMAND_LINE, newsletter, plan or SeriesPlan(name="ようこそ"))
        for number, timing in enumerate(timings or (AT_ONCE,), 1):
            step = add_step(
                session,
                COMMAND_LINE,
                newsletter,
                row.id,
                timing,
                title=f"第{number}回",
                revision=row.revision,
            )
            write_step(session, step, f"第{number}回", (*bodies, *[BODY] * number)[number - 1])
        if active:
            activate(
                session,
                COMMAND_LINE,
                newsletter,
                row.id,
                Settings(_env_file=None),
                revision=row.revision,
                joined_since=joined_since,
            )
        return row.id


def join(engine: Engine, address: str, **known: Any) -> int:
    """Let somebody join as by their confirmation link; return their number."""
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "digest")
        person = find_or_add_person(session, parse_address(address))
        subscribe(
            session,
            newsletter_id=newsletter.id,
            subscriber_id=person.id,
            origin=Origin(source="test", network="", wording="同意", language=Language.JAPANESE),
            known=known or None,
        )
        return person.id


def let_pass(engine: Engine, time: timedelta) -> None:
    """Let time pass, by putting into the past all that a series and its readers wait for."""
    with transaction(engine) as session:
        for row in session.scalars(select(SeriesEnrolmentRow)):
            row.since -= time
            row.planned_for = row.planned_for and row.planned_for - time
            row.due_at = row.due_at and row.due_at - time
            if row.from_day is not None:
                row.from_day -= time
        for copy in session.scalars(select(SeriesCopyRow)):
            copy.day -= time
            copy.decided_at -= time
        for relation in session.scalars(
            select(SubscriptionRow).where(SubscriptionRow.paused_until.is_not(None))
        ):
            assert relation.paused_until is not None
            relation.paused_until -= time
        session.execute(update(SeriesRow).values(looked_at=None))


def copies(engine: Engine) -> Counter[tuple[str, str]]:
    """Return how often each reader is in the ledger for each step, by address and title."""
    with reading(engine) as session:
        rows = session.execute(
            select(SubscriberRow.address, MailingRow.title)
            .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
            .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
            .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
        )
        return Counter((address or "", title) for address, title in rows)


def enrolments(engine: Engine, series_id: int) -> dict[int, Any]:
    """Return the enrolments of a series by subscriber, the newest of each."""
    with reading(engine) as session:
        rows = session.scalars(
            select(SeriesEnrolmentRow)
            .where(SeriesEnrolmentRow.series_id == series_id)
            .order_by(SeriesEnrolmentRow.id)
        ).all()
        return {row.subscriber_id: row for row in rows}
