"""MailerSend's webhooks: one event in each call, in a flat form or an older nested form."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    LARGEST_UNPROVEN,
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import require_body_signature

_EVENTS = meanings("mailersend", "events")
_REASONS = ("bounce_reason", "reject_reason", "suppression_reason", "unsubscribe_reason")


class MailerSend:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the webhook's signing secret."""
        require_body_signature(call, "signature", secrets)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("mailersend", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    # ``activity.hard_bounced``; the older form repeats the type in its data.
    word = one["type"].word.rpartition(".")[2]
    data, nested = one["data"], one["data"]["email"]
    meaning = meaning_of(_EVENTS, word)
    if meaning is None:
        return None
    meta, more = data["meta"], data["morph"]
    words = next((text for name in _REASONS if (text := meta[name].text)), "")
    words = words or more["reason"].text or more["readable_reason"].text
    address = data["recipient"].text or nested["recipient"]["email"].text
    return event(
        "mailersend",
        f"{word}-{data['id'].text}" if data["id"].text else "",
        meaning,
        [recipient(meaning, address, reply=meta["bounce_code"].text, words=words)],
        one,
        occurred_at=one["created_at"].instant,
    )
