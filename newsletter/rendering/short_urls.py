"""Addresses as readers see them: the host and the first letters of the path."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

#: Letters of an address that fit on one line of a telephone.
_ROOM = 34
#: Letters of a path that still say something.
_LEAST = 8


def short_url(url: str) -> str:
    """Return a web address short enough for one line; what is none comes back as it is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return url
    if parts.scheme not in {"http", "https"} or not host:
        return url
    host = host.removeprefix("www.")
    rest = _readable(parts.path.rstrip("/"))
    whole = not (parts.query or parts.fragment)
    if len(host) + len(rest) <= _ROOM:
        return host + rest + ("" if whole else "…")
    room = max(_ROOM - len(host) - 1, _LEAST)
    return f"{host}{rest[:room]}…"


def _readable(path: str) -> str:
    """Return a path with its letters decoded, unless that shows what nobody can read."""
    decoded = unquote(path, errors="replace")
    return decoded if decoded.isprintable() and "\ufffd" not in decoded else path
