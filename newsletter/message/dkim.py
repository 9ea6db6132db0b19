"""DKIM (RFC 6376): sign the messages of a frame, and hash anew only the parts that differ.

Messages are signed ``relaxed/relaxed``. Their bodies are base64 in lines without trailing space, so
the relaxed form of a body is the body itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from newsletter.addresses import parse_address
from newsletter.errors import MessageError, Place, SettingError
from newsletter.i18n.messages import msg

#: DNS labels separated by dots.
_SELECTOR = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?\b)+", re.IGNORECASE)
_SPACE = re.compile(rb"[ \t\r\n]+")
_DIGEST = Prehashed(hashes.SHA256())
_FOLD = 72
#: RFC 8301 section 3.2: verifiers may reject shorter keys.
_SHORTEST_RSA = 1024
_USUAL_RSA = 2048
#: Fields that must not be added to a message even if it has none of them: sender, recipient and
#: the way to unsubscribe.
_NEVER_ADDED = (
    *("from", "to", "cc", "date", "subject", "reply-to", "sender"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class DkimKey:
    """A private key; its public key is published at ``SELECTOR._domainkey.DOMAIN``."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """The value of ``a=`` (RFC 6376 section 3.3, RFC 8463)."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    def signs_for(self, domain: str) -> bool:
        """Return whether the signature is aligned with a From domain (RFC 7489 section 3.1.1)."""
        return domain == self.domain or domain.endswith("." + self.domain)

    def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, padding.PKCS1v15(), _DIGEST)
        return self.private.sign(digest)

    def dns_record(self) -> str:
        """Return the value of the TXT record that publishes the public key."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            octets = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return f"v=DKIM1; k=rsa; p={_base64(octets)}"
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={_base64(octets)}"

    def to_pem(self) -> bytes:
        """Return the private key in PKCS 8 form, not encrypted."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def make_key(domain: str, selector: str, *, ed25519: bool = False) -> DkimKey:
    """Return a new key: RSA with 2048 bits, or Ed25519.

    Raises:
        ListError: The domain is invalid.
        MessageError: The selector is not a DNS label (RFC 6376, 3.1).
    """
    parse_address(f"postmaster@{domain}")
    if not _SELECTOR.fullmatch(selector):
        raise MessageError(
            msg("“{selector}” cannot be a selector of DKIM.", selector=selector),
            remedy=msg("Use letters, digits and hyphens, such as nl2026."),
        )
    private: RSAPrivateKey | Ed25519PrivateKey = (
        Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65_537, _USUAL_RSA)
    )
    return DkimKey(domain=domain, selector=selector, private=private)


def read_key(domain: str, selector: str, pem: bytes, *, source: str) -> DkimKey:
    """Read a private key.

    Raises:
        SettingError: DKIM cannot sign with this key; ``source`` is the key's place in the message.
    """
    place = Place(source=source)
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingError(
            msg("This is not an unencrypted private key in PEM format."),
            place=place,
            remedy=msg("Create one with: newsletter dkim DOMAIN SELECTOR"),
        ) from None
    if isinstance(private, Ed25519PrivateKey) or (
        isinstance(private, RSAPrivateKey) and private.key_size >= _SHORTEST_RSA
    ):
        return DkimKey(domain=domain, selector=selector, private=private)
    raise SettingError(
        msg("DKIM signs with RSA of 1024 bits or more, or with Ed25519."), place=place
    )


class HeaderSigner:
    """Signs messages with the same ``fixed`` fields, once with each key."""

    def __init__(self, keys: Sequence[DkimKey], fixed: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._fixed_names = [_name(field) for field in fixed]
        self._fixed = hashlib.sha256(b"".join(map(_relaxed, fixed)))

    def fields(self, varying: Sequence[bytes], body: Iterable[bytes]) -> bytes:
        """Return the DKIM-Signature fields of one message.

        Each field is listed once more than it occurs, so that nobody can add a further one to a
        copy of the message (RFC 6376 section 8.15).

        Args:
            varying: The other fields to sign, each with its CRLF.
            body: The body in pieces; it ends in one CRLF.
        """
        body_hash = hashlib.sha256()
        for piece in body:
            body_hash.update(piece)
        headers = self._fixed.copy()
        headers.update(b"".join(map(_relaxed, varying)))
        signed = [*self._fixed_names, *map(_name, varying)]
        names = ":".join([*signed, *dict.fromkeys([*signed, *_NEVER_ADDED])])
        return b"".join(
            self._field(key, names, _base64(body_hash.digest()), headers.copy())
            for key in self._keys
        )

    @staticmethod
    def _field(key: DkimKey, names: str, body_hash: str, headers: hashlib._Hash) -> bytes:
        folded_names = _fold(names, ":")
        field = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
            f" s={key.selector}; h={folded_names};\r\n bh={body_hash};\r\n b="
        ).encode("ascii")
        # RFC 6376 section 3.7: the signature's own field is last, with an empty b= and without
        # CRLF.
        headers.update(_relaxed(field).removesuffix(b"\r\n"))
        signature = _base64(key.sign(headers.digest()))
        lines = [signature[start : start + _FOLD] for start in range(0, len(signature), _FOLD)]
        return field + "\r\n ".join(lines).encode("ascii") + b"\r\n"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _name(field: bytes) -> str:
    return field.partition(b":")[0].decode("ascii").lower()


def _fold(text: str, separator: str) -> str:
    """Break a list into lines; white space around its separators has no meaning."""
    lines = [""]
    for word in text.split(separator):
        if len(lines[-1]) + len(word) >= _FOLD:
            lines.append("")
        lines[-1] += word + separator
    return "\r\n ".join(lines).removesuffix(separator)


def _relaxed(field: bytes) -> bytes:
    """Return a field in relaxed form (RFC 6376 section 3.4.2)."""
    name, _, value = field.partition(b":")
    return name.lower() + b":" + _SPACE.sub(b" ", value).strip() + b"\r\n"
