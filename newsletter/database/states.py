"""The state tables: the permitted transitions of deliveries, batches, mailings, series and lists.

Updates of a state are built by the functions below, so that they make permitted transitions only.
For speed, three updates are built in `newsletter.mailings.ledger`: recording outcomes
(`recording`), which uses the table as well; moving deliveries to ``sending`` (`standing`), from
claimable ones; and releasing a batch (`leases`), from a leased one. In tests, triggers refuse all
other transitions.
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
    # To ACCEPTED: the first copy of a message that was to be sent again proves to be accepted.
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

#: States that do not change by themselves.
FINAL = frozenset(
    {
        DeliveryState.ACCEPTED,
        DeliveryState.REJECTED,
        DeliveryState.FAILED,
        DeliveryState.SKIPPED,
        DeliveryState.UNCERTAIN,
    }
)
#: States in which a worker may claim a delivery.
CLAIMABLE = frozenset({DeliveryState.QUEUED, DeliveryState.DEFERRED})
#: A delivery fails after its message has ended this many workers.
BREAKS_LIMIT = 3

BATCH_TRANSITIONS: Mapping[BatchState, frozenset[BatchState]] = {
    # Sent with the chosen subject, or cancelled.
    BatchState.HELD: frozenset({BatchState.PENDING, BatchState.DONE}),
    # To PENDING itself: made due earlier.
    BatchState.PENDING: frozenset({BatchState.PENDING, BatchState.LEASED, BatchState.DONE}),
    BatchState.LEASED: frozenset({BatchState.PENDING, BatchState.DONE}),
    # Reopened when some of its deliveries are sent again.
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
    # To the state in which it was paused.
    MailingState.PAUSED: frozenset(
        {
            MailingState.SCHEDULED,
            MailingState.PLANNING,
            MailingState.SENDING,
            MailingState.CANCELLED,
        }
    ),
    # Reopened when some of its deliveries are sent again.
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
    # To FAILED: its content was deleted because somebody in it was erased.
    ListUploadState.BROUGHT: frozenset({ListUploadState.QUEUED, ListUploadState.FAILED}),
    # To BROUGHT: a check has ended or was cancelled.
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
    # Continued from where it stopped.
    ListUploadState.FAILED: frozenset({ListUploadState.QUEUED}),
    ListUploadState.CANCELLED: frozenset({ListUploadState.QUEUED}),
}


def may_come_to(
    transitions: Mapping[_State, frozenset[_State]],
    target: _State,
    sources: Collection[_State] | None = None,
) -> frozenset[_State]:
    """Return the states from which ``target`` can be reached, limited to ``sources`` if given."""
    allowed = frozenset(state for state, targets in transitions.items() if target in targets)
    return allowed if sources is None else allowed & frozenset(sources)


# The updates below move rows to a state from all permitted ones, or from ``sources`` only. The
# caller adds the condition for rows and further values.


def moving_deliveries(
    target: DeliveryState, *, sources: Collection[DeliveryState] | None = None
) -> Update:
    """Return the update that moves deliveries to a state.

    Objects in the session are not synchronized: no session that moves deliveries has loaded any.
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
    """Return the update that moves series to a state and increments their revision."""
    chosen = may_come_to(SERIES_TRANSITIONS, target, sources)
    return (
        update(SeriesRow)
        .where(SeriesRow.state.in_(chosen))
        .values(state=target, revision=SeriesRow.revision + 1)
    )


def moving_lists(target: ListUploadState) -> ReturningUpdate[int]:
    """Return the update that moves lists to a state and ends their lease; it returns their ids."""
    return (
        update(ListUploadRow)
        .where(ListUploadRow.state.in_(may_come_to(LIST_TRANSITIONS, target)))
        .values(state=target, lease_token=None, lease_expires_at=None)
        .returning(ListUploadRow.id)
        .execution_options(synchronize_session=False)
    )
