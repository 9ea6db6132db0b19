"""Brevo's webhooks: one event in each call, or several in batch mode; not signed."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import Unsigned

_EVENTS = meanings("brevo", "events")


class Brevo(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("brevo", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    meaning = meaning_of(_EVENTS, one["event"].word)
    if meaning is None:
        return None
    return event(
        "brevo",
        # ``id`` is the webhook's number, equal in every call; events have no identifier.
        "",
        meaning,
        [recipient(meaning, one["email"].text, words=one["reason"].text)],
        one,
        message_id=one["message-id"].text,
        # The only timestamp in UTC; the others are in the account's time zone.
        occurred_at=one["ts_epoch"].instant,
    )
