"""The ledger's state table: the only moves a delivery may make."""

from __future__ import annotations

from newsletter.database.vocabulary import DeliveryState as State

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
