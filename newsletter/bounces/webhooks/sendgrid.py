"""SendGrid's event webhook: batches with an ECDSA signature; SendGrid displays the public key."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from newsletter.bounces.webhooks.model import (
    GONE,
    LARGEST_UNPROVEN,
    UNKNOWN,
    Call,
    ProviderEvent,
    RefusedCallError,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import (
    TRIED_FOR,
    octets_of,
    public_key,
    read_seconds,
    require_recent,
)
from newsletter.i18n.messages import msg

_HEADER = "x-twilio-email-event-webhook-"

_EVENTS = meanings("sendgrid", "events")
#: Meanings by ``bounce_classification``. For other classes, the event's ``type`` decides.
_CLASSES = meanings("sendgrid", "classes")
_DROPPED = meanings("sendgrid", "dropped")


class SendGrid:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is a public key, base64 of its DER."""
        stamp = call.headers.get(f"{_HEADER}timestamp", "")
        signature = octets_of(call.headers.get(f"{_HEADER}signature", ""))
        signed = stamp.encode() + call.body
        if not any(_is_signed(secret, signature, signed) for secret in secrets):
            raise RefusedCallError(msg("The signature is not from SendGrid."))
        require_recent(read_seconds(stamp), call.received_at, within=TRIED_FOR)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("sendgrid", call.body, _read)


def _is_signed(key: str, signature: bytes, signed: bytes) -> bool:
    try:
        read_key(key).verify(signature, signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_key(secret: str) -> ec.EllipticCurvePublicKey:
    """Return the public key in a secret.

    Raises:
        ValueError: The secret is not an elliptic curve public key.
    """
    public = public_key(secret)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ValueError("another kind of key")  # noqa: TRY004 - the setting's value is wrong
    return public


def _read(one: Foreign) -> ProviderEvent | None:
    word = one["event"].word
    meaning = meaning_of(_EVENTS, word)
    if word == "bounce":
        meaning = _CLASSES.get(one["bounce_classification"].word, meaning)
    if word == "bounce" and one["type"].word == "blocked" and meaning is GONE:
        # Type "blocked" means that SendGrid will try the address again, whatever the class.
        meaning = _EVENTS["blocked"]
    if word == "dropped":
        meaning = _DROPPED.get(one["reason"].word, UNKNOWN)
    if meaning is None:
        return None
    words = one["reason"].text or one["response"].text
    about = recipient(meaning, one["email"].text, status=one["status"].text, words=words)
    return event(
        "sendgrid",
        one["sg_event_id"].text,
        meaning,
        [about],
        one,
        message_id=one["smtp-id"].text,
        occurred_at=one["timestamp"].instant,
    )
