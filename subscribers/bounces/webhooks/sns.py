"""Amazon SNS: the envelope that SES's events come in, signed by a certificate of Amazon's.

The certificate's address stands in the call. Only addresses on SNS's own hosts are ever fetched, or
anybody could make this server fetch what they like and sign with what it finds there.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from subscribers.bounces.webhooks.foreign import Foreign
from subscribers.bounces.webhooks.model import Call, RefusedCallError
from subscribers.bounces.webhooks.proof import octets_of

_HOST = re.compile(r"sns\.[a-z0-9-]{2,40}\.amazonaws\.com(\.cn)?")
_CONFIRMING = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_SIGNED_NOTICE = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
#: Version 1 is SHA-1: weak against its signer alone, and still what topics do by default.
_HASHES: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - Amazon's choice


def is_amazons(url: str) -> bool:
    """Whether an address is HTTPS on a host of SNS, and nothing odd is in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = port in {None, 443} and "@" not in parts.netloc and url.isprintable()
    return parts.scheme == "https" and plain and bool(_HOST.fullmatch(parts.hostname or ""))


def is_certificate(url: str) -> bool:
    """Whether an address may hold a certificate that signs."""
    parts = urlsplit(url) if is_amazons(url) else None
    return parts is not None and parts.path.endswith(".pem") and not parts.query


def canonical(envelope: Foreign) -> bytes:
    """Return what is signed: names and values in lines, in the order of the names."""
    confirming = _value(envelope, "Type") in _CONFIRMING
    names = _SIGNED_CONFIRMATION if confirming else _SIGNED_NOTICE
    present = [name for name in names if envelope[name].value is not None]
    lines = [f"{name}\n{_value(envelope, name)}\n" for name in present]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _value(envelope: Foreign, name: str) -> str:
    value = envelope[name].value
    return value if isinstance(value, str) else ""


def require_signed(envelope: Foreign, pem: bytes, call: Call) -> None:
    """Accept an envelope that the certificate signed.

    Raises:
        RefusedCallError: It did not, or is not valid at this time.
    """
    algorithm = _HASHES.get(_value(envelope, "SignatureVersion"))
    signature = octets_of(_value(envelope, "Signature"))
    try:
        certificate = load_pem_x509_certificate(pem)
    except ValueError:
        raise RefusedCallError("Amazon's certificate cannot be read.") from None
    valid_from, valid_until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    key = certificate.public_key()
    if algorithm is None or not isinstance(key, rsa.RSAPublicKey):
        raise RefusedCallError("The call is signed in a way that SNS does not use.")
    if not valid_from <= call.received_at <= valid_until:
        raise RefusedCallError("Amazon's certificate is not valid at this time.")
    try:
        key.verify(signature, canonical(envelope), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise RefusedCallError("The signature is not Amazon's.") from None
