"""SparkPost's webhooks: batches, not signed; each event has an envelope with its family."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    UNDECIDED,
    UNKNOWN,
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import Unsigned

_EVENTS = meanings("sparkpost", "events")
#: Meanings by SparkPost's bounce classification codes.
_CLASSES = meanings("sparkpost", "classes")


class SparkPost(Unsigned):
    """See `Adapter`."""

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("sparkpost", call.body, _read)


def _read(one: Foreign) -> ProviderEvent | None:
    families = one["msys"].value
    if families == {}:
        # SparkPost sends this to test a new webhook URL.
        return None
    inner = Foreign(next(iter(families.values()))) if isinstance(families, dict) else one
    word = inner["type"].word
    meaning = meaning_of(_EVENTS, word)
    if word in {"bounce", "out_of_band"}:
        meaning = _CLASSES.get(inner["bounce_class"].text, UNDECIDED)
    if word == "spam_complaint" and inner["fbtype"].word == "not-spam":
        meaning = UNKNOWN
    if meaning is None:
        return None
    words = inner["raw_reason"].text or inner["reason"].text
    address = inner["raw_rcpt_to"].text or inner["rcpt_to"].text
    about = recipient(meaning, address, reply=inner["error_code"].text, words=words)
    return event(
        "sparkpost",
        inner["event_id"].text,
        meaning,
        [about],
        one,
        return_path=inner["msg_from"].text,
        occurred_at=inner["timestamp"].instant,
    )
