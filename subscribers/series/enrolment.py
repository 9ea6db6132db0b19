"""Enrolments of people in series, written in the transaction of the event that starts the series.

Therefore no enrolment is lost, even if a process is killed or clocks differ. Each event enrols a
person once: the confirmation of a subscription, each adding of a tag, the day of a date.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesRow,
    SeriesStepRow,
    SubscriptionRow,
)
from newsletter.database.types import UtcDateTime, now
from newsletter.database.vocabulary import (
    EnrolmentEnd,
    EnrolmentState,
    SeriesState,
    SeriesTrigger,
    SubscriptionState,
)

#: States in which events enrol readers; a paused series continues later.
_RUNNING = (SeriesState.ACTIVE, SeriesState.PAUSED)
_COLUMNS = (
    *("series_id", "newsletter_id", "subscriber_id", "event", "member_since", "state"),
    *("enrolled_at", "since", "from_day", "step_id"),
)


def first_step() -> ColumnElement[int | None]:
    """Return the subquery of the first active step, for a query of series."""
    return (
        select(SeriesStepRow.id)
        .where(
            SeriesStepRow.series_id == SeriesRow.id,
            SeriesStepRow.removed_at.is_(None),
            SeriesStepRow.version > 0,
        )
        .order_by(SeriesStepRow.position, SeriesStepRow.id)
        .limit(1)
        .correlate(SeriesRow)
        .scalar_subquery()
    )


def enrol(
    session: Session,
    event: ColumnElement[str],
    *conditions: ColumnElement[bool],
    from_day: ColumnElement[date] | None = None,
) -> int:
    """Enrol confirmed subscribers that the event has not enrolled yet, in one statement.

    Args:
        session: The database session, in the transaction of the event.
        event: The name of the event, as an expression of ``SeriesRow`` and ``SubscriptionRow``.
        conditions: Conditions on the series and the people, in terms of the same tables.
        from_day: The day from which the first step's delay counts; today if None.

    Returns:
        The number of enrolments.
    """
    moment = now()
    people = (
        select(
            SeriesRow.id,
            SubscriptionRow.newsletter_id,
            SubscriptionRow.subscriber_id,
            event,
            SubscriptionRow.confirmed_at,
            literal(EnrolmentState.ACTIVE.value),
            literal(moment, UtcDateTime()),
            literal(moment, UtcDateTime()),
            null() if from_day is None else from_day,
            first_step(),
        )
        .join(SubscriptionRow, SubscriptionRow.newsletter_id == SeriesRow.newsletter_id)
        .where(
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            ~_enrolled(SeriesEnrolmentRow.event == event),
            *conditions,
        )
        .order_by(SeriesRow.id, SubscriptionRow.subscriber_id)
    )
    statement = insert(SeriesEnrolmentRow).from_select(_COLUMNS, people, include_defaults=False)
    return session.connection().execute(statement).rowcount


def _enrolled(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        SeriesEnrolmentRow.series_id == SeriesRow.id,
        SeriesEnrolmentRow.subscriber_id == SubscriptionRow.subscriber_id,
        *conditions,
    )


def is_greeted() -> ColumnElement[bool]:
    """Return the condition that this subscription has started a series already."""
    return _enrolled(SeriesEnrolmentRow.member_since == SubscriptionRow.confirmed_at)


def note_joined(session: Session, newsletter_id: int, subscriber_id: int) -> None:
    """Enrol a person who joined in the series that start with joining.

    This is called when readers confirm and when staff add one person. An import does not enrol
    anybody; staff can do so on the page of the series.
    """
    enrol(
        session,
        literal(event_at(now())),
        _begins(newsletter_id, SeriesTrigger.JOINED),
        SubscriptionRow.subscriber_id == subscriber_id,
        ~is_greeted(),
    )


def note_tags(
    session: Session, newsletter_id: int, people: Collection[int], tags: Collection[str]
) -> None:
    """Enrol people who got new tags in the series that start with these tags.

    Each addition of a tag counts as an event, so callers must pass only people who did not have the
    tag before. Callers must split large numbers of people into groups of some hundreds.
    """
    if not people or not tags:
        return
    enrol(
        session,
        literal(event_at(now())),
        _begins(newsletter_id, SeriesTrigger.TAG),
        SeriesRow.subject.in_(tags),
        SubscriptionRow.subscriber_id.in_(people),
    )


def waited_tags(session: Session, newsletter_id: int) -> Sequence[str]:
    """Return the tags that start a series; most newsletters have none."""
    return session.scalars(
        select(SeriesRow.subject).where(_begins(newsletter_id, SeriesTrigger.TAG)).distinct()
    ).all()


def _begins(newsletter_id: int, trigger: SeriesTrigger) -> ColumnElement[bool]:
    return (
        (SeriesRow.newsletter_id == newsletter_id)
        & (SeriesRow.trigger == trigger)
        & SeriesRow.state.in_(_RUNNING)
    )


def event_at(moment: datetime) -> str:
    """Return the name of an event, which is its time."""
    return moment.isoformat(timespec="microseconds")[:32]


def end_enrolments(
    session: Session,
    *conditions: ColumnElement[bool],
    because: EnrolmentEnd,
) -> int:
    """End active enrolments; return their number."""
    ended = session.connection().execute(
        update(SeriesEnrolmentRow)
        .where(SeriesEnrolmentRow.state == EnrolmentState.ACTIVE, *conditions)
        .values(
            state=EnrolmentState.ENDED,
            ended_because=because,
            ended_at=now(),
            due_at=None,
        )
    )
    return ended.rowcount


def go_to_step(
    session: Session,
    step_id: int | None,
    *conditions: ColumnElement[bool],
    since: datetime | None = None,
) -> None:
    """Set the next step of active enrolments; without a step, they have finished.

    Args:
        session: The database session, in the transaction that has locked the series.
        step_id: The next step.
        conditions: Conditions on the enrolments.
        since: The moment from which the step's delay counts; unchanged if None.
    """
    values: dict[str, object] = {"step_id": step_id, "planned_for": None, "due_at": None}
    if since is not None:
        values |= {"since": since, "from_day": None}
    if step_id is None:
        values |= {"state": EnrolmentState.FINISHED, "ended_at": now()}
    session.execute(
        update(SeriesEnrolmentRow)
        .where(SeriesEnrolmentRow.state == EnrolmentState.ACTIVE, *conditions)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def end_of_reader(session: Session, newsletter_id: int, subscriber_id: int) -> None:
    """End the series of a person who unsubscribes from a newsletter."""
    of_reader = (
        SeriesEnrolmentRow.newsletter_id == newsletter_id,
        SeriesEnrolmentRow.subscriber_id == subscriber_id,
    )
    if lock_enrolments(session, *of_reader):
        end_enrolments(session, *of_reader, because=EnrolmentEnd.LEFT)


def lock_enrolments(session: Session, *conditions: ColumnElement[bool]) -> frozenset[int]:
    """Lock active enrolments in the order of their ids, which avoids deadlocks; return the ids."""
    return frozenset(
        session.scalars(
            select(SeriesEnrolmentRow.id)
            .where(SeriesEnrolmentRow.state == EnrolmentState.ACTIVE, *conditions)
            .order_by(SeriesEnrolmentRow.id)
            .with_for_update()
        )
    )


def series_held(
    session: Session, subscriber_id: int, slugs: Mapping[int, str]
) -> list[dict[str, str | None]]:
    """Return the present and past series of a person, ready for JSON.

    Args:
        session: The database session.
        subscriber_id: The person.
        slugs: The short names of newsletters, by id.
    """
    rows = session.execute(
        select(SeriesEnrolmentRow, SeriesRow.name)
        .join(SeriesRow, SeriesRow.id == SeriesEnrolmentRow.series_id)
        .where(SeriesEnrolmentRow.subscriber_id == subscriber_id)
        .order_by(SeriesEnrolmentRow.id)
    )
    return [
        {
            "newsletter": slugs.get(row.newsletter_id, ""),
            "series": name,
            "state": row.state.value,
            "ended_because": row.ended_because.value if row.ended_because else None,
            "enrolled_at": row.enrolled_at.isoformat(),
            "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        }
        for row, name in rows
    ]


def look_again(session: Session, subscriber_id: int) -> None:
    """Have the next planning round check a reader's steps, since a pause began or ended."""
    session.execute(
        update(SeriesEnrolmentRow)
        .where(
            SeriesEnrolmentRow.subscriber_id == subscriber_id,
            SeriesEnrolmentRow.state == EnrolmentState.ACTIVE,
        )
        .values(due_at=SeriesEnrolmentRow.planned_for)
        .execution_options(synchronize_session=False)
    )


def move_enrolments(session: Session, newsletter_id: int, source: int, target: int) -> None:
    """Continue a reader's series at their new address.

    Enrolments that the new subscription has just created are deleted, so that the reader does not
    get a series again. Older enrolments of the new address are kept and not repeated.
    """
    fresh = session.scalar(
        select(SubscriptionRow.confirmed_at).where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == target,
        )
    )
    theirs = (
        SeriesEnrolmentRow.newsletter_id == newsletter_id,
        SeriesEnrolmentRow.subscriber_id == target,
    )
    session.execute(
        delete(SeriesEnrolmentRow)
        .where(*theirs, SeriesEnrolmentRow.member_since == fresh)
        .execution_options(synchronize_session=False)
    )
    had = select(SeriesEnrolmentRow.series_id, SeriesEnrolmentRow.event).where(*theirs).subquery()
    session.execute(
        update(SeriesEnrolmentRow)
        .where(
            SeriesEnrolmentRow.newsletter_id == newsletter_id,
            SeriesEnrolmentRow.subscriber_id == source,
            ~exists().where(
                had.c.series_id == SeriesEnrolmentRow.series_id,
                had.c.event == SeriesEnrolmentRow.event,
            ),
        )
        .values(subscriber_id=target, member_since=fresh)
        .execution_options(synchronize_session=False)
    )


def unite_enrolments(
    session: Session,
    newsletter_id: int,
    source: int,
    target: int,
    *,
    same_fields: Collection[str],
) -> None:
    """Unite the enrolments of two people who are merged, so that each series runs once.

    If both are enrolled in a series, the enrolment of the kept person continues without the steps
    that the other person got. In a series that starts at a date, each date has its own enrolment;
    the enrolments of a date that is not kept are not taken over.

    Args:
        session: The database session, in the transaction that has locked the newsletter's series.
        newsletter_id: The newsletter.
        source: The person whose enrolments are taken over.
        target: The person who is kept.
        same_fields: The keys of the fields whose value is that of ``source``.
    """
    rows = session.execute(
        select(SeriesEnrolmentRow, SeriesRow)
        .join(SeriesRow, SeriesRow.id == SeriesEnrolmentRow.series_id)
        .where(
            SeriesEnrolmentRow.newsletter_id == newsletter_id,
            SeriesEnrolmentRow.subscriber_id.in_((source, target)),
        )
        .order_by(SeriesEnrolmentRow.id)
        .with_for_update(of=SeriesEnrolmentRow)
    ).all()
    turns: dict[tuple[int, str], list[SeriesEnrolmentRow]] = {}
    for row, series in rows:
        by_date = series.trigger is SeriesTrigger.DATE
        if by_date and row.subscriber_id == source and series.subject not in same_fields:
            continue
        turns.setdefault((series.id, row.event if by_date else ""), []).append(row)
    fresh = session.scalar(
        select(SubscriptionRow.confirmed_at).where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == target,
        )
    )
    for each in turns.values():
        _unite_turns(session, each, source, target, fresh)


def _unite_turns(
    session: Session,
    turns: Sequence[SeriesEnrolmentRow],
    source: int,
    target: int,
    fresh: datetime | None,
) -> None:
    theirs = [row for row in turns if row.subscriber_id == source]
    own = [row for row in turns if row.subscriber_id == target]
    going = next((row for row in own if row.state is EnrolmentState.ACTIVE), None)
    moving = theirs if not own else []
    if own and going is None and all(row.state is EnrolmentState.ENDED for row in own):
        events = {row.event for row in own}
        moving = [
            row for row in theirs if row.state is EnrolmentState.ACTIVE and row.event not in events
        ]
        going = moving[0] if moving else None
    for row in moving:
        row.subscriber_id, row.member_since = target, fresh
    session.flush()
    session.execute(
        update(SeriesCopyRow)
        .where(SeriesCopyRow.enrolment_id.in_([row.id for row in moving]))
        .values(subscriber_id=target)
        .execution_options(synchronize_session=False)
    )
    if going is not None:
        _pass_over(session, going, [row.id for row in turns if row is not going])


def _pass_over(session: Session, going: SeriesEnrolmentRow, others: Collection[int]) -> None:
    """Skip the steps in an enrolment that other enrolments of the same reader have sent."""
    copies = session.scalars(select(SeriesCopyRow).where(SeriesCopyRow.enrolment_id.in_(others)))
    passed = {
        copy.step_id: {
            "enrolment_id": going.id,
            "step_id": copy.step_id,
            "newsletter_id": copy.newsletter_id,
            "subscriber_id": going.subscriber_id,
            "mailing_id": None,
            "day": copy.day,
            "decided_at": copy.decided_at,
        }
        for copy in copies
    }
    if passed:
        insert_missing(session, SeriesCopyRow, [*passed.values()])
