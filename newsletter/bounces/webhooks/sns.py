"""Amazon SNS: the envelope of SES's events, signed with a certificate of Amazon's.

The call itself names the certificate's URL. Only URLs on hosts of SNS are fetched. Otherwise any
caller could make this server fetch an arbitrary URL, and sign calls with their own certificate.
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

#: Only a region (us-gov-west-1) is accepted in the middle. ``sns.s3.amazonaws.com`` and
#: ``sns.s3-us-west-2.amazonaws.com`` are controlled by the owner of the storage bucket "sns".
_HOST = re.compile(r"sns\.[a-z]{2,4}(-[a-z]{2,12}){1,2}-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
#: The only signed field that may have several lines.
_MANY_LINES = "Message"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Version 1 is SHA-1. Only the signer could abuse its weakness, and it is still the default of
#: topics.
_HASHES: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - Amazon's choice


def is_amazon_url(url: str) -> bool:
    """Return whether a URL is HTTPS on a host of SNS, without unusual parts."""
    return is_https_on(_HOST, url)


def is_https_on(host: re.Pattern[str], url: str) -> bool:
    """Return whether a URL is HTTPS on the default port, on a host that fully matches a pattern."""
    try:
        parts = split_url(url)
        port = parts.port
    except ValueError:
        return False
    plain = port in {None, 443} and "@" not in parts.netloc and url.isprintable()
    return parts.scheme == "https" and plain and bool(host.fullmatch(parts.hostname or ""))


def is_certificate_url(url: str) -> bool:
    """Return whether a URL can be that of a signing certificate."""
    parts = urlsplit(url) if is_amazon_url(url) else None
    return parts is not None and parts.path.endswith(".pem") and not parts.query


class SnsType(StrEnum):
    """The types of calls that SNS sends. Calls of other types are refused."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


@dataclass(frozen=True, kw_only=True, slots=True)
class SnsEnvelope:
    """SNS's envelope of a message, with each value exactly as sent.

    Attributes:
        signed: The fields covered by the signature, in the order of signing.
    """

    kind: SnsType
    signed: tuple[tuple[str, str], ...]
    certificate_url: str
    signature: str
    signature_version: str

    def __getitem__(self, name: str) -> str:
        """Return a signed field's value; empty if the field is missing."""
        return dict(self.signed).get(name, "")

    @property
    def canonical(self) -> bytes:
        """The signed octets: names and values on separate lines, ordered by name."""
        lines = [f"{name}\n{value}\n" for name, value in self.signed]
        return "".join(lines).encode("utf-8", "surrogatepass")


def read_envelope(body: bytes) -> SnsEnvelope:
    """Return the envelope of a call.

    The signature covers the fields joined by line feeds. If a value other than the message could
    hold a line feed, the same octets could be divided into other fields. An attacker could then
    present somebody else's signed message as ours.

    Raises:
        RefusedCallError: The call is not of a type of SNS, or a value has a control character.
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
    """Accept an envelope that was signed with the certificate.

    Raises:
        RefusedCallError: The signature is wrong, or the certificate is not valid at this time.
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
