"""Identifiers in a message's header: Message-ID, which identifies a resend, and Feedback-ID."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

from newsletter.tokens import KeyedHash

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
