"""The state tables: the only moves that deliveries, batches, mailings, series and lists may make.

Each UPDATE of a state begins here, so that none makes a move that its table lacks. Three are made
in `newsletter.mailings.ledger`, for speed: that of outcomes (`recording`) asks the table itself,
that of deliveries taken in hand (`standing`) begins at those that may be claimed, and that of a
batch whose lease ends (`leases`) at a leased one. Tests have triggers that refuse other moves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Update, update
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    ListUploadRow,
    MailingRow,
    SeriesRow,
)
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    ListUploadState,
    MailingState,
    SeriesState,
)

_State = TypeVar("_State", bound=StrEnum)

DELIVERY_TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    # Accepted at once: what was to be sent again turns out to have been taken the first time.
    DeliveryState.QUEUED: frozenset(
        {DeliveryState.SENDING, DeliveryState.SKIPPED, DeliveryState.ACCEPTED}
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.QUEUED,
            DeliveryState.ACCEPTED,
            DeliveryState.DEFERRED,
            DeliveryState.REJECTED,
            DeliveryState.FAILED,
            DeliveryState.SKIPPED,
            DeliveryState.UNCERTAIN,
        }
    ),
    DeliveryState.DEFERRED: frozenset(
        {DeliveryState.SENDING, DeliveryState.SKIPPED, DeliveryState.FAILED}
    ),
    DeliveryState.UNCERTAIN: frozenset(
        {DeliveryState.ACCEPTED, DeliveryState.QUEUED, DeliveryState.FAILED}
    ),
    DeliveryState.FAILED: frozenset({DeliveryState.QUEUED}),
    DeliveryState.ACCEPTED: frozenset(),
    DeliveryState.REJECTED: frozenset(),
    DeliveryState.SKIPPED: frozenset(),
}

#: States in which nothing more happens by itself.
FINAL = frozenset(
    {
        DeliveryState.ACCEPTED,
        DeliveryState.REJECTED,
        DeliveryState.FAILED,
        DeliveryState.SKIPPED,
        DeliveryState.UNCERTAIN,
    }
)
#: States from which a worker may take a delivery.
CLAIMABLE = frozenset({DeliveryState.QUEUED, DeliveryState.DEFERRED})
#: A delivery whose message ended its worker so often is given up.
BREAKS_LIMIT = 3

BATCH_TRANSITIONS: Mapping[BatchState, frozenset[BatchState]] = {
    # To be sent with the subject that was decided, or not at all.
    BatchState.HELD: frozenset({BatchState.PENDING, BatchState.DONE}),
    # To where it is: due sooner than it was.
    BatchState.PENDING: frozenset({BatchState.PENDING, BatchState.LEASED, BatchState.DONE}),
    BatchState.LEASED: frozenset({BatchState.PENDING, BatchState.DONE}),
    # Once more, when deliveries of it are sent again.
    BatchState.DONE: frozenset({BatchState.PENDING}),
}

MAILING_TRANSITIONS: Mapping[MailingState, frozenset[MailingState]] = {
    MailingState.DRAFT: frozenset({MailingState.CANCELLED}),
    MailingState.SCHEDULED: frozenset(
        {MailingState.PLANNING, MailingState.PAUSED, MailingState.CANCELLED}
    ),
    MailingState.PLANNING: frozenset(
        {MailingState.SENDING, MailingState.PAUSED, MailingState.CANCELLED}
    ),
    MailingState.SENDING: frozenset(
        {MailingState.FINISHED, MailingState.PAUSED, MailingState.CANCELLED}
    ),
    # To where it was held.
    MailingState.PAUSED: frozenset(
        {
            MailingState.SCHEDULED,
            MailingState.PLANNING,
            MailingState.SENDING,
            MailingState.CANCELLED,
        }
    ),
    # Once more, when deliveries of it are sent again.
    MailingState.FINISHED: frozenset({MailingState.SENDING}),
    MailingState.CANCELLED: frozenset(),
}

SERIES_TRANSITIONS: Mapping[SeriesState, frozenset[SeriesState]] = {
    SeriesState.DRAFT: frozenset({SeriesState.ACTIVE}),
    SeriesState.ACTIVE: frozenset({SeriesState.PAUSED, SeriesState.ENDED}),
    SeriesState.PAUSED: frozenset({SeriesState.ACTIVE, SeriesState.ENDED}),
    SeriesState.ENDED: frozenset(),
}

LIST_TRANSITIONS: Mapping[ListUploadState, frozenset[ListUploadState]] = {
    # Failed, where it is forgotten for the sake of somebody in it who was erased.
    ListUploadState.BROUGHT: frozenset({ListUploadState.QUEUED, ListUploadState.FAILED}),
    # Back to where it was brought to once a check has ended, or was cancelled.
    ListUploadState.QUEUED: frozenset(
        {
            ListUploadState.BROUGHT,
            ListUploadState.IMPORTING,
            ListUploadState.FAILED,
            ListUploadState.CANCELLED,
        }
    ),
    ListUploadState.IMPORTING: frozenset(
        {
            ListUploadState.BROUGHT,
            ListUploadState.QUEUED,
            ListUploadState.FINISHED,
            ListUploadState.FAILED,
            ListUploadState.CANCELLED,
        }
    ),
    ListUploadState.FINISHED: frozenset(),
    # Once more, from where it stopped.
    ListUploadState.FAILED: frozenset({ListUploadState.QUEUED}),
    ListUploadState.CANCELLED: frozenset({ListUploadState.QUEUED}),
}


def may_come_to(
    transitions: Mapping[_State, frozenset[_State]],
    target: _State,
    sources: Collection[_State] | None = None,
) -> frozenset[_State]:
    """Return from which states, of ``sources`` alone if given, a table lets one come to another."""
    allowed = frozenset(state for state, targets in transitions.items() if target in targets)
    return allowed if sources is None else allowed & frozenset(sources)


# The updates below move to a state what may come there. Which rows, and what else changes with
# their state, is for the caller to add. ``sources``: from these states alone.


def moving_deliveries(
    target: DeliveryState, *, sources: Collection[DeliveryState] | None = None
) -> Update:
    """Return the update that moves deliveries to a state.

    It is one of the database alone: no session that moves deliveries holds one to keep in step.
    """
    chosen = may_come_to(DELIVERY_TRANSITIONS, target, sources)
    return (
        update(DeliveryRow)
        .where(DeliveryRow.state.in_(chosen))
        .values(state=target)
        .execution_options(synchronize_session=False)
    )


def moving_batches(target: BatchState, *, sources: Collection[BatchState] | None = None) -> Update:
    """Return the update that moves batches to a state."""
    chosen = may_come_to(BATCH_TRANSITIONS, target, sources)
    return update(BatchRow).where(BatchRow.state.in_(chosen)).values(state=target)


def moving_mailings(
    target: MailingState, *, sources: Collection[MailingState] | None = None
) -> Update:
    """Return the update that moves mailings to a state."""
    chosen = may_come_to(MAILING_TRANSITIONS, target, sources)
    return update(MailingRow).where(MailingRow.state.in_(chosen)).values(state=target)


def moving_series(target: SeriesState, *, sources: Collection[SeriesState] | None = None) -> Update:
    """Return the update that moves series to a state, and counts their revision on."""
    chosen = may_come_to(SERIES_TRANSITIONS, target, sources)
    return (
        update(SeriesRow)
        .where(SeriesRow.state.in_(chosen))
        .values(state=target, revision=SeriesRow.revision + 1)
    )


def moving_lists(target: ListUploadState) -> ReturningUpdate[int]:
    """Return the update that moves lists to a state, ends their lease, and returns which moved."""
    return (
        update(ListUploadRow)
        .where(ListUploadRow.state.in_(may_come_to(LIST_TRANSITIONS, target)))
        .values(state=target, lease_token=None, lease_expires_at=None)
        .returning(ListUploadRow.id)
        .execution_options(synchronize_session=False)
    )
