"""Identifiers in a message's header: Message-ID, by which a resend is known, and Feedback-ID."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache

from newsletter.tokens import KeyedHash

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
#: Base32 (RFC 4648) of ten bits each.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_OCTETS = 15
#: Of the bits of so many octets, those of each pair of letters.
_SHIFTS = range(_OCTETS * 8 - 10, -1, -10)
#: So many pairs say whose the message is (100 bits), and so many that the whole is ours (20).
_OF_PERSON, _OF_CHECK = 10, 2

#: What `delivery_message_id` makes: the mailing's number, the person's code, and the check.
DELIVERY_ID = re.compile(r"<?(\d{1,18})\.([a-z2-7]{20})([a-z2-7]{4})@", re.IGNORECASE)

_keyed = lru_cache(maxsize=8)(KeyedHash)


def delivery_message_id(
    key: bytes, mailing_id: int, identity: str, subscriber_id: int, mark: int, domain: str
) -> str:
    """Return a Message-ID without angle brackets; it names nobody and nobody can forge it.

    The mailing's number is in it to be found again. After a backup is restored, numbers are used
    again: so the mailing's identity is in it too, and the person's ``mark``, which
    `newsletter.tokens.mark_of` makes.
    """
    code = person_code(key, identity, subscriber_id, mark)
    return f"{mailing_id}.{code}{_check(key, mailing_id, code)}@{domain}"


def person_code(key: bytes, identity: str, subscriber_id: int, mark: int) -> str:
    """Return the letters of a Message-ID that say to whom a mailing's message went."""
    person = b"%d\0%d" % (subscriber_id, mark)
    return _letters(
        _keyed(key).digest(b"message-id\0%b\0%b" % (identity.encode(), person)), _OF_PERSON
    )


def read_delivery_id(key: bytes, message_id: str) -> tuple[int, str] | None:
    """Return a Message-ID's mailing and person's code; None of one that is none of ours.

    Whose the code is can be found by trying a mailing's people alone, up to all of them. So what
    strangers make up is told by the check, which costs the same for any list.
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


#: Letters that Gmail takes of a sender's name in Feedback-ID.
_SENDER_LEAST, _SENDER_MOST = 5, 15


def feedback_id(*, mailing: str, newsletter: str, kind: str, domain: str) -> str:
    """Return Gmail's Feedback-ID: three things that complaints are counted by, and the sender.

    The parts begin differently, and the sender has no hyphen, so that none repeats another: a
    repeated one would be counted twice.
    """
    return f"mailing-{mailing}:list-{newsletter}:kind-{kind}:{_sender(domain)}"


def _sender(domain: str) -> str:
    """Return a domain in 5 to 15 letters and digits, the same each time."""
    letters = re.sub(r"[^a-z0-9]", "", domain.lower())
    if _SENDER_LEAST <= len(letters) <= _SENDER_MOST:
        return letters
    digest = hashlib.sha256(domain.lower().encode()).hexdigest()
    return f"{letters[: _SENDER_MOST - 6]}{digest[:6]}"
