"""Recurrence: the dates on which a newsletter appears, and the automatic creation of drafts.

One transaction creates a draft and moves the recurrence to its next date, if the recurrence has not
changed meanwhile. So each date gets exactly one draft, even with two hosts or after a kill.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DraftRow,
    IssuePatternRow,
    IssueRow,
    NewsletterRow,
    RecurrenceRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Every
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ListError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.reuse import start_from
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.store import last_edition

#: A stored recurrence.
Recurrence = RecurrenceRow
_DAYS = 7
_LAST_DAY = 31
_EARLIEST = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The rule for dates; see `RecurrenceRow` for its numbers.

    Raises:
        ListError: A number is out of range.
    """

    every: Every
    weekday: int = 0
    ordinal: int = 1

    def __post_init__(self) -> None:
        by_day = self.every is Every.MONTH_DAY
        fits = range(1, _LAST_DAY + 1) if by_day else (-1, 1, 2, 3, 4)
        if self.weekday not in range(_DAYS) or self.ordinal not in fits:
            raise ListError(msg("This schedule has no dates."), remedy=msg("Choose another day."))

    def first_from(self, day: date) -> date:
        """Return the first date on or after a day."""
        if self.every in {Every.WEEK, Every.TWO_WEEKS}:
            return day + timedelta(days=(self.weekday - day.weekday()) % _DAYS)
        within = self._of_month(day.year, day.month)
        if within >= day:
            return within
        year, month = divmod(day.year * 12 + day.month, 12)
        return self._of_month(year, month + 1)

    def after(self, day: date) -> date:
        """Return the date after one of its dates."""
        if self.every is Every.TWO_WEEKS:
            return day + timedelta(days=2 * _DAYS)
        return self.first_from(day + timedelta(days=1))

    def _of_month(self, year: int, month: int) -> date:
        length = calendar.monthrange(year, month)[1]
        if self.every is Every.MONTH_DAY:
            return date(year, month, min(self.ordinal, length))
        if self.ordinal < 0:
            last = date(year, month, length)
            return last - timedelta(days=(last.weekday() - self.weekday) % _DAYS)
        first = date(year, month, 1)
        offset = (self.weekday - first.weekday()) % _DAYS
        return first + timedelta(days=offset + _DAYS * (self.ordinal - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurrencePlan:
    """When drafts are created, and from what; see `set_recurrence`.

    Attributes:
        rule: Merged as a whole: the weekday of one person and the week of another would be a
            combination that nobody has chosen.
    """

    rule: Rule | None = None
    days_before: int = 7
    pattern_id: int | None = None


def schedule_of(recurrence: Recurrence | None) -> RecurrencePlan:
    """Return the plan of a recurrence; the default, without dates, if there is none."""
    if recurrence is None:
        return RecurrencePlan()
    return RecurrencePlan(
        rule=rule_of(recurrence),
        days_before=recurrence.days_before,
        pattern_id=recurrence.pattern_id,
    )


def rule_of(recurrence: Recurrence) -> Rule:
    """Return the rule of a stored recurrence."""
    return Rule(every=recurrence.every, weekday=recurrence.weekday, ordinal=recurrence.ordinal)


def find_recurrence(session: Session, newsletter_id: int) -> Recurrence | None:
    """Return a newsletter's recurrence, if it has one."""
    return session.get(Recurrence, newsletter_id)


def set_recurrence(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    rule: Rule | None,
    *,
    days_before: int = 7,
    pattern_id: int | None = None,
    start: date | None = None,
    shown: str = "",
) -> None:
    """Set the recurrence by which drafts are created, or (None) end it.

    Args:
        session: The database session, in a transaction.
        actor: The person who sets it.
        newsletter: The newsletter.
        rule: The rule for the dates of its issues.
        days_before: The number of days between a draft's creation and the issue's date.
        pattern_id: The pattern for drafts; None for the last issue.
        start: The day from which the first date is looked for; None for today.
        shown: The state that the form showed; see `newsletter.edit_conflicts`.

    Raises:
        EditConflictError: Another person changed the same values meanwhile.
        ListError: Drafts would be created after their date, or more than two months before it.
    """
    if days_before not in range(_EARLIEST + 1):
        raise ListError(msg("A draft opens 0 to {most} days before its date.", most=_EARLIEST))
    row = session.get(Recurrence, newsletter.id, with_for_update=True)
    kept = schedule_of(row)
    sent = RecurrencePlan(rule=rule, days_before=days_before, pattern_id=pattern_id)
    wanted = merge_changes(shown, sent, kept).require()
    if shown and wanted == kept and start is None:
        return
    rule = wanted.rule
    details: dict[Detail, object] = {"every": "never"}
    if rule is None:
        if row is not None:
            session.delete(row)
    else:
        today = now().astimezone(ZoneInfo(newsletter.time_zone)).date()
        first = rule.first_from(max(start or today, today))
        if row is None:
            row = Recurrence(newsletter_id=newsletter.id)
            session.add(row)
        row.every, row.weekday, row.ordinal = rule.every, rule.weekday, rule.ordinal
        row.days_before, row.pattern_id = wanted.days_before, wanted.pattern_id
        row.next_on, row.author = first, actor.name
        details = {
            "every": rule.every.value,
            "next": first.isoformat(),
            "before": wanted.days_before,
        }
    session.flush()
    record_event(
        session,
        actor,
        Action.NEWSLETTER_RECURRENCE,
        object=newsletter.slug,
        newsletter_id=newsletter.id,
        details=details,
    )


def next_dates(session: Session, newsletter_ids: Sequence[int]) -> Sequence[tuple[int, date, date]]:
    """Return newsletter ids with the next issue's date and the day of the draft's creation."""
    rows = session.scalars(
        select(Recurrence)
        .where(Recurrence.newsletter_id.in_(newsletter_ids))
        .order_by(Recurrence.next_on)
    )
    return [
        (row.newsletter_id, row.next_on, row.next_on - timedelta(days=row.days_before))
        for row in rows
    ]


def open_due_drafts(engine: Engine, moment: datetime | None = None) -> int:
    """Create the drafts that are due; return their number."""
    moment = moment or now()
    with reading(engine) as session:
        rows = session.execute(
            select(Recurrence, NewsletterRow.time_zone).join(
                NewsletterRow, NewsletterRow.id == Recurrence.newsletter_id
            )
        ).all()
        due = [
            row
            for row, zone in rows
            if row.next_on - timedelta(days=row.days_before)
            <= moment.astimezone(ZoneInfo(zone)).date()
        ]
    return sum(_open(engine, row, moment) for row in due)


def _open(engine: Engine, recurrence: Recurrence, moment: datetime) -> bool:
    day, rule = recurrence.next_on, rule_of(recurrence)
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, recurrence.newsletter_id)
        today = moment.astimezone(ZoneInfo(newsletter.time_zone)).date()
        following = rule.after(day)
        # Dates that passed while no worker was running are skipped.
        while following < today:
            following = rule.after(following)
        moved = session.scalar(
            update(Recurrence)
            .where(Recurrence.newsletter_id == newsletter.id, Recurrence.next_on == day)
            .values(next_on=following)
            .returning(Recurrence.newsletter_id)
        )
        if moved is None or day < today or day in _begun_days(session, newsletter.id):
            return False
        begun = _begin(session, newsletter, recurrence, day)
        record_event(
            session,
            Actor(account_id=None, name=recurrence.author, door=""),
            Action.ISSUE_OPEN,
            object=f"draft {begun}",
            newsletter_id=newsletter.id,
            details={"date": day.isoformat()},
        )
    return True


def next_free_date(session: Session, newsletter: NewsletterRow) -> date | None:
    """Return the next date of the schedule of which nobody began the issue; None without one."""
    recurrence = find_recurrence(session, newsletter.id)
    if recurrence is None:
        return None
    today = now().astimezone(ZoneInfo(newsletter.time_zone)).date()
    rule, day = rule_of(recurrence), recurrence.next_on
    begun = _begun_days(session, newsletter.id)
    while day < today or day in begun:
        day = rule.after(day)
    return day


def _begun_days(session: Session, newsletter_id: int) -> set[date]:
    """Return the days of which somebody began, or sent, the issue already."""
    written = session.scalars(
        select(DraftRow.content).where(DraftRow.newsletter_id == newsletter_id)
    )
    kept = session.scalars(
        select(IssueRow.issue_date).where(
            IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None)
        )
    )
    return {date.fromisoformat(str(content["issue_date"])) for content in written} | set(kept)


def _begin(session: Session, newsletter: NewsletterRow, recurrence: Recurrence, day: date) -> int:
    source: IssuePatternRow | IssueRow | None = None
    if recurrence.pattern_id is not None:
        source = session.get(IssuePatternRow, recurrence.pattern_id)
    if source is None:
        source = last_edition(session, newsletter.id)
    if source is None:
        empty = Issue(title=newsletter.name, issue_date=day, language=newsletter.language)
        return create_draft(session, newsletter.id, empty, author=recurrence.author).id
    return start_from(
        session,
        newsletter.id,
        issue_from_json(source.content),
        author=recurrence.author,
        template=source.template,
        day=day,
    ).id
