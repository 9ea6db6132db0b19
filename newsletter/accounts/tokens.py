"""Opaque random tokens: whoever holds one is let in, and the database keeps only its hash."""

from __future__ import annotations

import hashlib
import secrets

_OCTETS = 32


def new_token() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(_OCTETS)


def token_hash(token: str) -> str:
    """Return what the database keeps: SHA-256 is enough for what cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
