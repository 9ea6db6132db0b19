"""Postal's webhooks: one event in each call, signed with the installation's RSA key."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from newsletter.bounces.webhooks.model import (
    LARGEST_UNPROVEN,
    Call,
    ProviderEvent,
    RefusedCallError,
    meanings,
)
from newsletter.bounces.webhooks.payload import Foreign, event, meaning_of, read_batch, recipient
from newsletter.bounces.webhooks.signatures import octets_of, public_key
from newsletter.i18n.messages import msg

_EVENTS = meanings("postal", "events")


class Postal:
    """See `Adapter`."""

    LARGEST = LARGEST_UNPROVEN

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`; a secret is a public key, base64 of its DER, as in Postal's DKIM.

        Newer versions of Postal add a header with a SHA-256 signature to the one with SHA-1.
        """
        newer = call.headers.get("x-postal-signature-256", "")
        signature = octets_of(newer or call.headers.get("x-postal-signature", ""))
        algorithm = SHA256() if newer else SHA1()  # noqa: S303 - old versions sign with SHA-1 only
        if not any(_is_signed(key, signature, call.body, algorithm) for key in secrets):
            raise RefusedCallError(msg("The signature is not from Postal."))

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call

    def read(self, call: Call) -> Sequence[ProviderEvent]:
        """See `Adapter.read`."""
        return read_batch("postal", call.body, _read)


def _is_signed(key: str, signature: bytes, signed: bytes, algorithm: SHA1 | SHA256) -> bool:
    try:
        read_key(key).verify(signature, signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_key(secret: str) -> rsa.RSAPublicKey:
    """Return the public key in a secret.

    Raises:
        ValueError: The secret is not an RSA public key.
    """
    public = public_key(secret)
    if not isinstance(public, rsa.RSAPublicKey):
        raise ValueError("another kind of key")  # noqa: TRY004 - the setting's value is wrong
    return public


def _read(one: Foreign) -> ProviderEvent | None:
    payload = one["payload"]
    meaning = meaning_of(_EVENTS, one["event"].word)
    if meaning is None:
        return None
    message = payload["message"] or payload["original_message"]
    if message["direction"].word == "incoming":
        return None
    words = payload["output"].text or payload["details"].text
    return event(
        "postal",
        one["uuid"].text,
        meaning,
        [recipient(meaning, message["to"].text, words=words)],
        one,
        message_id=message["message_id"].text,
        occurred_at=one["timestamp"].instant,
    )
