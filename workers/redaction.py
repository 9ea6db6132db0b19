"""Redaction: what a server was told in confidence leaves what it says; some repeat a password.

Their words are kept with deliveries, stand in logs, and are shown to whoever sees operations.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote

#: A shorter secret is hardly one, and would strike out half of all words.
_SHORTEST = 4
_STRUCK = "[…]"


class Redactor:
    """A password, and the forms in which protocols carry it."""

    def __init__(self, username: str, password: str) -> None:
        forms = {
            password,
            # As IMAP quotes it (RFC 3501 section 4.3), and as our settings have it.
            password.replace("\\", "\\\\").replace('"', '\\"'),
            quote(password, safe=""),
            # AUTH LOGIN, and AUTH PLAIN (RFC 4616); a server may leave out what fills them up.
            _base64(password),
            _base64(f"\0{username}\0{password}"),
        }
        longest_first = sorted(
            (re.escape(form) for form in forms if len(form) >= _SHORTEST), key=len, reverse=True
        )
        is_one = len(password) >= _SHORTEST
        self._forms = re.compile("|".join(longest_first)) if is_one else None

    def redact(self, words: str) -> str:
        """Return words without the secret, in whichever of its forms."""
        return words if self._forms is None else self._forms.sub(_STRUCK, words)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii").rstrip("=")
