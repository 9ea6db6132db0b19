"""Series under way: members enrolled, paused, resumed, and ended."""

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
    """Let a series send nothing for now; what happens to readers still enrols them.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not active, or somebody changed it meanwhile.
    """
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    move_series(session, series, SeriesState.PAUSED)
    for mailing in _mailings(session, series, {MailingState.SENDING}):
        pause_mailing(session, mailing.id, reason=_PAUSED)
    record(session, actor, Action.SERIES_PAUSE, series)


def resume_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Let a paused series go on; a step that was due over a week ago is passed over.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not paused, or somebody changed it meanwhile.
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
    """End a series for good; return for how many readers it ended before its last step.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is a draft or has ended, or somebody changed it meanwhile.
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
    """Enrol members of before, from the first step on, who were not; return how many.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not active, dates begin it, or somebody changed it meanwhile.
    """
    demand_right_to_run(session, actor, newsletter)
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
    """Count the members whom `enrol_members` would enrol now; of all times when no day is given."""
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
    """Return what a newsletter asks of whoever puts steps into effect or enrols members.

    A series mails by itself from then on: it takes who may send, or, where issues need approval,
    who may approve.
    """
    return Permission.APPROVE if newsletter.approval_required else Permission.SEND


def demand_right_to_run(session: Session, actor: Actor, newsletter: NewsletterRow) -> None:
    """Refuse whoever may neither send nor, where issues need it, approve.

    Raises:
        ForbiddenError: They may not.
    """
    rights_of_actor(session, actor).demand(needed_to_run(newsletter), newsletter.id)


def move_series(
    session: Session,
    series: SeriesRow,
    target: SeriesState,
    *,
    sources: set[SeriesState] | None = None,
) -> None:
    """Move a series to another state.

    Raises:
        ConflictError: It cannot go there from where it is.
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
    """Enrol members who joined since a day; return how many.

    Raises:
        ConflictError: Dates begin it.
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
