"""Message-IDs that follow from the delivery alone, so that a resend can be recognised."""

from __future__ import annotations

from functools import lru_cache

from newsletter.tokens import KeyedHash

_OCTETS = 15
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
#: Base32 (RFC 4648) of ten bits each.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_SHIFTS = range(_OCTETS * 8 - 10, -1, -10)

_keyed = lru_cache(maxsize=8)(KeyedHash)


def delivery_message_id(
    key: bytes, mailing_id: int, identity: str, subscriber_id: int, domain: str
) -> str:
    """Return a Message-ID without angle brackets; it names nobody and nobody can forge it.

    The mailing's number is in it to be found again, its identity so that no two mailings share one:
    after a backup is restored, numbers are used again.
    """
    digest = _keyed(key).digest(b"message-id\0%b\0%d" % (identity.encode(), subscriber_id))
    bits = int.from_bytes(digest[:_OCTETS])
    local = "".join([_PAIRS[bits >> shift & 0x3FF] for shift in _SHIFTS])
    return f"{mailing_id}.{local}@{domain}"
