"""Running series: pause, resume, end, and enrol present members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, rights_of_actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.states import moving_series
from newsletter.database.tables import (
    MailingRow,
    NewsletterRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    EnrolmentEnd,
    MailingState,
    SeriesState,
    SeriesTrigger,
    SubscriptionState,
)
from newsletter.database.words import name_of
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.mailings.mailings import cancel_mailing, pause_mailing, resume_mailing
from newsletter.mailings.series.actions import hold_series, record
from subscribers.segments.compile import segment_clause
from subscribers.series.enrolment import end_enrolments, enrol, event_at, is_greeted
from subscribers.suppression import is_suppressed

_PAUSED = msg("The series is paused.")


def pause_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Pause a series; events still enrol readers meanwhile.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series is not active, or another person changed it meanwhile.
    """
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    move_series(session, series, SeriesState.PAUSED)
    for mailing in _mailings(session, series, {MailingState.SENDING}):
        pause_mailing(session, mailing.id, reason=_PAUSED)
    record(session, actor, Action.SERIES_PAUSE, series)


def resume_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Resume a paused series; steps that have been due for more than a week are skipped.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series is not paused, or another person changed it meanwhile.
    """
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    move_series(session, series, SeriesState.ACTIVE, sources={SeriesState.PAUSED})
    for mailing in _mailings(session, series, {MailingState.PAUSED}):
        if mailing.halt_reason == _PAUSED:
            resume_mailing(session, mailing.id)
    record(session, actor, Action.SERIES_RESUME, series)


def end_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> int:
    """End a series for ever; return the number of readers who had not got its last step.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series is a draft or has ended, or another person changed it meanwhile.
    """
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    move_series(session, series, SeriesState.ENDED)
    for mailing in _mailings(session, series, {MailingState.SENDING, MailingState.PAUSED}):
        cancel_mailing(session, mailing.id)
    ended = end_enrolments(
        session,
        SeriesEnrolmentRow.series_id == series.id,
        because=EnrolmentEnd.SERIES_ENDED,
    )
    record(session, actor, Action.SERIES_END, series, {"readers": ended})
    return ended


def enrol_members(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series_id: int,
    *,
    joined_since: date,
    revision: int | None,
) -> int:
    """Enrol present members who were not enrolled yet, from the first step on; return their number.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series is not active, begins by dates, or was changed by another person
            meanwhile.
    """
    require_right_to_run(session, actor, newsletter)
    series = hold_series(session, newsletter.id, series_id, revision=revision)
    if series.state is not SeriesState.ACTIVE:
        raise ConflictError(msg("The series is not active."), remedy=msg("Activate it."))
    enrolled = enrol_since(session, newsletter, series, joined_since)
    series.revision += 1
    record(
        session,
        actor,
        Action.SERIES_ENROL,
        series,
        {"since": joined_since.isoformat(), "enrolled": enrolled},
    )
    return enrolled


def count_members(
    session: Session, newsletter: NewsletterRow, series: SeriesRow, joined_since: date | None
) -> int:
    """Count the members whom `enrol_members` would enrol; all of them if no day is given."""
    return (
        session.scalar(
            select(func.count())
            .select_from(SubscriptionRow)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .join(SeriesRow, SeriesRow.newsletter_id == SubscriptionRow.newsletter_id)
            .where(
                SubscriptionRow.state == SubscriptionState.CONFIRMED,
                *_members(newsletter, series, joined_since),
            )
        )
        or 0
    )


def needed_to_run(newsletter: NewsletterRow) -> Permission:
    """Return the permission that is needed to put steps into effect or to enrol members.

    A series sends mail by itself from then on. This needs the permission to send or, if the
    newsletter requires approval, to approve.
    """
    return Permission.APPROVE if newsletter.approval_required else Permission.SEND


def require_right_to_run(session: Session, actor: Actor, newsletter: NewsletterRow) -> None:
    """Check the permission of `needed_to_run`.

    Raises:
        ForbiddenError: The actor does not have it.
    """
    rights_of_actor(session, actor).require(needed_to_run(newsletter), newsletter.id)


def move_series(
    session: Session,
    series: SeriesRow,
    target: SeriesState,
    *,
    sources: set[SeriesState] | None = None,
) -> None:
    """Move a series to another state.

    Raises:
        ConflictError: The state table does not permit this transition.
    """
    moved = session.scalar(
        moving_series(target, sources=sources)
        .where(SeriesRow.id == series.id)
        .values(halt_reason=None)
        .returning(SeriesRow.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise ConflictError(
            msg(
                "The series is in the state “{state}”; it cannot go to “{target}”.",
                state=name_of(series.state),
                target=name_of(target),
            )
        )
    session.refresh(series)


def _mailings(
    session: Session, series: SeriesRow, states: set[MailingState]
) -> Sequence[MailingRow]:
    return session.scalars(
        select(MailingRow)
        .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
        .join(SeriesStepRow, SeriesStepRow.id == SeriesMailingRow.step_id)
        .where(SeriesStepRow.series_id == series.id, MailingRow.state.in_(states))
        .order_by(MailingRow.id)
    ).all()


def enrol_since(
    session: Session, newsletter: NewsletterRow, series: SeriesRow, joined_since: date
) -> int:
    """Enrol members who joined on a day or later; return their number.

    Raises:
        ConflictError: The series begins by dates.
    """
    if series.trigger is SeriesTrigger.DATE:
        raise ConflictError(
            msg("Dates begin this series; nobody is enrolled before theirs."),
        )
    people = (
        select(SubscriptionRow.subscriber_id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .join(SeriesRow, SeriesRow.newsletter_id == SubscriptionRow.newsletter_id)
        .where(*_members(newsletter, series, joined_since))
    )
    return enrol(
        session,
        literal(event_at(now())),
        SeriesRow.id == series.id,
        SubscriptionRow.subscriber_id.in_(people),
    )


def _members(
    newsletter: NewsletterRow, series: SeriesRow, joined_since: date | None
) -> tuple[ColumnElement[bool], ...]:
    members = [
        SeriesRow.id == series.id,
        ~is_greeted(),
        ~is_suppressed(SubscriberRow.address_key, newsletter.id),
        segment_clause(series.condition, newsletter.id, time_zone=newsletter.time_zone),
    ]
    if series.trigger is SeriesTrigger.TAG:
        members.append(
            exists().where(
                TagRow.newsletter_id == newsletter.id,
                TagRow.subscriber_id == SubscriptionRow.subscriber_id,
                TagRow.tag == series.subject,
            )
        )
    if joined_since is not None:
        zone = ZoneInfo(newsletter.time_zone)
        members.append(
            SubscriptionRow.confirmed_at >= datetime.combine(joined_since, time(), tzinfo=zone)
        )
    return tuple(members)
