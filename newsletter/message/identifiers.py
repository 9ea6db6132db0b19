"""Message-IDs that follow from the delivery alone, so that a resend can be recognised."""

from __future__ import annotations

import base64
import hmac


def delivery_message_id(key: bytes, mailing_id: int, subscriber_id: int, domain: str) -> str:
    """Return a Message-ID without angle brackets; it names nobody and nobody can forge it."""
    digest = hmac.digest(key, b"message-id\0%d\0%d" % (mailing_id, subscriber_id), "sha256")
    local = base64.b32encode(digest[:15]).decode("ascii").lower()
    return f"{mailing_id}.{local}@{domain}"
