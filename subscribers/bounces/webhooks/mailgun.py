"""Mailgun's webhooks: one event a call, with a signature that covers a token but not the event.

Whoever saw one call could therefore put another event beside its signature: each token is held to
the event that it first came with.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from subscribers.bounces.model import Reason
from subscribers.bounces.webhooks.foreign import (
    Foreign,
    event,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
from subscribers.bounces.webhooks.meaning import (
    COMPLAINT,
    DELAY,
    GONE,
    LEFT,
    NOTHING,
    Meaning,
    bounce,
)
from subscribers.bounces.webhooks.model import Call, ProviderEvent
from subscribers.bounces.webhooks.proof import (
    TRIED_FOR,
    read_seconds,
    require_recent,
    require_signature,
)

#: A failure is looked up as ``failed/SEVERITY`` when its reason says nothing finer.
_EVENTS: dict[str, Meaning | None] = {
    "failed/permanent": GONE,
    "failed/temporary": DELAY,
    "rejected": bounce(Reason.POLICY),
    "complained": COMPLAINT,
    "unsubscribed": LEFT,
    "accepted": NOTHING,
    "delivered": NOTHING,
    "opened": NOTHING,
    "clicked": NOTHING,
    "stored": NOTHING,
}
#: Reasons of permanent failures.
_REASONS: dict[str, Meaning] = {
    "suppress-bounce": GONE,
    "suppress-complaint": COMPLAINT,
    "suppress-unsubscribe": LEFT,
    "espblock": bounce(Reason.BLOCKED),
    "blacklisted": bounce(Reason.BLOCKED),
    "greylisted": bounce(Reason.RATE_LIMITED),
    "old": bounce(Reason.EXPIRED),
    "generic": bounce(Reason.UNKNOWN),
}
#: Mailgun's own numbers in place of a reply code: it gave up, or knew beforehand.
_OWN_CODES = {"600", "602", "603", "605", "606", "607", "608", "620", "621", "625", "650"}


class Mailgun:
    """See `Adapter`."""

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is an HTTP webhook signing key."""
        shown = (parse(call.body) or Foreign(None))["signature"]
        stamp, token = shown["timestamp"].text, shown["token"].text
        signed = f"{stamp}{token}".encode("utf-8", "surrogatepass")
        expected = [hmac.digest(key.encode(), signed, "sha256").hex().encode() for key in secrets]
        require_signature(expected, [shown["signature"].word.encode("utf-8", "surrogatepass")])
        require_recent(read_seconds(stamp), call.received_at, within=TRIED_FOR)

    def once(self, call: Call) -> tuple[str, str]:
        """See `Adapter.once`."""
        body = parse(call.body) or Foreign(None)
        content = hashlib.sha256(body["event-data"].raw).hexdigest()
        return f"mailgun:{body['signature']['token'].text}", content

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        body = parse(call.body)
        if body is None or not body["event-data"].is_object:
            return [unreadable("mailgun", call.body)]
        told = _read(body["event-data"])
        return [] if told is None else [told]


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word
    if word == "failed":
        word = f"failed/{one['severity'].word}"
    meaning = meaning_of(_EVENTS, word)
    delivery = one["delivery-status"]
    if word == "failed/permanent":
        meaning = _REASONS.get(one["reason"].word, meaning)
        if meaning is GONE and delivery["bounce-type"].word == "soft":
            meaning = bounce(Reason.UNKNOWN)
    if meaning is None:
        return None
    words = delivery["message"].text or delivery["description"].text or one["reject"]["reason"].text
    code = delivery["code"].text
    about = recipient(
        meaning,
        one["recipient"].text or one["message"]["headers"]["to"].text,
        status=delivery["enhanced-code"].text,
        reply="" if code in _OWN_CODES else code,
        words=words,
    )
    # Mailgun promises an id that is unique within a day.
    event_id, stamp = one["id"].text, one["timestamp"].text
    return event(
        "mailgun",
        f"{event_id}-{stamp}" if event_id else "",
        meaning,
        [about],
        one,
        message_id=one["message"]["headers"]["message-id"].text,
        return_path=one["envelope"]["sender"].text,
        occurred_at=one["timestamp"].instant,
    )
