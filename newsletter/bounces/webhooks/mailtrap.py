"""Mailtrap's webhooks: batches as a JSON document or JSON lines, signed over the whole body."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.bounces.webhooks.model import (
    LARGEST_UNPROVEN,
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
from newsletter.bounces.webhooks.signatures import require_body_signature

_EVENTS = meanings("mailtrap", "events")
#: Meanings by ``bounce_category``, which is more particular than the event.
_CATEGORIES = meanings("mailtrap", "categories")


class Mailtrap:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the webhook's signature key."""
        require_body_signature(call, "mailtrap-signature", secrets)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        whole = parse(call.body)
        if whole is not None:
            batch = list(whole["events"]) or list(whole) or [whole]
        else:
            lines = [parse(line) for line in call.body.splitlines() if line.strip()]
            batch = [one for one in lines if one is not None]
            if not batch:
                return [unreadable("mailtrap", call.body)]
        return [one for each in batch if (one := _read(each)) is not None]


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word.replace("_", " ")
    meaning = meaning_of(_EVENTS, word)
    if word in {"bounce", "soft bounce"}:
        category = "".join(one["bounce_category"].word.split()).replace("-", "").replace("_", "")
        finer = _CATEGORIES.get(category)
        # A soft bounce stays soft, whatever its category.
        if finer is not None and not (word == "soft bounce" and finer.hard):
            meaning = finer
    if meaning is None:
        return None
    words = one["response"].text or one["reason"].text
    variables = one["custom_variables"]
    return event(
        "mailtrap",
        one["event_id"].text,
        meaning,
        [recipient(meaning, one["email"].text, reply=one["response_code"].text, words=words)],
        one,
        # Mailtrap's ``message_id`` is its own; a custom variable may hold ours.
        message_id=variables["message-id"].text,
        occurred_at=one["timestamp"].instant,
    )
