"""Figures of series: readers per step, and the results of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.states import FINAL
from newsletter.database.tables import (
    DeliveryRow,
    DraftRow,
    MailingLinkRow,
    MailingRow,
    SeriesCopyRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    EnrolmentEnd,
    EnrolmentState,
    SeriesState,
    SeriesTrigger,
)
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.mailings.series.steps import (
    list_steps,
    steps_in_effect,
    timing_of,
    writers_since_effect,
)

#: A step that has been due for this long and was not planned is overdue.
_OVERDUE = timedelta(minutes=15)
_WAITING = frozenset(DeliveryState) - FINAL


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSums:
    """The results of a step, in all its versions."""

    sent: int = 0
    queued: int = 0
    missed: int = 0
    left: int = 0
    clicks: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """The results of a series."""

    waiting: Mapping[int, int] = field(default_factory=dict)
    steps: Mapping[int, StepSums] = field(default_factory=dict)
    states: Mapping[EnrolmentState, int] = field(default_factory=dict)
    ends: Mapping[EnrolmentEnd, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownStep:
    """A step as the series' page shows it.

    Attributes:
        is_changed: Whether its mail was changed since it was put into effect.
        mailing_ids: Its mailings, the newest first.
    """

    step: SeriesStepRow
    title: str
    is_changed: bool
    mailing_ids: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overdue:
    """A series with steps that are due but not planned, the oldest of them ``since``."""

    series_id: int
    newsletter_id: int
    name: str
    since: datetime


def list_series(session: Session, newsletter_id: int) -> Sequence[tuple[SeriesRow, int, int]]:
    """Return a newsletter's series by name, each with its numbers of steps and readers."""
    steps: dict[int, int] = dict(
        session.execute(
            select(SeriesStepRow.series_id, func.count())
            .where(SeriesStepRow.removed_at.is_(None))
            .group_by(SeriesStepRow.series_id)
        ).all()
    )
    readers: dict[int, int] = dict(
        session.execute(
            select(SeriesEnrolmentRow.series_id, func.count())
            .where(
                SeriesEnrolmentRow.newsletter_id == newsletter_id,
                SeriesEnrolmentRow.state == EnrolmentState.ACTIVE,
            )
            .group_by(SeriesEnrolmentRow.series_id)
        ).all()
    )
    rows = session.scalars(
        select(SeriesRow)
        .where(SeriesRow.newsletter_id == newsletter_id)
        .order_by(SeriesRow.state == SeriesState.ENDED, SeriesRow.name)
    ).all()
    return [(row, steps.get(row.id, 0), readers.get(row.id, 0)) for row in rows]


def get_series(session: Session, newsletter_id: int, series_id: int) -> SeriesRow:
    """Return a series.

    Raises:
        NotFoundError: The newsletter has no such series.
    """
    row = session.get(SeriesRow, series_id)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such series."))
    return row


def find_series(session: Session, newsletter_id: int, name: str) -> SeriesRow:
    """Return a series by its name or number.

    Raises:
        NotFoundError: The newsletter has no such series.
    """
    row = session.scalars(
        select(SeriesRow).where(SeriesRow.newsletter_id == newsletter_id, SeriesRow.name == name)
    ).one_or_none()
    if row is None and name.isdecimal():
        row = get_series(session, newsletter_id, int(name))
    if row is None:
        raise NotFoundError(
            msg("There is no series “{name}”.", name=name),
            command=msg("See the list with: newsletter series list."),
        )
    return row


def shown_steps(session: Session, series_id: int) -> Sequence[ShownStep]:
    """Return the steps of a series in order."""
    steps = list_steps(session, series_id)
    drafts = {
        row.id: row
        for row in session.scalars(
            select(DraftRow).where(DraftRow.id.in_([step.draft_id for step in steps]))
        )
    }
    mailings: dict[int, list[int]] = {}
    for step_id, mailing_id in session.execute(
        select(SeriesMailingRow.step_id, SeriesMailingRow.mailing_id)
        .join(MailingRow, MailingRow.id == SeriesMailingRow.mailing_id)
        .where(SeriesMailingRow.step_id.in_([step.id for step in steps]), MailingRow.planned > 0)
        .order_by(SeriesMailingRow.mailing_id.desc())
    ):
        mailings.setdefault(step_id, []).append(mailing_id)
    return [
        ShownStep(
            step=step,
            title=str(draft.content.get("title") or "") if draft else "",
            is_changed=draft is not None
            and step.version > 0
            and bool(writers_since_effect(session, step)),
            mailing_ids=mailings.get(step.id, ()),
        )
        for step in steps
        for draft in [drafts.get(step.draft_id or 0)]
    ]


def sums_of(session: Session, series_id: int, figures: Figures) -> Figure[Sums]:
    """Return the cached results of a series, with the time of counting."""
    return figures.of(session, ("series", series_id), lambda own: count_sums(own, series_id))


def count_sums(session: Session, series_id: int) -> Sums:
    """Count the results of a series."""
    of_series = SeriesEnrolmentRow.series_id == series_id
    active = SeriesEnrolmentRow.state == EnrolmentState.ACTIVE
    waiting = session.execute(
        select(SeriesEnrolmentRow.step_id, func.count())
        .where(of_series, active, SeriesEnrolmentRow.step_id.is_not(None))
        .group_by(SeriesEnrolmentRow.step_id)
    )
    states = session.execute(
        select(SeriesEnrolmentRow.state, func.count())
        .where(of_series)
        .group_by(SeriesEnrolmentRow.state)
    )
    ends = session.execute(
        select(SeriesEnrolmentRow.ended_because, func.count())
        .where(of_series, SeriesEnrolmentRow.ended_because.is_not(None))
        .group_by(SeriesEnrolmentRow.ended_because)
    )
    return Sums(
        waiting={step: number for step, number in waiting if step is not None},
        steps=_step_sums(session, series_id),
        states=dict(states.all()),
        ends={end: number for end, number in ends if end is not None},
    )


def _step_sums(session: Session, series_id: int) -> Mapping[int, StepSums]:
    of_step = (
        select(SeriesMailingRow.step_id, SeriesMailingRow.mailing_id)
        .join(SeriesStepRow, SeriesStepRow.id == SeriesMailingRow.step_id)
        .where(SeriesStepRow.series_id == series_id)
        .subquery()
    )
    outcomes: dict[int, Counter[DeliveryState]] = {}
    for step, state, number in session.execute(
        select(of_step.c.step_id, DeliveryRow.state, func.count())
        .join(DeliveryRow, DeliveryRow.mailing_id == of_step.c.mailing_id)
        .group_by(of_step.c.step_id, DeliveryRow.state)
    ):
        outcomes.setdefault(step, Counter())[state] += number
    left: dict[int, int] = dict(
        session.execute(
            select(of_step.c.step_id, func.count())
            .join(UnsubscribeEventRow, UnsubscribeEventRow.mailing_id == of_step.c.mailing_id)
            .group_by(of_step.c.step_id)
        ).all()
    )
    clicks: dict[int, int] = dict(
        session.execute(
            select(of_step.c.step_id, func.sum(MailingLinkRow.clicks))
            .join(MailingLinkRow, MailingLinkRow.mailing_id == of_step.c.mailing_id)
            .group_by(of_step.c.step_id)
        ).all()
    )
    return {
        step: StepSums(
            sent=counts[DeliveryState.ACCEPTED],
            queued=sum(counts[state] for state in _WAITING),
            missed=counts.total()
            - counts[DeliveryState.ACCEPTED]
            - sum(counts[state] for state in _WAITING),
            left=left.get(step, 0),
            clicks=int(clicks.get(step, 0)),
        )
        for step, counts in outcomes.items()
    }


def overdue_series(session: Session) -> Sequence[Overdue]:
    """Return the active series with overdue steps."""
    moment = now()
    oldest = func.min(SeriesEnrolmentRow.due_at)
    rows = session.execute(
        select(SeriesRow.id, SeriesRow.newsletter_id, SeriesRow.name, oldest)
        .join(SeriesStepRow, SeriesStepRow.series_id == SeriesRow.id)
        .join(SeriesEnrolmentRow, SeriesEnrolmentRow.step_id == SeriesStepRow.id)
        .where(
            SeriesRow.state == SeriesState.ACTIVE,
            SeriesEnrolmentRow.state == EnrolmentState.ACTIVE,
            SeriesEnrolmentRow.due_at < moment - _OVERDUE,
        )
        .group_by(SeriesRow.id, SeriesRow.newsletter_id, SeriesRow.name)
        .order_by(oldest)
    )
    return [
        Overdue(series_id=number, newsletter_id=newsletter, name=name, since=since)
        for number, newsletter, name, since in rows
        if since is not None
    ]


def first_mail_follows(session: Session, newsletter_id: int, subscriber_id: int) -> bool:
    """Return whether a series sends a mail at once to a reader who has just joined."""
    enrolled = session.scalars(
        select(SeriesRow)
        .join(SeriesEnrolmentRow, SeriesEnrolmentRow.series_id == SeriesRow.id)
        .where(
            SeriesRow.newsletter_id == newsletter_id,
            SeriesRow.trigger == SeriesTrigger.JOINED,
            SeriesRow.state == SeriesState.ACTIVE,
            SeriesEnrolmentRow.subscriber_id == subscriber_id,
            SeriesEnrolmentRow.enrolled_at > now() - timedelta(days=1),
            SeriesEnrolmentRow.state != EnrolmentState.ENDED,
        )
    ).all()
    firsts = [steps_in_effect(session, row.id)[:1] for row in enrolled]
    return any(timing_of(step).at_once for steps in firsts for step in steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastSeries:
    """A series that a reader is or was in, with the titles of the steps they got."""

    enrolment: SeriesEnrolmentRow
    series: SeriesRow
    sent: Sequence[tuple[datetime, str]]


def series_of_reader(
    session: Session, newsletter_id: int, subscriber_id: int
) -> Sequence[PastSeries]:
    """Return the series of a reader, the newest first."""
    rows = session.execute(
        select(SeriesEnrolmentRow, SeriesRow)
        .join(SeriesRow, SeriesRow.id == SeriesEnrolmentRow.series_id)
        .where(
            SeriesEnrolmentRow.newsletter_id == newsletter_id,
            SeriesEnrolmentRow.subscriber_id == subscriber_id,
        )
        .order_by(SeriesEnrolmentRow.id.desc())
        .limit(50)
    ).all()
    sent: dict[int, list[tuple[datetime, str]]] = {}
    for enrolment_id, at, title in session.execute(
        select(SeriesCopyRow.enrolment_id, SeriesCopyRow.decided_at, MailingRow.title)
        .join(MailingRow, MailingRow.id == SeriesCopyRow.mailing_id)
        .where(SeriesCopyRow.enrolment_id.in_([row[0].id for row in rows]))
        .order_by(SeriesCopyRow.decided_at)
    ):
        sent.setdefault(enrolment_id, []).append((at, title))
    return [
        PastSeries(enrolment=enrolment, series=series, sent=sent.get(enrolment.id, ()))
        for enrolment, series in rows
    ]
