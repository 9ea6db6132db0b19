"""What a list of people is filtered by, as an address of a page and a form carry it."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.database.vocabulary import SubscriptionState
from subscribers.search import PeopleFilter

#: The names of the filters; ``within`` is ``true`` where any part counts.
_FILTERS = ("text", "tag", "segment", "state", "within")
#: In the place of a state: whose address is suppressed, whatever their state.
_SUPPRESSED = "suppressed"
#: As many characters one has at most.
_LONGEST = 2000


def asked_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return the filters of a query or a form; what is not there is empty.

    A segment is chosen by name; a query that somebody wrote, which differs from the one ``shown``
    beside it, is in its place.
    """
    asked = {name: _text(values, name) for name in _FILTERS}
    written = _text(values, "query").strip()
    if written and written != _text(values, "shown").strip():
        asked["segment"] = written
    return asked


def _text(values: Mapping[str, object], name: str) -> str:
    return str(values.get(name, ""))[:_LONGEST]


def named_of(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that ask for something."""
    return {name: value for name, value in asked.items() if value}


def filter_of(asked: Mapping[str, str]) -> PeopleFilter:
    """Return what the filters mean."""
    state = asked["state"]
    return PeopleFilter(
        text=asked["text"],
        within=asked["within"] == "true",
        tag=asked["tag"],
        segment=asked["segment"],
        state=SubscriptionState(state) if state in set(SubscriptionState) else None,
        suppressed=state == _SUPPRESSED,
    )
