"""Mail servers that we connect to: URLs, certificates, and removing passwords from replies.

Replies are stored with deliveries, logged, and shown to operators.
"""

from __future__ import annotations

import base64
import re
import ssl
from urllib.parse import SplitResult, quote, urlsplit

from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import Message, msg


def split_url(url: str, place: Place, fault: Message) -> SplitResult:
    """Return the parts of a URL; a ``#`` is refused, since the rest of a password would be lost.

    Args:
        url: The URL in the setting.
        place: The setting.
        fault: The message if the URL is not valid, which must not contain it.

    Raises:
        SettingError: Host or port is not valid, or the URL contains a ``#``.
    """
    refusal = SettingError(
        fault,
        place=place,
        remedy=msg(
            "A port is a number up to 65535; write special characters of a password as %XX."
        ),
    )
    if "#" in url:
        raise refusal
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise refusal from None
    return parts


#: The minimum length of a redacted secret; shorter ones would match parts of ordinary words.
_SHORTEST = 4
_STRUCK = "[…]"


class Redactor:
    """Removes a password from texts, in all encodings that protocols use."""

    def __init__(self, username: str, password: str) -> None:
        forms = {
            password,
            # As quoted in IMAP (RFC 3501 section 4.3), and as in our settings.
            password.replace("\\", "\\\\").replace('"', '\\"'),
            quote(password, safe=""),
            # AUTH LOGIN, and AUTH PLAIN (RFC 4616); servers may omit the padding.
            _base64(password),
            _base64(f"\0{username}\0{password}"),
        }
        longest_first = sorted(
            (re.escape(form) for form in forms if len(form) >= _SHORTEST), key=len, reverse=True
        )
        is_one = len(password) >= _SHORTEST
        self._forms = re.compile("|".join(longest_first)) if is_one else None

    def redact(self, words: str) -> str:
        """Return the text without the password."""
        return words if self._forms is None else self._forms.sub(_STRUCK, words)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii").rstrip("=")


def require_authorities(ca_file: str, place: Place) -> None:
    """Check the file of an option ``ca``.

    Args:
        ca_file: A PEM file; empty for the system's authorities.
        place: The setting that names it.

    Raises:
        SettingError: The file cannot be read, or has no certificate.
    """
    if not ca_file:
        return
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            fault = msg("{path} holds no certificate.", path=ca_file)
        else:
            fault = msg(
                "{path} cannot be read: {reason}.", path=ca_file, reason=system_reason(error)
            )
        raise SettingError(
            fault,
            place=place,
            remedy=msg("The option ca names a PEM file of the authorities to trust."),
        ) from None
