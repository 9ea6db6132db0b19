"""Enrolment: who is in which series, written in the transaction of the event that begins it.

So nobody is lost between the event and the series, whatever dies and whatever clocks say. An event
enrols once: a subscription by its confirmation, a tag by each giving of it, a date by its day.
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

#: States in which what happens to readers begins a series: a paused one goes on later.
_RUNNING = (SeriesState.ACTIVE, SeriesState.PAUSED)
_COLUMNS = (
    *("series_id", "newsletter_id", "subscriber_id", "event", "member_since", "state"),
    *("enrolled_at", "since", "from_day", "step_id"),
)


def first_step() -> ColumnElement[int | None]:
    """Return the first step of a series that is in effect, for a query of series."""
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
    """Enrol confirmed subscribers, in one statement, whom an event has not enrolled yet.

    Args:
        session: Within the transaction of the event.
        event: What names it, over ``SeriesRow`` and ``SubscriptionRow``.
        conditions: Which series, and whom, over the same.
        from_day: The day from which the first step's delay counts; now when None.

    Returns:
        How many were enrolled.
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
    """Return the condition that a series was begun for this subscription already."""
    return _enrolled(SeriesEnrolmentRow.member_since == SubscriptionRow.confirmed_at)


def note_joined(session: Session, newsletter_id: int, subscriber_id: int) -> None:
    """Enrol somebody who joined, in the series that begin with it.

    Called where readers confirm themselves and where staff add one person. A list that is imported
    greets nobody by itself: whoever wants that enrols them from the series' page.
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
    """Enrol people who were given tags that they had not, in the series that begin with those.

    Each giving counts once, so the caller names those alone who did not have the tag. Large
    numbers are for the caller to split, some hundreds at a time.
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
    """Return the tags that begin a series; most newsletters have none."""
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
    """Return the name of an event by its instant."""
    return moment.isoformat(timespec="microseconds")[:32]


def end_enrolments(
    session: Session,
    *conditions: ColumnElement[bool],
    because: EnrolmentEnd,
) -> int:
    """End enrolments that are under way; return how many."""
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
    """Let enrolments under way go on with a step; without one, they have come to the end.

    Args:
        session: Within the transaction that holds their series.
        step_id: The step that is next.
        conditions: Which enrolments.
        since: What its delay counts from; as before when None.
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
    """End the series of somebody who leaves a newsletter."""
    of_reader = (
        SeriesEnrolmentRow.newsletter_id == newsletter_id,
        SeriesEnrolmentRow.subscriber_id == subscriber_id,
    )
    if lock_enrolments(session, *of_reader):
        end_enrolments(session, *of_reader, because=EnrolmentEnd.LEFT)


def lock_enrolments(session: Session, *conditions: ColumnElement[bool]) -> frozenset[int]:
    """Lock enrolments that are under way; return their numbers.

    In one order, so that of a round and somebody who leaves neither waits for the other.
    """
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
    """Return the series somebody is or was in, ready for JSON.

    Args:
        session: The database.
        subscriber_id: Whose they are.
        slugs: What newsletters are called, by their numbers.
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
    """Let a reader's steps be looked at with the next round: their pause began or ended."""
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
    """Let a reader go on where they were in each series once they have another address.

    Their subscription there has just begun, which greets nobody anew: what it began goes. What the
    other address was in before stays as it was, and is not gone through a second time.
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
    """Let two who become one go through each series once, where either of them is in it.

    Who is in a series with both addresses goes on with the kept one's, and what the other was sent
    is passed over. Of a series that dates begin, each date is a turn of its own, and those of a
    date that is kept no more are left behind.

    Args:
        session: Within the transaction that holds the newsletter's series.
        newsletter_id: Whose series.
        source: Whose turns are taken over.
        target: Who goes on.
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
    """Let a turn leave out the steps that other turns of the same reader had."""
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
