"""Unisender Go's webhooks: batches by account, proven by a digest over body and API key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from newsletter.bounces.model import Reason
from newsletter.bounces.webhooks.foreign import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
from newsletter.bounces.webhooks.meaning import (
    COMPLAINT,
    GONE,
    LEFT,
    NOTHING,
    SOFT,
    Meaning,
    bounce,
    general,
)
from newsletter.bounces.webhooks.model import Call, ProvenWithin, ProviderEvent
from newsletter.bounces.webhooks.proof import require_signature

_STATUSES: dict[str, Meaning | None] = {
    "hard_bounced": GONE,
    "soft_bounced": SOFT,
    "spam": COMPLAINT,
    "unsubscribed": LEFT,
    "accepted": NOTHING,
    "sent": NOTHING,
    "delivered": NOTHING,
    "opened": NOTHING,
    "clicked": NOTHING,
    "subscribed": NOTHING,
}
#: ``delivery_info.delivery_status``, which is finer than the status.
_FAILURES: dict[str, Meaning] = {
    "err_user_unknown": GONE,
    "err_user_inactive": bounce(Reason.SUSPENDED),
    "err_will_retry": SOFT,
    "err_mailbox_discarded": bounce(Reason.SUSPENDED),
    "err_mailbox_full": bounce(Reason.MAILBOX_FULL),
    "err_spam_rejected": bounce(Reason.SPAM),
    "err_blacklisted": bounce(Reason.BLOCKED),
    "err_too_large": bounce(Reason.MESSAGE_TOO_BIG),
    "err_unsubscribed": LEFT,
    "err_unreachable": SOFT,
    "err_skip_letter": SOFT,
    "err_domain_inactive": bounce(Reason.HOST_UNKNOWN),
    "err_destination_misconfigured": bounce(Reason.SYSTEM),
    "err_delivery_failed": general(Reason.UNKNOWN),
    "err_spam_skipped": bounce(Reason.SPAM),
    "err_lost": bounce(Reason.SYSTEM),
}


class UnisenderGo(ProvenWithin):
    """See `Adapter`."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is the account's API key.

        The field ``auth`` is the MD5 of the body in which that field holds the API key: weaker than
        an HMAC, and all that this provider offers.
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

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
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
        # What is said to be soft stays so, whatever its failure is.
        if finer is not None and not (word == "soft_bounced" and finer.hard):
            meaning = finer
    if meaning is None:
        return None
    words = info["destination_response"].text or info["delivery_status"].text
    metadata = data["metadata"]
    return event(
        "unisender_go",
        # Events have no id; told again, they are told in the same words.
        "",
        meaning,
        [recipient(meaning, data["email"].text, words=words)],
        one,
        message_id=metadata["message-id"].text or metadata["message_id"].text,
        occurred_at=data["event_time"].instant,
    )
