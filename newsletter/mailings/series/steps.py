"""The steps of a series, as rows and as when each follows the one before."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import SeriesRow, SeriesStepRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.series.due import Timing

#: What doors call the rows.
Series = SeriesRow
Step = SeriesStepRow


def timing_of(step: SeriesStepRow) -> Timing:
    """Return when a step follows the one before."""
    return Timing(delay_days=step.delay_days, hour=step.hour, own_clock=step.own_clock)


def find_step(session: Session, newsletter_id: int, step_id: int) -> SeriesStepRow:
    """Return a step of one of a newsletter's series.

    Raises:
        NotFoundError: The newsletter has no such step.
    """
    step = session.scalar(
        select(SeriesStepRow)
        .join(SeriesRow, SeriesRow.id == SeriesStepRow.series_id)
        .where(
            SeriesRow.newsletter_id == newsletter_id,
            SeriesStepRow.id == step_id,
            SeriesStepRow.removed_at.is_(None),
        )
    )
    if step is None:
        raise NotFoundError(msg("There is no such step."))
    return step


def list_steps(session: Session, series_id: int) -> Sequence[SeriesStepRow]:
    """Return a series' steps in their order."""
    return session.scalars(
        select(SeriesStepRow)
        .where(SeriesStepRow.series_id == series_id, SeriesStepRow.removed_at.is_(None))
        .order_by(SeriesStepRow.position, SeriesStepRow.id)
    ).all()


def steps_in_effect(session: Session, series_id: int) -> Sequence[SeriesStepRow]:
    """Return the steps that readers get: what was never put into effect is no step yet."""
    return [step for step in list_steps(session, series_id) if step.version]
