"""Tokens: signed ones that prove for what a link is, and opaque ones that let their holder in.

A signed token is URL-safe base64 of ``version | purpose | numbers | signature``: a few integers
under an HMAC-SHA256 (RFC 2104) cut to 16 octets. It names rows by number, so no address stands in
a URL, and carries no date, so links of years ago work while their key is still listed.

Once a backup is restored, numbers are given out again. So a token also carries marks of the rows
that it was signed for: whoever acts on one compares them with the rows of today.

An opaque token is random, and the database keeps only its hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from newsletter.errors import TokenError
from newsletter.i18n.messages import msg

_VERSION = 1
_SIGNATURE_OCTETS = 16
#: A local part has room for no more; 96 bits cannot be guessed at a server that is asked by mail.
_RETURN_PATH_SIGNATURE_OCTETS = 12
#: Version and purpose stand before the numbers.
_HEAD_OCTETS = 2
#: LEB128 keeps seven bits in an octet and says in the eighth that more follow.
_VARINT_MASK = 0x7F
_ONE_OCTET = [bytes((number,)) for number in range(_VARINT_MASK + 1)]


class Purpose(IntEnum):
    """What a token may be used for; a token for one purpose is refused for any other."""

    UNSUBSCRIBE = 1
    PREFERENCES = 2
    CONFIRM = 3
    VIEW = 4
    #: As return paths were signed before they carried marks; only read.
    FORMER_RETURN_PATH = 5
    CLICK = 6
    ACCOUNT = 7
    RETURN_PATH = 8
    #: When a form was shown.
    FORM = 9
    ADDRESS_CHANGE = 10
    ADDRESS_CHANGE_UNDO = 11


#: Where programs find links in a text, they take a full stop, a bracket or a blank along.
_BEHIND = re.compile(r"[^A-Za-z0-9_-]")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
#: What a token begins with.
_HEADS = {purpose: bytes((_VERSION, purpose)) for purpose in Purpose}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRef:
    """The numbers a delivery's links and return path carry.

    Attributes:
        mailing_id: 0 for none.
        subscriber_mark: See `mark_of`; of the newsletter and the subscriber. None in a token that
            was signed before there were marks.
        mailing_mark: See `mark_of_mailing`; None as above.
    """

    newsletter_id: int
    mailing_id: int
    subscriber_id: int
    subscriber_mark: int | None = None
    mailing_mark: int | None = None


#: Bits of a mark: three octets of a token, and two where less hangs on it.
_MARK_BITS, _MAILING_MARK_BITS = 21, 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def mark_of(*created_at: datetime) -> int:
    """Return what tells rows from others that got the same numbers after a restore.

    Of two million such others one has the same mark.

    Args:
        created_at: When each row was made; nothing that is made later has the same microsecond.
    """
    moments = " ".join([str((moment - _EPOCH) // _MICROSECOND) for moment in created_at])
    return zlib.crc32(moments.encode()) >> (32 - _MARK_BITS)


@lru_cache(maxsize=64)
def mark_of_mailing(identity: str) -> int:
    """Return what tells a mailing from a later one of its number; 0 for none."""
    return zlib.crc32(identity.encode()) >> (32 - _MAILING_MARK_BITS) if identity else 0


class KeyedHash:
    """HMAC-SHA256 (RFC 2104) under one key, whose two key blocks are hashed once.

    A copied hash state costs less than half of what `hmac.digest` does, which sets up both anew.
    """

    _BLOCK_OCTETS = 64

    def __init__(self, key: bytes) -> None:
        short = key if len(key) <= self._BLOCK_OCTETS else hashlib.sha256(key).digest()
        block = short.ljust(self._BLOCK_OCTETS, b"\0")
        self._inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block))
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))

    def digest(self, octets: bytes) -> bytes:
        """Return the 32 octets."""
        inner = self._inner.copy()
        inner.update(octets)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=1024)  # a mailing's numbers are in every token, a reader's in four in a row
def _varint(number: int) -> bytes:
    """Encode a natural number in LEB128: 7 bits an octet, least significant first."""
    if number <= _VARINT_MASK:
        return _ONE_OCTET[number]
    octets = bytearray()
    while number > _VARINT_MASK:
        octets.append(number & _VARINT_MASK | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def numbers_of(ref: DeliveryRef) -> tuple[int, ...]:
    """Return what a token about a delivery holds."""
    numbers = (ref.newsletter_id, ref.mailing_id, ref.subscriber_id)
    if ref.subscriber_mark is None:
        return numbers
    return (*numbers, ref.subscriber_mark, ref.mailing_mark or 0)


def _encoded(numbers: Iterable[int]) -> bytes:
    return b"".join([_varint(number) for number in numbers])


def _signature_octets(purpose: Purpose) -> int:
    is_short = purpose is Purpose.RETURN_PATH
    return _RETURN_PATH_SIGNATURE_OCTETS if is_short else _SIGNATURE_OCTETS


def _read_varints(data: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for octet in data:
        number |= (octet & _VARINT_MASK) << shift
        if octet & 0x80:
            shift += 7
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise TokenError(msg("The link is damaged: it ends in the middle of a number."))
    return numbers


class TokenSigner:
    """Writes tokens with the first key and reads those written with any of the keys.

    Keys rotate by putting a new one in front; removing an old one kills the links it signed.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        #: Keyed hashes under the same keys.
        self.pseudonyms = Pseudonyms(keys)
        self._hashes = tuple(
            KeyedHash(hashlib.sha256(b"newsletter-token\0" + key).digest()) for key in keys
        )

    def keys_for(self, use: str) -> tuple[bytes, ...]:
        """Return keys for another use, derived from each of ours; the first is to sign with."""
        return tuple(keyed.digest(b"key for " + use.encode()) for keyed in self._hashes)

    def sign(self, purpose: Purpose, *numbers: int) -> str:
        """Return a token for natural ``numbers``: ASCII, URL-safe, without padding."""
        return self._sign(purpose, _encoded(numbers))

    def _sign(self, purpose: Purpose, numbers: bytes) -> str:
        body = _HEADS[purpose] + numbers
        signature = self._hashes[0].digest(body)[: _signature_octets(purpose)]
        encoded = binascii.b2a_base64(body + signature, newline=False)
        return encoded.translate(_URL_SAFE, b"=").decode("ascii")

    def read(self, purpose: Purpose, token: str) -> tuple[int, ...]:
        """Return the numbers of a token; what stands behind it within a link is passed over.

        Raises:
            TokenError: It is damaged, forged, signed with a key no longer known, or meant for
                another purpose.
        """
        encoded = _BEHIND.split(token, 1)[0].encode("ascii")
        try:
            raw = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_")
        except binascii.Error as error:
            raise TokenError(msg("The link is damaged.")) from error
        octets = _signature_octets(purpose)
        body, signature = raw[:-octets], raw[-octets:]
        if len(body) < _HEAD_OCTETS or not any(
            hmac.compare_digest(keyed.digest(body)[:octets], signature) for keyed in self._hashes
        ):
            raise TokenError(msg("The link is damaged, or was signed with a key no longer in use."))
        if body[0] != _VERSION or body[1] != purpose:
            raise TokenError(msg("This link is for a different purpose."))
        return tuple(_read_varints(body[_HEAD_OCTETS:]))

    def sign_delivery(self, purpose: Purpose, ref: DeliveryRef) -> str:
        """Return a token for one delivery; mailing 0 stands for none."""
        return self._sign(purpose, _encoded(numbers_of(ref)))

    def sign_deliveries(self, purposes: Iterable[Purpose], ref: DeliveryRef) -> list[str]:
        """Return a token for each purpose, of one delivery."""
        numbers = _encoded(numbers_of(ref))
        return [self._sign(purpose, numbers) for purpose in purposes]

    def read_delivery(self, purpose: Purpose, token: str) -> DeliveryRef:
        """Return the delivery a token names, with the marks to compare it by.

        Raises:
            TokenError: See `read`.
        """
        match self.read(purpose, token):
            case (newsletter_id, mailing_id, subscriber_id):
                person = mailing = None
            case (newsletter_id, mailing_id, subscriber_id, person, mailing):
                pass
            case _:
                raise TokenError(msg("This link is for a different purpose."))
        return DeliveryRef(
            newsletter_id=newsletter_id,
            mailing_id=mailing_id,
            subscriber_id=subscriber_id,
            subscriber_mark=person,
            mailing_mark=mailing,
        )


#: What stands in a text where a token was.
WITHHELD = "[…]"
#: Where mail breaks a long word: quoted-printable's soft break (RFC 2045), folding, a quoted reply.
_BREAK = r"(?:=?\r?\n[ \t>]{0,8})?"
#: Version and purpose make the first two characters and bound the third; with the shortest numbers
#: and the signature it has 26. What stands before it may be of the same letters: ``%20``, ``2F``.
_TOKEN = re.compile(rf"A{_BREAK}Q{_BREAK}[E-Za-v](?:{_BREAK}[A-Za-z0-9_-]){{23,80}}[A-Za-z0-9_-]*")


def without_tokens(text: str) -> str:
    """Return a text without what has the form of a token, under whatever key.

    For what others return or quote: a link within it would act in its reader's place.
    """
    return _TOKEN.sub(WITHHELD, text)


class Pseudonyms:
    """Keyed hashes: they tell whether a text was seen before without keeping the text.

    The oldest key writes, so that rotation keeps what was written recognisable; all keys are
    tried in reading, for when the oldest is finally taken away.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        self._hashes = tuple(
            KeyedHash(hashlib.sha256(b"newsletter-pseudonym\0" + key).digest()) for key in keys
        )

    def of(self, text: str) -> str:
        """Return the hash to keep: HMAC-SHA256 in 64 hexadecimal digits."""
        return self._hashes[-1].digest(text.encode("utf-8")).hex()

    def all_of(self, text: str) -> tuple[str, ...]:
        """Return every hash under which ``text`` may have been kept."""
        octets = text.encode("utf-8")
        return tuple(keyed.digest(octets).hex() for keyed in self._hashes)

    def by_hash(self, texts: Iterable[str]) -> dict[str, str]:
        """Return texts by every hash under which each may have been kept."""
        many = [(text, text.encode("utf-8")) for text in texts]
        return {keyed.digest(octets).hex(): text for keyed in self._hashes for text, octets in many}


def new_token() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what the database keeps: SHA-256 is enough for what cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
