"""Signatures and secrets that make a call the provider's, compared in constant time."""

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

#: Our clock and a provider's may differ by so much.
_SKEW = timedelta(minutes=5)
_SECONDS = re.compile(r"[0-9]{10}")
#: Providers that sign once try for so long; the log knows an event for much longer.
TRIED_FOR = timedelta(hours=24)


def require_secret(call: Call, secrets: Sequence[str]) -> None:
    """Accept a secret as Basic password, Bearer token, or in ``X-Webhook-Secret``.

    For providers that sign nothing.

    Raises:
        RefusedCallError: None of the secrets is carried.
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
    """Compare in constant time; nothing matches nothing."""
    return bool(expected) and hmac.compare_digest(expected, shown)


def require_signature(expected: Iterable[bytes], shown: Iterable[bytes]) -> None:
    """Accept one right signature among those shown.

    Raises:
        RefusedCallError: There is none.
    """
    signatures = list(shown)
    if not any(matches(one, other) for one in expected for other in signatures):
        raise RefusedCallError(msg("The signature is not from the provider."))


def read_seconds(stamp: str) -> datetime | None:
    """Return the time of a signed stamp in whole seconds since 1970; None when it is none.

    Ten digits and nothing else: where a signature covers a stamp and what follows it, without a
    mark between them, a stamp of another length would cut the same octets elsewhere.
    """
    return Foreign(stamp).instant if _SECONDS.fullmatch(stamp) else None


def read_instant(stamp: str) -> datetime | None:
    """Return the time of a signed stamp in ISO 8601; None when it is none."""
    return Foreign(stamp).instant if "T" in stamp else None


def require_body_signature(call: Call, header: str, secrets: Sequence[str]) -> None:
    """Accept a body whose HMAC (SHA-256, hexadecimal) by one of the secrets a header carries.

    Raises:
        RefusedCallError: None of the secrets made it.
    """
    shown = call.headers.get(header, "").strip().lower().encode()
    expected = (
        hmac.digest(secret.encode(), call.body, "sha256").hex().encode() for secret in secrets
    )
    require_signature(expected, [shown])


def require_recent(signed_at: datetime | None, received_at: datetime, *, within: timedelta) -> None:
    """Refuse what was signed long ago, or in the future.

    Raises:
        RefusedCallError: It was, or nobody can tell.
    """
    if signed_at is None or not received_at - within <= signed_at <= received_at + _SKEW:
        raise RefusedCallError(
            msg("The request was signed too long ago, or its time cannot be read.")
        )


def octets_of(text: str) -> bytes:
    """Return what base64 stands for.

    Raises:
        RefusedCallError: It is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedCallError(msg("The signature is not valid Base64.")) from None


def public_key(secret: str) -> PublicKeyTypes:
    """Return the public key that a setting holds, base64 of its DER.

    Raises:
        ValueError: It holds none.
    """
    try:
        return load_der_public_key(base64.b64decode(secret, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None


class Unsigned:
    """Proves a call by the secret it carries."""

    LARGEST = LARGEST_CALL

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """See `Adapter.verify`."""
        require_secret(call, secrets)

    def once(self, call: Call) -> None:
        """See `Adapter.once`."""
        del call
