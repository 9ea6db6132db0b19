"""The state table of series: the only moves that one may make."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Update, update

from newsletter.database.tables import SeriesRow
from newsletter.database.vocabulary import SeriesState

TRANSITIONS: dict[SeriesState, frozenset[SeriesState]] = {
    SeriesState.DRAFT: frozenset({SeriesState.ACTIVE}),
    SeriesState.ACTIVE: frozenset({SeriesState.PAUSED, SeriesState.ENDED}),
    SeriesState.PAUSED: frozenset({SeriesState.ACTIVE, SeriesState.ENDED}),
    SeriesState.ENDED: frozenset(),
}


def moving_series(target: SeriesState, *, sources: Collection[SeriesState] | None = None) -> Update:
    """Return the update that moves series to a state, from those alone that may go there.

    Which series, and what else changes, is for the caller to add.

    Args:
        target: Where they move.
        sources: From these states alone; None for all that the table lets move there.
    """
    allowed = {state for state, targets in TRANSITIONS.items() if target in targets}
    chosen = allowed if sources is None else allowed & set(sources)
    return (
        update(SeriesRow)
        .where(SeriesRow.state.in_(chosen))
        .values(state=target, revision=SeriesRow.revision + 1)
    )
