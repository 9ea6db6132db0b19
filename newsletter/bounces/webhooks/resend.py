"""Resend's webhooks: one event in each call, signed as by Svix (Standard Webhooks)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import timedelta

from newsletter.bounces.model import ReportKind
from newsletter.bounces.webhooks.model import (
    LARGEST_UNPROVEN,
    LEFT,
    UNDECIDED,
    UNKNOWN,
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
from newsletter.bounces.webhooks.signatures import (
    octets_of,
    read_seconds,
    require_recent,
    require_signature,
)

#: Maximum age of a signature. It can be short, because Svix signs each attempt anew.
_RECENT = timedelta(minutes=5)

_EVENTS = meanings("resend", "events")
#: Meanings by ``type/subType`` of a bounce, else by its type; the terms are those of Amazon SES.
_BOUNCES = meanings("resend", "bounces")


class Resend:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is ``whsec_`` and base64."""
        identity = call.headers.get("svix-id", "")
        stamp = call.headers.get("svix-timestamp", "")
        signed = f"{identity}.{stamp}.".encode() + call.body
        expected = [hmac.digest(read_key(secret), signed, "sha256") for secret in secrets]
        versions = call.headers.get("svix-signature", "").split()
        shown = [octets_of(one.removeprefix("v1,")) for one in versions if one.startswith("v1,")]
        require_signature(expected, shown)
        require_recent(read_seconds(stamp), call.received_at, within=_RECENT)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        body = parse(call.body)
        if body is None or not body.is_object:
            return [unreadable("resend", call.body)]
        event_read = _read(body, call.headers.get("svix-id", ""))
        return [] if event_read is None else [event_read]


def read_key(secret: str) -> bytes:
    """Return the key in a secret.

    Raises:
        ValueError: The secret is not base64, or empty.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    if not key:
        raise ValueError(secret)
    return key


def _read(body: Foreign, event_id: str) -> ProviderEvent | None:
    word, data = body["type"].word, body["data"]
    meaning = meaning_of(_EVENTS, word)
    detail = data["bounce"]
    if word == "email.bounced":
        kind, finer = detail["type"].word, f"{detail['type'].word}/{detail['subType'].word}"
        meaning = _BOUNCES.get(finer) or _BOUNCES.get(kind, UNDECIDED)
    if word == "contact.updated" and data["unsubscribed"].flag:
        meaning = LEFT
    if meaning is None:
        return None
    addresses = [one.text for one in data["to"]] or [data["email"].text]
    if len(addresses) > 1 and meaning.kind is not ReportKind.OTHER:
        # The event does not say which of several recipients it is about.
        meaning = UNKNOWN
    diagnoses = [one.text for one in detail["diagnosticCode"]] or [detail["diagnosticCode"].text]
    words = diagnoses[0] or detail["message"].text or data["failed"]["reason"].text
    headers = {one["name"].word: one["value"].text for one in data["headers"]}
    return event(
        "resend",
        event_id,
        meaning,
        [recipient(meaning, address, words=words) for address in addresses],
        body,
        message_id=headers.get("message-id") or data["message_id"].text,
        occurred_at=body["created_at"].instant,
    )
