"""What takes a message away: an SMTP relay, or a folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from newsletter.errors import Place, SettingError
from workers.transports.base import Transport
from workers.transports.directory import DirectoryTransport
from workers.transports.smtp import Relay, SmtpTransport

_PORTS = {"none": 25, "starttls": 587, "implicit": 465}


def open_transport(url: str) -> Transport:
    """Return the transport that a URL of MAIL_TRANSPORTS names; nothing is connected yet.

    Raises:
        SettingError: It names none. The message does not repeat the URL, which may hold a password.
    """
    place = Place(source="settings", field="MAIL_TRANSPORTS")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingError("A transport's URL cannot be read.", place=place) from None
    if parts.scheme == "directory" and parts.path:
        return DirectoryTransport(Path(parts.path))
    tls = parse_qs(parts.query).get("tls", ["none"])[-1]
    tls = "implicit" if parts.scheme == "smtps" else tls
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or tls not in _PORTS:
        raise SettingError(
            "A transport's URL is none that is known here.",
            place=place,
            remedy="Use smtp://user:secret@host:587?tls=starttls, smtps://… or directory:///path.",
        )
    return SmtpTransport(
        Relay(
            host=parts.hostname,
            port=port or _PORTS[tls],
            tls=tls,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )
    )
