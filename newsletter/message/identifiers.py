"""Identifiers of a message: Message-ID, Feedback-ID, and the return path of its delivery (VERP).

A return path is ``bounces+TOKEN@domain``. TOKEN is a signed token (`newsletter.tokens`) in base32,
because mail servers may change the case of a local part. Anybody who sends to such an address has
seen the envelope of that one message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from contextlib import suppress
from functools import lru_cache

from newsletter.errors import MessageError, TokenError
from newsletter.i18n.messages import msg
from newsletter.tokens import WITHHELD, DeliveryRef, KeyedHash, Purpose, TokenSigner

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
#: All pairs of base32 letters (RFC 4648); each pair stands for ten bits.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_OCTETS = 15
#: Shifts of ``_OCTETS`` octets that give the ten bits of each pair.
_SHIFTS = range(_OCTETS * 8 - 10, -1, -10)
#: Numbers of pairs: ten for the person's code (100 bits), two for the check (20 bits).
_OF_PERSON, _OF_CHECK = 10, 2

#: The result of `delivery_message_id`: the mailing's number, the person's code, and the check.
DELIVERY_ID = re.compile(r"<?(\d{1,18})\.([a-z2-7]{20})([a-z2-7]{4})@", re.IGNORECASE)

_keyed = lru_cache(maxsize=8)(KeyedHash)


def delivery_message_id(
    key: bytes, mailing_id: int, identity: str, subscriber_id: int, mark: int, domain: str
) -> str:
    """Return a Message-ID without angle brackets; it reveals no name and cannot be forged.

    It holds the mailing's number, so that the mailing can be found by it. Numbers are reused after
    a backup was restored, so the code also covers the mailing's identity and the person's
    ``mark``, which `newsletter.tokens.mark_of` makes.
    """
    code = person_code(key, identity, subscriber_id, mark)
    return f"{mailing_id}.{code}{_check(key, mailing_id, code)}@{domain}"


def person_code(key: bytes, identity: str, subscriber_id: int, mark: int) -> str:
    """Return the letters of a Message-ID that identify the recipient within a mailing."""
    person = b"%d\0%d" % (subscriber_id, mark)
    return _letters(
        _keyed(key).digest(b"message-id\0%b\0%b" % (identity.encode(), person)), _OF_PERSON
    )


def read_delivery_id(key: bytes, message_id: str) -> tuple[int, str] | None:
    """Return a Message-ID's mailing and person's code; None if it is not one of ours.

    The owner of a code can be found only by trying the recipients of the mailing, up to all of
    them. Forged codes are therefore rejected by the check first, at the same cost for any list.
    """
    match = DELIVERY_ID.match(message_id)
    if match is None:
        return None
    mailing_id, code, check = int(match[1]), match[2].lower(), match[3].lower()
    if not hmac.compare_digest(_check(key, mailing_id, code), check):
        return None
    return mailing_id, code


def _check(key: bytes, mailing_id: int, code: str) -> str:
    octets = b"message-id-check\0%d\0%b" % (mailing_id, code.encode())
    return _letters(_keyed(key).digest(octets), _OF_CHECK)


def _letters(digest: bytes, pairs: int) -> str:
    bits = int.from_bytes(digest[:_OCTETS])
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in _SHIFTS[:pairs]])


#: Minimum and maximum length of the sender's name in Gmail's Feedback-ID.
_SENDER_LEAST, _SENDER_MOST = 5, 15


def feedback_id(*, mailing: str, newsletter: str, kind: str, domain: str) -> str:
    """Return Gmail's Feedback-ID: three keys by which complaints are counted, and the sender.

    The keys have different prefixes, and the sender has no hyphen, so no part can equal another.
    Gmail would count equal parts twice.
    """
    return f"mailing-{mailing}:list-{newsletter}:kind-{kind}:{_sender(domain)}"


def _sender(domain: str) -> str:
    """Return a stable short form of a domain, with 5 to 15 letters and digits."""
    letters = re.sub(r"[^a-z0-9]", "", domain.lower())
    if _SENDER_LEAST <= len(letters) <= _SENDER_MOST:
        return letters
    digest = hashlib.sha256(domain.lower().encode()).hexdigest()
    return f"{letters[: _SENDER_MOST - 6]}{digest[:6]}"


#: RFC 5321 section 4.5.3.1.1.
_LOCAL_OCTETS = 64
#: Maximum octets of a bounce address's local part. The rest of the 64 octets is for the plus sign
#: and a token with large numbers: 18 octets of numbers and marks, two before them, and a signature
#: of twelve after them, in base32.
_LONGEST_LOCAL = 11
#: Minimum length of a token: five octets and a signature of twelve, in base32.
_SHORTEST = 28
_SIGNED = re.compile(rf"\+([A-Za-z2-7]{{{_SHORTEST},{_LOCAL_OCTETS}}})@[^@\s]+\Z")


def return_path(signer: TokenSigner, bounce_address: str, ref: DeliveryRef) -> str:
    """Return the envelope sender of one delivery, on the domain of ``bounce_address``.

    Raises:
        MessageError: The local part would be longer than 64 octets (RFC 5321 section 4.5.3.1.1).
    """
    local, _, domain = bounce_address.rpartition("@")
    token = signer.sign_delivery(Purpose.RETURN_PATH, ref)
    signed = f"{local}+{_to_base32(token)}"
    if len(signed.encode()) > _LOCAL_OCTETS:
        raise MessageError(
            msg("The return path made from {address} would be too long.", address=bounce_address),
            remedy=msg("Use a bounce address with at most eleven characters before the @."),
        )
    return f"{signed}@{domain}"


def fits_return_path(bounce_address: str) -> bool:
    """Return whether the return path of any delivery fits, however large its numbers."""
    return len(bounce_address.rpartition("@")[0].encode()) <= _LONGEST_LOCAL


def read_return_path(signer: TokenSigner, address: str) -> DeliveryRef | None:
    """Return the delivery that an address names; None if the address is foreign or forged.

    `newsletter.mailings.planning.links.compare` checks who has these numbers today.
    """
    match = _SIGNED.search(address)
    if match is None:
        return None
    try:
        token = _from_base32(match[1])
        # The last letter has unused bits, which a forged address could change.
        if _to_base32(token) != match[1].lower():
            return None
    except binascii.Error:
        return None
    for purpose in (Purpose.RETURN_PATH, Purpose.FORMER_RETURN_PATH):
        with suppress(TokenError):
            return signer.read_delivery(purpose, token)
    return None


def claims_delivery(address: str) -> bool:
    """Return whether an address has the form of a signed return path, genuine or not.

    If it has and `read_return_path` returns None, it is forged or was signed with a lost key.
    """
    return _SIGNED.search(address) is not None


def without_signature(address: str) -> str:
    """Return an address without the signed part of its local part, if it has one."""
    return _SIGNED.sub(f"@{address.rpartition('@')[2]}", address)


#: The encoded version and purpose of `Purpose.RETURN_PATH` or its predecessor, with the token.
_TOKEN = re.compile(r"(?<=\+)(?:aee[a-p]|aec[q-z2-7])[a-z2-7]{24,}(?=@|=40|%40)", re.IGNORECASE)


def without_return_paths(text: str) -> str:
    """Return a text without the tokens of return paths, which would allow forging bounces."""
    return _TOKEN.sub(WITHHELD, text)


def _to_base32(token: str) -> str:
    octets = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return base64.b32encode(octets).rstrip(b"=").decode("ascii").lower()


def _from_base32(text: str) -> str:
    octets = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
