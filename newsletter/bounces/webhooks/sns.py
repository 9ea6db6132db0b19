"""Amazon SNS: the envelope that SES's events come in, signed by a certificate of Amazon's.

The certificate's address stands in the call. Only addresses on SNS's own hosts are ever fetched, or
anybody could make this server fetch what they like and sign with what it finds there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from newsletter.bounces.webhooks.model import Call, RefusedCallError
from newsletter.bounces.webhooks.payload import Foreign, parse
from newsletter.bounces.webhooks.signatures import octets_of
from newsletter.i18n.messages import msg
from newsletter.i18n.normal_form import split_url

#: A region stands in the middle (us-gov-west-1), and nothing else: at ``sns.s3.amazonaws.com`` or
#: ``sns.s3-us-west-2.amazonaws.com`` lies what the owner of the bucket "sns" puts there.
_HOST = re.compile(r"sns\.[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
#: The only signed field that may have several lines.
_MANY_LINES = "Message"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Version 1 is SHA-1: weak against its signer alone, and still what topics do by default.
_HASHES: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - Amazon's choice


def is_amazons(url: str) -> bool:
    """Whether an address is HTTPS on a host of SNS, and nothing odd is in it."""
    return is_https_on(_HOST, url)


def is_https_on(host: re.Pattern[str], url: str) -> bool:
    """Whether an address is HTTPS on its port, on a host that a pattern matches as a whole."""
    try:
        parts = split_url(url)
        port = parts.port
    except ValueError:
        return False
    plain = port in {None, 443} and "@" not in parts.netloc and url.isprintable()
    return parts.scheme == "https" and plain and bool(host.fullmatch(parts.hostname or ""))


def is_certificate(url: str) -> bool:
    """Whether an address may hold a certificate that signs."""
    parts = urlsplit(url) if is_amazons(url) else None
    return parts is not None and parts.path.endswith(".pem") and not parts.query


class SnsType(StrEnum):
    """What SNS sends; a call of any other type is none of its."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


@dataclass(frozen=True, kw_only=True, slots=True)
class SnsEnvelope:
    """What SNS wraps a message in, each value exactly as it came.

    Attributes:
        signed: The fields that the signature covers, in its order.
    """

    kind: SnsType
    signed: tuple[tuple[str, str], ...]
    certificate_url: str
    signature: str
    signature_version: str

    def __getitem__(self, name: str) -> str:
        """Return a signed field's value; empty where it is not there."""
        return dict(self.signed).get(name, "")

    @property
    def canonical(self) -> bytes:
        """What is signed: names and values in lines, in the order of the names."""
        lines = [f"{name}\n{value}\n" for name, value in self.signed]
        return "".join(lines).encode("utf-8", "surrogatepass")


def read_envelope(body: bytes) -> SnsEnvelope:
    """Return the envelope of a call.

    The signature covers the fields joined by line feeds. Were a value other than the message
    allowed to hold one, the same octets could be cut into other fields: a message of anybody's
    could be presented as one of ours.

    Raises:
        RefusedCallError: It is none of SNS's, or a value has a control character.
    """
    whole = parse(body) or Foreign(None)
    try:
        kind = SnsType(_value(whole, "Type"))
    except ValueError:
        raise RefusedCallError(msg("The request is not of a type that SNS sends.")) from None
    names = _SIGNED_NOTIFICATION if kind is SnsType.NOTIFICATION else _SIGNED_CONFIRMATION
    signed = tuple((name, _value(whole, name)) for name in names if whole[name].value is not None)
    if any(name != _MANY_LINES and _CONTROL.search(value) for name, value in signed):
        raise RefusedCallError(msg("A signed field of the request has more than one line."))
    return SnsEnvelope(
        kind=kind,
        signed=signed,
        certificate_url=_value(whole, "SigningCertURL"),
        signature=_value(whole, "Signature"),
        signature_version=_value(whole, "SignatureVersion"),
    )


def _value(whole: Foreign, name: str) -> str:
    value = whole[name].value
    return value if isinstance(value, str) else ""


def require_signed(envelope: SnsEnvelope, pem: bytes, call: Call) -> None:
    """Accept an envelope that the certificate signed.

    Raises:
        RefusedCallError: It did not, or is not valid at this time.
    """
    algorithm = _HASHES.get(envelope.signature_version)
    signature = octets_of(envelope.signature)
    try:
        certificate = load_pem_x509_certificate(pem)
    except ValueError:
        raise RefusedCallError(msg("Amazon’s certificate cannot be read.")) from None
    valid_from, valid_until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    key = certificate.public_key()
    if algorithm is None or not isinstance(key, rsa.RSAPublicKey):
        raise RefusedCallError(msg("The request is signed in a way that SNS does not use."))
    if not valid_from <= call.received_at <= valid_until:
        raise RefusedCallError(msg("Amazon’s certificate is not valid at this time."))
    try:
        key.verify(signature, envelope.canonical, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise RefusedCallError(msg("The signature is not from Amazon.")) from None
