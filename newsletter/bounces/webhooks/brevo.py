"""Brevo's webhooks: one event a call, or several when batched, unsigned."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.meaning import (
    COMPLAINT,
    DELAY,
    GONE,
    LEFT,
    NOTHING,
    SOFT,
    Meaning,
    bounce,
    general,
)
from newsletter.bounces.webhooks.model import Call, ProviderEvent
from newsletter.bounces.webhooks.unsigned import Unsigned

_EVENTS: dict[str, Meaning | None] = {
    "hard_bounce": GONE,
    "invalid_email": GONE,
    "soft_bounce": SOFT,
    "blocked": general(Reason.BLOCKED),
    "error": bounce(Reason.SYSTEM),
    "deferred": DELAY,
    "spam": COMPLAINT,
    "complaint": COMPLAINT,
    "unsubscribed": LEFT,
    "unsubscribe": LEFT,
    "request": NOTHING,
    "sent": NOTHING,
    "delivered": NOTHING,
    "opened": NOTHING,
    "unique_opened": NOTHING,
    "proxy_open": NOTHING,
    "unique_proxy_open": NOTHING,
    "loaded_by_proxy": NOTHING,
    "click": NOTHING,
    "list_addition": NOTHING,
    "contact_updated": NOTHING,
    "contact_deleted": NOTHING,
}


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
        # ``id`` is the webhook's number, the same in every call: events have none.
        "",
        meaning,
        [recipient(meaning, one["email"].text, words=one["reason"].text)],
        one,
        message_id=one["message-id"].text,
        # The only time that is in UTC whatever the account's zone is.
        occurred_at=one["ts_epoch"].instant,
    )
