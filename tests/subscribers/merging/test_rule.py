"""What becomes of two subscriptions of one person, for each pair of what they last said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.merging.outlook import Effect, Word, decide

T = datetime(2026, 5, 1, tzinfo=UTC)
LATER, EARLIER = T + timedelta(days=30), T - timedelta(days=30)
ON = Word(state=SubscriptionState.CONFIRMED)
ASKED = Word(state=SubscriptionState.PENDING)
LEFT = Word(state=SubscriptionState.UNSUBSCRIBED, left_at=T, confirmed_at=EARLIER)
MOVED = Word(state=SubscriptionState.UNSUBSCRIBED, moved=True, left_at=T, confirmed_at=EARLIER)
ON_SINCE = Word(state=SubscriptionState.CONFIRMED, confirmed_at=LATER)
ON_BEFORE = Word(state=SubscriptionState.CONFIRMED, confirmed_at=EARLIER)


@pytest.mark.parametrize("kept", [None, ON, ASKED, LEFT, MOVED, ON_SINCE, ON_BEFORE])
@pytest.mark.parametrize("merged", [None, ASKED, MOVED])
def test_who_said_nothing_changes_nothing(kept: Word | None, merged: Word | None) -> None:
    assert decide(kept, merged) is Effect.STAYS


@pytest.mark.parametrize("merged", [ON, LEFT, ON_SINCE])
def test_what_the_kept_address_left_stays_left(merged: Word) -> None:
    assert decide(LEFT, merged) is Effect.STAYS


@pytest.mark.parametrize("kept", [None, ON, ASKED, MOVED, ON_BEFORE])
def test_a_leaving_ends_what_was_not_confirmed_since(kept: Word | None) -> None:
    assert decide(kept, LEFT) is Effect.LEAVES


def test_a_later_consent_of_their_own_holds() -> None:
    assert decide(ON_SINCE, LEFT) is Effect.STAYS


@pytest.mark.parametrize(
    ("kept", "effect"),
    [
        (None, Effect.TAKES_OVER),
        (MOVED, Effect.TAKES_OVER),
        (ASKED, Effect.WAITS),
        (ON, Effect.STAYS),
    ],
)
def test_a_subscription_goes_on_only_where_nothing_contradicts_it(
    kept: Word | None, effect: Effect
) -> None:
    assert decide(kept, ON) is effect
