"""The state tables: the only moves that a delivery, and a mailing, may make."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Update, update

from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import DeliveryState as State
from newsletter.database.vocabulary import MailingState

TRANSITIONS: dict[State, frozenset[State]] = {
    # Accepted at once: what was to be sent again turns out to have been taken the first time.
    State.QUEUED: frozenset({State.SENDING, State.SKIPPED, State.ACCEPTED}),
    State.SENDING: frozenset(
        {
            State.QUEUED,
            State.ACCEPTED,
            State.DEFERRED,
            State.REJECTED,
            State.FAILED,
            State.SKIPPED,
            State.UNCERTAIN,
        }
    ),
    State.DEFERRED: frozenset({State.SENDING, State.SKIPPED, State.FAILED}),
    State.UNCERTAIN: frozenset({State.ACCEPTED, State.QUEUED, State.FAILED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.ACCEPTED: frozenset(),
    State.REJECTED: frozenset(),
    State.SKIPPED: frozenset(),
}

#: States in which nothing more happens by itself.
FINAL = frozenset({State.ACCEPTED, State.REJECTED, State.FAILED, State.SKIPPED, State.UNCERTAIN})
#: States from which a worker may take a delivery.
CLAIMABLE = frozenset({State.QUEUED, State.DEFERRED})
#: A delivery whose message ended its worker so often is given up.
BREAKS_LIMIT = 3

MAILING_TRANSITIONS: dict[MailingState, frozenset[MailingState]] = {
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


def moving_mailings(
    target: MailingState, *, sources: Collection[MailingState] | None = None
) -> Update:
    """Return the update that moves mailings to a state, from those alone that may go there.

    Which mailings, and what else changes with their state, is for the caller to add.

    Args:
        target: Where they move.
        sources: From these states alone; None for all that the table lets move there.
    """
    allowed = {state for state, targets in MAILING_TRANSITIONS.items() if target in targets}
    chosen = allowed if sources is None else allowed & set(sources)
    return update(MailingRow).where(MailingRow.state.in_(chosen)).values(state=target)
