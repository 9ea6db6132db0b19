"""Postmark's webhooks: one event in each call; not signed."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import Unsigned

_RECORDS = meanings("postmark", "records")
_BOUNCES = meanings("postmark", "bounces")
_SUPPRESSIONS = meanings("postmark", "suppressions")


class Postmark(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("postmark", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    record = one["RecordType"].word
    meaning = meaning_of(_RECORDS, record)
    event_id = f"{record}-{one['ID'].text}" if one["ID"].text else ""
    if record == "bounce":
        meaning = meaning_of(_BOUNCES, one["Type"].word)
    if record == "subscriptionchange":
        suppressed = one["SuppressSending"].flag
        meaning = meaning_of(_SUPPRESSIONS, one["SuppressionReason"].word) if suppressed else None
    if meaning is None:
        return None
    words = one["Details"].text or one["Description"].text
    address = one["Email"].text or one["Recipient"].text
    return event(
        "postmark",
        event_id,
        meaning,
        [recipient(meaning, address, words=words)],
        one,
        occurred_at=one["BouncedAt"].instant or one["ChangedAt"].instant,
    )
