"""Identifiers in a message's header: Message-ID, by which a resend is known, and Feedback-ID."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from newsletter.tokens import KeyedHash

_OCTETS = 15
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
#: Base32 (RFC 4648) of ten bits each.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(_OCTETS * 8 - 10, -1, -10)

#: What `delivery_message_id` makes: the mailing's number, and the digest.
DELIVERY_ID = re.compile(r"<?(\d{1,18})\.([a-z2-7]{24})@", re.IGNORECASE)

_keyed = lru_cache(maxsize=8)(KeyedHash)


def delivery_message_id(
    key: bytes, mailing_id: int, identity: str, subscriber_id: int, mark: int, domain: str
) -> str:
    """Return a Message-ID without angle brackets; it names nobody and nobody can forge it.

    The mailing's number is in it to be found again. After a backup is restored, numbers are used
    again: so the mailing's identity is in it too, and the person's ``mark``, which
    `newsletter.tokens.mark_of` makes.
    """
    person = b"%d\0%d" % (subscriber_id, mark)
    digest = _keyed(key).digest(b"message-id\0%b\0%b" % (identity.encode(), person))
    bits = int.from_bytes(digest[:_OCTETS])
    local = "".join([_PAIRS[bits >> shift & 0x3FF] for shift in _SHIFTS])
    return f"{mailing_id}.{local}@{domain}"


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
