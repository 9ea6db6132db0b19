"""Mail servers that we connect to: their URLs, their authorities, and no password in their words.

Their words are kept with deliveries, stand in logs, and are shown to whoever sees operations.
"""

from __future__ import annotations

import base64
import re
import ssl
from urllib.parse import SplitResult, quote, urlsplit

from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import Message, msg


def split_url(url: str, place: Place, fault: Message) -> SplitResult:
    """Return the parts of a URL; behind a ``#`` is none, and a password's end would be lost there.

    Args:
        url: As the setting has it.
        place: The setting.
        fault: Says what URL it is that cannot be read. It does not repeat it.

    Raises:
        SettingError: Its host or its port is none, or it holds a ``#``.
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


def demand_authorities(ca_file: str, place: Place) -> None:
    """Refuse the file of an option ``ca`` before mail is held up by it.

    Args:
        ca_file: A PEM file; empty for the system's authorities.
        place: The setting that names it.

    Raises:
        SettingError: It cannot be read, or holds no certificate.
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
