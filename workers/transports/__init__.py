"""Transports: how messages are sent, by an SMTP relay or into a folder, chosen by a URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote

from newsletter.errors import Place, SettingError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from newsletter.settings import Settings
from workers.mail_servers import require_authorities, split_url
from workers.transports.base import Transport
from workers.transports.directory import DirectoryTransport
from workers.transports.relay import Relay
from workers.transports.smtp import SmtpTransport

_PORTS = {"none": 25, "starttls": 587, "implicit": 465}
_PLACE = Place(source=msg("settings"), field="MAIL_TRANSPORTS")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Route:
    """A transport with its share of the batches.

    Attributes:
        weight: The route's share of all batches, relative to the sum of all weights; 0 for a
            reserve, which is used only if no other route works.
        rate: The maximum number of messages per second of all workers together; 0 for no limit.
    """

    transport: Transport
    weight: float = 1.0
    rate: float = 0.0


def open_route(url: str) -> Route:
    """Return the route for a URL of MAIL_TRANSPORTS, without connecting.

    Raises:
        SettingError: The URL is not valid. The message omits the URL, which may contain a password.
    """
    parts = split_url(url, _PLACE, msg("The URL of a transport cannot be read."))
    options = _Options({name: words[-1] for name, words in parse_qs(parts.query).items()})
    weight, rate = options.number("weight", 1.0), options.number("rate", 0.0)
    opener = TRANSPORTS.get(parts.scheme)
    transport = opener(parts, options) if opener is not None else None
    if transport is None:
        raise SettingError(
            msg("The URL of a transport is of an unknown kind."),
            place=_PLACE,
            remedy=msg(
                "Use smtp://user:secret@host:587?tls=starttls, smtps://… or directory:///path."
            ),
        )
    options.refuse_rest()
    return Route(transport=transport, weight=weight, rate=rate)


def _open_directory(parts: SplitResult, _options: _Options) -> Transport | None:
    return DirectoryTransport(Path(parts.path)) if parts.path else None


def _open_relay(parts: SplitResult, options: _Options) -> Transport | None:
    if not parts.hostname:
        return None
    tls = "implicit" if parts.scheme == "smtps" else _tls(parts, options)
    return SmtpTransport(
        Relay(
            host=parts.hostname,
            port=parts.port or _PORTS[tls],
            tls=tls,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            ca_file=options.text("ca"),
            connections=int(options.number("connections", 4, least=1)),
            messages=int(options.number("messages", 1000, least=1)),
            timeout=options.number("timeout", 60, least=1),
            greeting_name=options.text("helo"),
        )
    )


#: Functions that open a transport, by URL scheme; they return None if the URL is incomplete.
TRANSPORTS: Mapping[str, Callable[[SplitResult, _Options], Transport | None]] = {
    "directory": _open_directory,
    "smtp": _open_relay,
    "smtps": _open_relay,
}


def _tls(parts: SplitResult, options: _Options) -> str:
    """Return the TLS mode of ``smtp:``; passwords go to other hosts under TLS only (RFC 8314)."""
    host = parts.hostname or ""
    is_exposed = parts.username is not None and not _is_this_machine(host)
    tls = options.choice("tls", _PORTS, "starttls" if is_exposed else "none")
    if tls == "none" and is_exposed:
        raise SettingError(
            msg("The password for {host} would be sent unencrypted.", host=host),
            place=_PLACE,
            remedy=msg("Use tls=starttls, or smtps://…."),
        )
    return tls


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_relay_files(settings: Settings) -> None:
    """Check that the certificate files of all relays can be read on this host.

    Raises:
        SettingError: A file cannot be read, or is not a certificate file.
    """
    for url in settings.mail_transports:
        require_authorities(open_route(url.get_secret_value()).transport.ca_file, _PLACE)


def relay_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the relays in MAIL_TRANSPORTS.

    Raises:
        SettingError: A URL is not valid.
    """
    urls = settings.mail_transports
    return tuple(open_route(url.get_secret_value()).transport.name for url in urls)


class _Options:
    """The options in a URL's query; unknown ones are errors."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def text(self, name: str) -> str:
        return self._words.pop(name, "")

    def choice(self, name: str, known: dict[str, int], usual: str) -> str:
        word = self._words.pop(name, usual)
        if word not in known:
            raise SettingError(
                msg("The transport option {name} cannot be “{value}”.", name=name, value=word),
                place=_PLACE,
                remedy=msg("Use one of: {names}.", names=Listing(tuple(known))),
            )
        return word

    def number(self, name: str, usual: float, *, least: float = 0) -> float:
        word = self._words.pop(name, str(usual))
        try:
            value = float(word)
        except ValueError:
            value = -1
        if not least <= value < float("inf"):
            raise SettingError(
                msg("The transport option {name} cannot be “{value}”.", name=name, value=word),
                place=_PLACE,
                remedy=msg("Use a number of at least {least}.", least=least),
            )
        return value

    def refuse_rest(self) -> None:
        for name in self._words:
            raise SettingError(
                msg("A transport has an unknown option “{name}”.", name=name),
                place=_PLACE,
                remedy=msg("All options are listed in docs/transports.md."),
            )
