"""Verify the signature or the secret of a provider's call, with constant-time comparison."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.bounces.webhooks.model import LARGEST_CALL, Call, RefusedCallError
from newsletter.bounces.webhooks.payload import Foreign
from newsletter.i18n.messages import msg

#: Maximum difference between our clock and a provider's.
_SKEW = timedelta(minutes=5)
_SECONDS = re.compile(r"[0-9]{10}")
#: Providers that sign a call once repeat it for this long. The log recognises a repeated event for
#: much longer.
TRIED_FOR = timedelta(hours=24)


def require_secret(call: Call, secrets: Sequence[str]) -> None:
    """Accept a call with a secret as Basic password, Bearer token, or in ``X-Webhook-Secret``.

    For providers without signatures.

    Raises:
        RefusedCallError: The call carries none of the secrets.
    """
    scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
    shown = [call.headers.get("x-webhook-secret", "")]
    if scheme.lower() == "bearer":
        shown.append(credentials.strip())
    if scheme.lower() == "basic":
        shown.append(_password(credentials))
    if not any(matches(secret.encode(), one.encode()) for secret in secrets for one in shown):
        raise RefusedCallError(msg("The request does not carry the shared secret."))


def _password(credentials: str) -> str:
    try:
        plain = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return plain.partition(":")[2]


def matches(expected: bytes, shown: bytes) -> bool:
    """Compare in constant time; an empty expected value never matches."""
    return bool(expected) and hmac.compare_digest(expected, shown)


def require_signature(expected: Iterable[bytes], shown: Iterable[bytes]) -> None:
    """Accept if one of the signatures in the call is one of the expected ones.

    Raises:
        RefusedCallError: No signature matches.
    """
    signatures = list(shown)
    if not any(matches(one, other) for one in expected for other in signatures):
        raise RefusedCallError(msg("The signature is not from the provider."))


def read_seconds(stamp: str) -> datetime | None:
    """Return the time of a signed timestamp in whole seconds since 1970; None if it is not one.

    The timestamp must have exactly ten digits. Some signatures cover a timestamp and the following
    data without a separator. A timestamp of another length could move the border between the two.
    """
    return Foreign(stamp).instant if _SECONDS.fullmatch(stamp) else None


def read_instant(stamp: str) -> datetime | None:
    """Return the time of a signed timestamp in ISO 8601; None if it is not one."""
    return Foreign(stamp).instant if "T" in stamp else None


def require_body_signature(call: Call, header: str, secrets: Sequence[str]) -> None:
    """Accept a body if a header has its HMAC (SHA-256, hexadecimal) with one of the secrets.

    Raises:
        RefusedCallError: No secret produces the signature.
    """
    shown = call.headers.get(header, "").strip().lower().encode()
    expected = (
        hmac.digest(secret.encode(), call.body, "sha256").hex().encode() for secret in secrets
    )
    require_signature(expected, [shown])


def require_recent(signed_at: datetime | None, received_at: datetime, *, within: timedelta) -> None:
    """Refuse a call that was signed long ago, or in the future.

    Raises:
        RefusedCallError: The time of signing is out of range or unknown.
    """
    if signed_at is None or not received_at - within <= signed_at <= received_at + _SKEW:
        raise RefusedCallError(
            msg("The request was signed too long ago, or its time cannot be read.")
        )


def octets_of(text: str) -> bytes:
    """Return the decoded octets of a base64 text.

    Raises:
        RefusedCallError: The text is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedCallError(msg("The signature is not valid Base64.")) from None


def public_key(secret: str) -> PublicKeyTypes:
    """Return the public key in a setting: base64 of its DER.

    Raises:
        ValueError: The setting does not hold a public key.
    """
    try:
        return load_der_public_key(base64.b64decode(secret, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None


class Unsigned:
    """Base of adapters whose provider does not sign: a call is proven by the secret it carries."""

    LARGEST = LARGEST_CALL

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`."""
        require_secret(call, secrets)

    def replay_key(self, call: Call) -> None:
        """See `Adapter.replay_key`."""
        del call
