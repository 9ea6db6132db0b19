"""Mailjet's event callbacks: one event in each call, or several grouped; not signed."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import GONE, Call, ProviderEvent, meanings
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import Unsigned

_EVENTS = meanings("mailjet", "events")
#: Meanings by ``error``, which is more particular than the event.
_ERRORS = meanings("mailjet", "errors")


class Mailjet(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("mailjet", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word
    meaning = meaning_of(_EVENTS, word)
    if meaning is None:
        return None
    if word in {"bounce", "blocked"}:
        fallback = GONE if one["hard_bounce"].flag else meaning
        meaning = _ERRORS.get(one["error"].word) or fallback
    words = " ".join(filter(None, (one["error"].text, one["comment"].text)))
    about = recipient(meaning, one["email"].text, words=words)
    return event(
        "mailjet",
        # Mailjet's events have no identifier; a repeated call has the same content.
        "",
        meaning,
        [about],
        one,
        occurred_at=one["time"].instant,
    )
