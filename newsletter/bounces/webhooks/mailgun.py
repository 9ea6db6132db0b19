"""Mailgun's webhooks: one event in each call, with a signature over a token but not the event.

Events are sent as JSON, or for older accounts as a form with other field names.

An attacker who has seen one call could reuse its signature for a different event. Each token is
therefore accepted only for the event that it was first sent with.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from newsletter.bounces.webhooks.model import (
    GONE,
    LARGEST_UNPROVEN,
    SOFT,
    Call,
    ProviderEvent,
    meanings,
)
from newsletter.bounces.webhooks.payload import (
    Foreign,
    event,
    form_fields,
    meaning_of,
    parse,
    recipient,
    unreadable,
)
from newsletter.bounces.webhooks.signatures import (
    TRIED_FOR,
    read_seconds,
    require_recent,
    require_signature,
)

#: Meanings by event. A failure without a known reason is looked up as ``failed/SEVERITY``.
_EVENTS = meanings("mailgun", "events")
#: Reasons of permanent failures.
_REASONS = meanings("mailgun", "reasons")
#: Mailgun's own numbers instead of a reply code: Mailgun gave up, or did not try.
_OWN_CODES = {"600", "602", "603", "605", "606", "607", "608", "620", "621", "625", "650"}


class Mailgun:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is an HTTP webhook signing key."""
        shown = _signature_fields(call)
        stamp, token = shown["timestamp"].text, shown["token"].text
        signed = f"{stamp}{token}".encode("utf-8", "surrogatepass")
        expected = [hmac.digest(key.encode(), signed, "sha256").hex().encode() for key in secrets]
        require_signature(expected, [shown["signature"].word.encode("utf-8", "surrogatepass")])
        require_recent(read_seconds(stamp), call.received_at, within=TRIED_FOR)

    def replay_key(self, call: Call) -> tuple[str, str]:
        """See `Adapter.replay_key`."""
        event_data = _event_data(call)
        content = hashlib.sha256((event_data or Foreign(None)).raw).hexdigest()
        return f"mailgun:{_signature_fields(call)['token'].text}", content

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        event_data = _event_data(call)
        if event_data is None:
            return [unreadable("mailgun", call.body)]
        one = _read(event_data)
        return [] if one is None else [one]


def _signature_fields(call: Call) -> Foreign:
    """Return the object (in the older form, the fields) with timestamp, token and signature."""
    if _is_form(call):
        return Foreign(form_fields(call))
    return (parse(call.body) or Foreign(None))["signature"]


def _is_form(call: Call) -> bool:
    return "form" in call.headers.get("content-type", "").lower()


def _event_data(call: Call) -> Foreign | None:
    if not _is_form(call):
        data = (parse(call.body) or Foreign(None))["event-data"]
        return data if data.is_object else None
    fields = form_fields(call)
    return _of_form(fields) if "event" in fields else None


#: Event names of the older form, and their names in the newer form.
_FORMER_EVENTS = {"bounced": "failed", "dropped": "failed"}


def _of_form(fields: Mapping[str, str]) -> Foreign:
    """Convert an event of the older form to the newer form."""
    word = fields["event"].lower()
    code = fields.get("code", "")
    reason = {"hardfail": "", "old": "old", "espblock": "espblock"}.get(
        fields.get("reason", "").lower(), fields.get("reason", "")
    )
    words = fields.get("error") or fields.get("notification") or fields.get("description", "")
    return Foreign(
        {
            "event": _FORMER_EVENTS.get(word, word),
            "severity": "permanent",
            "reason": reason,
            "recipient": fields.get("recipient", ""),
            "timestamp": fields.get("timestamp", ""),
            "id": fields.get("token", ""),
            "delivery-status": {"code": code, "message": words},
            "message": {
                "headers": {"message-id": fields.get("Message-Id", fields.get("message-id", ""))}
            },
        }
    )


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word
    if word == "failed":
        word = f"failed/{one['severity'].word}"
    meaning = meaning_of(_EVENTS, word)
    delivery = one["delivery-status"]
    if word == "failed/permanent":
        meaning = _REASONS.get(one["reason"].word, meaning)
        if meaning is GONE and delivery["bounce-type"].word == "soft":
            meaning = SOFT
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
    # Mailgun guarantees that an id is unique within one day.
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
