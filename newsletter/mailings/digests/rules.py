"""Rules: whether a newsletter offers digests, when they are sent and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.accounts.actors import words_for
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.tables import (
    DigestRow,
    DigestRuleRow,
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DigestDetail, Every, Frequency, SubscriptionState
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ConflictError, ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.digests.entries import forget_waiting
from newsletter.mailings.ledger.schedule import Schedule, first_hour
from newsletter.newsletters.recurrence import Rule

#: The stored rule of a digest.
DigestRule = DigestRuleRow
#: The frequencies of digests.
DIGESTS = (Frequency.WEEKLY, Frequency.MONTHLY)
_INTRODUCTION = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestTerms:
    """When a digest is sent and how it looks; see `DigestRuleRow` for each attribute."""

    offered: bool = False
    day: int = 0
    hour: str = "08:00"
    everywhere: bool = False
    introduction: str = ""
    detail: DigestDetail = DigestDetail.SUMMARIES
    template: str = ""


def terms_of(rule: DigestRule | None, frequency: Frequency) -> DigestTerms:
    """Return a rule's terms, or default terms if there is no rule."""
    if rule is None:
        return DigestTerms(day=0 if frequency is Frequency.WEEKLY else 1)
    return DigestTerms(
        offered=rule.offered,
        day=rule.day,
        hour=rule.hour,
        everywhere=rule.everywhere,
        introduction=rule.introduction,
        detail=rule.detail,
        template=rule.template,
    )


def find_rules(session: Session, newsletter_id: int) -> Mapping[Frequency, DigestRule]:
    """Return a newsletter's rules by frequency."""
    rows = session.scalars(select(DigestRule).where(DigestRule.newsletter_id == newsletter_id))
    return {row.frequency: row for row in rows}


def count_by_frequency(session: Session, newsletter_id: int) -> Mapping[Frequency, int]:
    """Return the number of confirmed subscribers by frequency."""
    rows = session.execute(
        select(SubscriptionRow.frequency, func.count())
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
        )
        .group_by(SubscriptionRow.frequency)
    )
    return dict(rows.all())


def dates_of(frequency: Frequency, day: int) -> Rule:
    """Return the rule for the dates of a digest.

    Raises:
        ListError: The day is not valid.
    """
    if frequency is Frequency.WEEKLY:
        return Rule(every=Every.WEEK, weekday=day)
    return Rule(every=Every.MONTH_DAY, ordinal=day)


def due_on(
    session: Session, newsletter: NewsletterRow, day: date, hour: str, *, everywhere: bool
) -> datetime:
    """Return when the first message of a digest is due on a day."""
    wall = datetime.combine(day, time.fromisoformat(hour))
    schedule = Schedule(hour=wall, everywhere=everywhere)
    due = first_hour(session, newsletter, schedule)
    return due or wall.replace(tzinfo=ZoneInfo(newsletter.time_zone))


def set_digest(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    frequency: Frequency,
    terms: DigestTerms,
    *,
    shown: str = "",
) -> None:
    """Set the terms of a digest, or stop offering it.

    ``shown`` is the state that the form showed; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A term is not valid; the place names it.
        EditConflictError: Another person changed the digest meanwhile.
    """
    if frequency not in DIGESTS:
        raise ListError(msg("A digest is weekly or monthly."), place=Place(field="frequency"))
    rule = session.get(DigestRule, (newsletter.id, frequency), with_for_update=True)
    terms = merge_changes(shown, terms, terms_of(rule, frequency)).require()
    _require_terms(frequency, terms)
    if rule is None:
        rule = DigestRule(newsletter_id=newsletter.id, frequency=frequency, paused=False)
    rule.offered, rule.day, rule.hour = terms.offered, terms.day, terms.hour
    rule.everywhere, rule.detail = terms.everywhere, terms.detail
    rule.introduction, rule.template = terms.introduction.strip(), terms.template
    rule.author = actor.name
    _move_on(session, newsletter, rule)
    session.add(rule)
    session.flush()
    record_event(
        session,
        actor,
        Action.NEWSLETTER_DIGEST,
        object=newsletter.slug,
        newsletter_id=newsletter.id,
        details={
            "frequency": frequency.value,
            "offered": terms.offered,
            "day": terms.day,
            "hour": terms.hour,
            "everywhere": terms.everywhere,
            "detail": terms.detail.value,
            "template": terms.template,
            "next": rule.next_on.isoformat(),
        },
    )


def pause_digest(
    session: Session, actor: Actor, newsletter: NewsletterRow, frequency: Frequency
) -> None:
    """Pause a digest until it is resumed; entries for its readers are still collected.

    Raises:
        ConflictError: The digest does not exist, or is paused already.
    """
    rule = _held(session, newsletter, frequency)
    if rule.paused:
        raise ConflictError(msg("This digest is paused already."))
    person = words_for(session, actor)
    rule.paused, rule.halt_reason = True, msg("Paused by {person}.", person=person)
    _record(session, actor, Action.DIGEST_PAUSE, newsletter, frequency)


def resume_digest(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    frequency: Frequency,
    *,
    without_waiting: bool = False,
) -> None:
    """Resume a digest from its next date on.

    Args:
        session: The database session, in a transaction.
        actor: The person who resumes.
        newsletter: The digest's newsletter.
        frequency: The digest's frequency.
        without_waiting: Whether to delete the waiting entries, for example after restoring a backup
            if readers are known to have received them.

    Raises:
        ConflictError: The digest does not exist, or is not paused.
    """
    rule = _held(session, newsletter, frequency)
    if not rule.paused:
        raise ConflictError(msg("This digest is not paused."))
    if without_waiting:
        forget_waiting(session, newsletter.id, frequency)
    rule.paused, rule.halt_reason = False, None
    _move_on(session, newsletter, rule)
    _record(
        session,
        actor,
        Action.DIGEST_RESUME,
        newsletter,
        frequency,
        {"next": rule.next_on.isoformat(), "without_waiting": without_waiting},
    )


def halt_digests(session: Session, reason: Message) -> None:
    """Pause all digests, because the database was set back and may not know of sent ones."""
    for rule in session.scalars(select(DigestRule).where(~DigestRule.paused)):
        rule.paused, rule.halt_reason = True, reason


def _held(session: Session, newsletter: NewsletterRow, frequency: Frequency) -> DigestRule:
    rule = session.get(DigestRule, (newsletter.id, frequency), with_for_update=True)
    if rule is None:
        raise ConflictError(
            msg("This newsletter has no such digest."),
            remedy=msg("Offer it first, on the newsletter’s page of digests."),
        )
    return rule


def _move_on(session: Session, newsletter: NewsletterRow, rule: DigestRule) -> None:
    """Set the next date: the first one in the future for which no digest exists."""
    moment = now()
    dates = dates_of(rule.frequency, rule.day)
    today = moment.astimezone(ZoneInfo(newsletter.time_zone)).date()
    last = session.scalar(
        select(func.max(DigestRow.period)).where(
            DigestRow.newsletter_id == newsletter.id, DigestRow.frequency == rule.frequency
        )
    )
    day = dates.first_from(today)
    due = due_on(session, newsletter, day, rule.hour, everywhere=rule.everywhere)
    while due <= moment or (last is not None and day <= last):
        day = dates.after(day)
        due = due_on(session, newsletter, day, rule.hour, everywhere=rule.everywhere)
    rule.next_on, rule.due_at = day, due


def _require_terms(frequency: Frequency, terms: DigestTerms) -> None:
    try:
        dates_of(frequency, terms.day)
    except ListError as error:
        raise ListError(
            msg("A digest cannot go out on day {day}.", day=terms.day),
            place=Place(field="day"),
            remedy=msg("Choose a day from 0 (Monday) to 6 (Sunday).")
            if frequency is Frequency.WEEKLY
            else msg("Choose a day from 1 to 31."),
        ) from error
    try:
        hour = time.fromisoformat(terms.hour)
    except ValueError:
        hour = None
    if hour is None or hour.strftime("%H:%M") != terms.hour:
        raise ListError(
            msg("“{text}” is not a time of day.", text=terms.hour[:20]),
            place=Place(field="hour"),
            remedy=msg("Write it as 08:00."),
        )
    if len(terms.introduction) > _INTRODUCTION or not all(
        line.isprintable() for line in terms.introduction.splitlines()
    ):
        raise ListError(
            msg("Keep it within {longest} characters.", longest=_INTRODUCTION),
            place=Place(field="introduction"),
        )


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    newsletter: NewsletterRow,
    frequency: Frequency,
    details: Mapping[Detail, object] | None = None,
) -> None:
    record_event(
        session,
        actor,
        action,
        object=newsletter.slug,
        newsletter_id=newsletter.id,
        details={"frequency": frequency.value, **(details or {})},
    )
