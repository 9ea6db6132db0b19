"""Unisender Go's webhooks: batches by account, proven by a digest of body and API key."""

from __future__ import annotations

import hashlib
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
from newsletter.bounces.webhooks.signatures import require_signature

_STATUSES = meanings("unisender_go", "statuses")
#: Meanings by ``delivery_info.delivery_status``, which is more particular than the status.
_FAILURES = meanings("unisender_go", "failures")


class UnisenderGo:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the account's API key.

        The field ``auth`` is the MD5 of the body with the API key in place of this field. This is
        weaker than an HMAC, but the provider offers nothing else.
        """
        shown = (parse(call.body) or Foreign(None))["auth"].text.encode()
        expected = [
            hashlib.md5(call.body.replace(shown, key.encode(), 1), usedforsecurity=False)
            .hexdigest()
            .encode()
            for key in secrets
            if shown
        ]
        require_signature(expected, [shown])

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        whole = parse(call.body)
        if whole is None or not whole.is_object:
            return [unreadable("unisender_go", call.body)]
        events = [one for account in whole["events_by_user"] for one in account["events"]]
        return [one for each in events if (one := _read(each)) is not None]


def _read(one: Foreign) -> ProviderEvent | None:
    if one["event_name"].word == "transactional_spam_block":
        return None
    data, info = one["event_data"], one["event_data"]["delivery_info"]
    word = data["status"].word
    meaning = meaning_of(_STATUSES, word)
    if word in {"hard_bounced", "soft_bounced"}:
        finer = _FAILURES.get(info["delivery_status"].word)
        # A soft bounce stays soft, whatever its failure.
        if finer is not None and not (word == "soft_bounced" and finer.hard):
            meaning = finer
    if meaning is None:
        return None
    words = info["destination_response"].text or info["delivery_status"].text
    metadata = data["metadata"]
    return event(
        "unisender_go",
        # Events have no identifier; a repeated call has the same content.
        "",
        meaning,
        [recipient(meaning, data["email"].text, words=words)],
        one,
        message_id=metadata["message-id"].text or metadata["message_id"].text,
        occurred_at=data["event_time"].instant,
    )
