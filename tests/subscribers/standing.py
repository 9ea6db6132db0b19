"""What the rules say of somebody: the model beside which the machine of a list's people runs."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.database.vocabulary import SubscriptionState

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


@dataclass
class Standing:
    """What the rules say of one address."""

    state: SubscriptionState | None = None
    paused: bool = False
    suppressed: bool = False
    #: Whether mail to the address came back, which says nothing of the person's others.
    bounced: bool = False
    erased: bool = False
    #: Whether its owner confirmed it as their new address since it was erased, and is known again.
    named: bool = False
    #: Whether the subscription ended because it went on at another address.
    moved: bool = False
    #: Whether all there is of them is a request that anybody may have made.
    asked: bool = False
    #: The link to take it back of the change of address by which the subscription began, if by one.
    by_change: str = ""
    #: When they left, and when they last confirmed by themselves, as the machine counts time.
    left_at: int = 0
    confirmed_at: int = 0

    def ends(self, at: int, *, moved: bool = False) -> None:
        """End the subscription; who moved away and then leaves has left."""
        if self.state is not _U:
            self.state, self.moved, self.left_at = _U, moved, at
        elif not moved:
            self.moved = False

    def begins(self, at: int) -> None:
        """Begin the subscription by their own word."""
        self.state, self.moved, self.confirmed_at = _C, False, at
        self.paused, self.asked, self.by_change = False, False, ""

    @property
    def left(self) -> bool:
        return self.state is _U and not self.moved

    @property
    def barred(self) -> bool:
        return self.suppressed or self.bounced

    @property
    def gets_mail(self) -> bool:
        return self.state is _C and not self.paused and not self.barred


@dataclass(frozen=True)
class Change:
    """A change of address that was made; `link` takes it back, as long as both are known."""

    former: str
    later: str
    link: str
    moved: bool


@dataclass
class Request:
    """A request to join; nobody is behind it any more once they were erased or forgotten."""

    address: str
    at: int
    link: str
    is_known: bool = True
