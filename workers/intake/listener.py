"""The listener: an LMTP or SMTP server that takes bounces and requests to leave, and nothing else.

Its 250 means that the mail is committed; while the database is away it answers 4xx, and the sender
keeps the mail and comes again.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from urllib.parse import unquote, urlsplit
from weakref import WeakValueDictionary

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import AWAY, reason_of
from newsletter.errors import Place, SettingError, UnavailableError, system_reason
from newsletter.feedback.attribution import Keys
from newsletter.feedback.joining import JoiningByMail
from newsletter.feedback.mail import is_ours, take_mail
from newsletter.i18n.messages import msg
from newsletter.networks import network_of
from workers.intake.receiving import Capacity, read_mail

_log = logging.getLogger(__name__)

#: A notice returns a whole message at most.
_MOST_OCTETS = 20 * 1024 * 1024
#: Longer lines than RFC 5321 allows are common in what mail systems return.
_LINE_OCTETS = 262_144
#: For the next command, and for a whole mail.
_IDLE_SECONDS = 60
#: For a session: who only says something again and again would keep its place. Postfix, which keeps
#: sessions for further mails, gives each five minutes.
_SESSION_SECONDS = 600
#: Connections that may wait to be taken.
_WAITING = 100
#: Connections that are served at once: each may hold a mail of the largest size.
_MOST_CONNECTIONS = 20
#: Mails that are read at once: reading one takes several times its octets.
_READ_AT_ONCE = 4
#: Octets of mails that are received at once; the others wait for DATA to be granted. A mail in
#: hand takes its octets twice while the dots are taken out that SMTP adds.
_RECEIVED_AT_ONCE = 2 * _MOST_OCTETS
#: Of these, those from one network: who is slow in sending holds up no other.
_OF_ONE_NETWORK = _MOST_OCTETS
#: An announced size is an estimate (RFC 1870, 6.3), often before line ends are two octets.
_BEYOND_ANNOUNCED, _OF_ANNOUNCED = 65_536, 8
_BUSY = b"421 4.3.2 Too many connections; come again\r\n"
_AWAY = "451 4.3.0 The database does not answer; come again"


def quiet_server() -> None:
    """Leave out of the log what the server says of each command: it is anybody's to write."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)


class _Places:
    """Who is served, and the capacity for their mails, shared between the networks that call."""

    def __init__(self) -> None:
        #: The longest served first.
        self._served: dict[_Served, str] = {}
        self._whole = Capacity(_RECEIVED_AT_ONCE)
        self._shares: WeakValueDictionary[str, Capacity] = WeakValueDictionary()

    def admit(self, newcomer: _Served, network: str) -> bool:
        """Give a place to a connection; False where there is none for its network.

        Where all are taken, one goes back that is held by whoever holds the most, if that is more
        than the newcomer's network would hold with it: so nobody keeps the others out.
        """
        if len(self._served) >= _MOST_CONNECTIONS:
            held = Counter(self._served.values())
            most, count = held.most_common(1)[0]
            if count <= held[network] + 1:
                return False
            self._end_one_of(most)
        self._served[newcomer] = network
        return True

    def _end_one_of(self, network: str) -> None:
        """End the session that was there first, if possible one that brings no mail just now."""
        theirs = [each for each, of in self._served.items() if of == network]
        ended = next((each for each in theirs if not each.receives), theirs[0])
        del self._served[ended]
        ended.give_up_place()

    def leave(self, served: _Served) -> None:
        """Take back a connection's place."""
        self._served.pop(served, None)

    @asynccontextmanager
    async def room(self, served: _Served, octets: int) -> AsyncIterator[None]:
        """Keep room for a mail for the block; one network has half of it all at most."""
        network = self._served.get(served, "")
        share = self._shares.get(network)
        if share is None:
            share = self._shares[network] = Capacity(_OF_ONE_NETWORK)
        async with share.of(octets), self._whole.of(min(octets, _OF_ONE_NETWORK)):
            yield


class _Served(SMTP):
    """A connection that is served."""

    line_length_limit = _LINE_OCTETS
    places: _Places
    event_handler: MailHandler
    envelope: Envelope | None
    session: Session | None
    connection: asyncio.WriteTransport
    #: Ends the session.
    end: asyncio.TimerHandle
    #: Whether a mail is on its way in.
    receives = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session, which may last only so long."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - of a stream server
        loop = asyncio.get_running_loop()
        self.connection = transport
        self.end = loop.call_later(_SESSION_SECONDS, transport.abort)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        self.places.leave(self)
        self.end.cancel()
        super().connection_lost(error)

    def give_up_place(self) -> None:
        """End the session for another's sake."""
        self.connection.write(_BUSY)
        self.connection.abort()

    @wraps(SMTP.smtp_DATA)
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the server's
        """Receive a mail when there is capacity; mail servers announce its size (RFC 1870)."""
        if self.envelope is None or self.session is None or not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
        elif arg:
            await self.push("501 Syntax: DATA")
        else:
            most = _room_for(self.envelope)
            async with self.places.room(self, most):
                self.receives = True
                try:
                    answer = await self._receive(self.envelope, self.session, most)
                finally:
                    self.receives = False
                    self.envelope = Envelope()
                await self.push(answer)

    async def _receive(self, envelope: Envelope, session: Session, most: int) -> str:
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        envelope.content = await read_mail(self._reader, most)
        if envelope.content is None:
            return "552 5.3.4 The message is larger than announced, or than any that is taken"
        return await self.event_handler.handle_DATA(self, session, envelope)


def _room_for(envelope: Envelope) -> int:
    """Return how many octets a mail may have: some more than announced, or the most there are."""
    for option in envelope.mail_options:
        name, _, value = str(option).partition("=")
        if name.upper() == "SIZE" and value.isdecimal():
            announced = int(value[:12])
            beyond = announced // _OF_ANNOUNCED + _BEYOND_ANNOUNCED
            return min(announced + beyond, _MOST_OCTETS)
    return _MOST_OCTETS


class _ServedLmtp(_Served, LMTP):
    """The same, over LMTP."""


class _Door(asyncio.Protocol):
    """Lets a connection in, or tells it to come again."""

    def __init__(self, places: _Places, server: Callable[[], _Served]) -> None:
        self._places = places
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to a server, or answer and end."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream server
        peer = transport.get_extra_info("peername")
        server = self._server()
        server.places = self._places
        # At a Unix socket all come from this machine.
        if self._places.admit(server, network_of(peer[0]) if peer else ""):
            transport.set_protocol(server)
            server.connection_made(transport)
        else:
            transport.write(_BUSY)
            transport.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenAddress:
    """Where to listen; ``path`` is a Unix socket in place of host and port."""

    protocol: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path or f'{self.host}:{self.port}'}"


def read_listen_address(url: str) -> ListenAddress:
    """Return the address that a URL names: ``lmtp://host:port``, ``lmtp:///socket``, ``smtp://…``.

    Raises:
        SettingError: It names none.
    """
    place = Place(source=msg("settings"), field="BOUNCE_LISTEN")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingError(msg("This is not an address to listen on."), place=place) from None
    if parts.scheme in {"lmtp", "smtp"} and host and port is not None:
        return ListenAddress(protocol=parts.scheme, host=host, port=port)
    # Without slashes a host and its port would be the name of a socket in the present folder.
    if parts.scheme in {"lmtp", "smtp"} and not host and parts.path.startswith("/"):
        return ListenAddress(protocol=parts.scheme, path=unquote(parts.path))
    raise SettingError(
        msg("This is not an address to listen on."),
        place=place,
        remedy=msg("Use lmtp://127.0.0.1:8024, lmtp:///run/newsletter/bounces.sock or smtp://…."),
    )


class MailHandler:
    """Answers RCPT and DATA."""

    def __init__(self, engine: Engine, keys: Keys, joining: JoiningByMail | None = None) -> None:
        self._engine = engine
        self._keys = keys
        self._joining = joining
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's hook
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take an address of ours; one at a time, since one mail may be about one delivery."""
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        try:
            is_ours = await asyncio.to_thread(self._is_ours, address)
        except AWAY as error:
            return _put_off(error)
        if not is_ours:
            return "550 5.1.1 No mail is taken for this address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Say 250 once the mail is committed."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            async with self._reading:
                taken = await asyncio.to_thread(
                    self._take, raw, envelope.rcpt_tos[0], envelope.mail_from
                )
        except AWAY as error:
            return _put_off(error)
        return f"250 2.0.0 {taken}"

    def _is_ours(self, address: str) -> bool:
        if self._joining is not None and self._joining.newsletter_at(address) is not None:
            return True
        return is_ours(self._engine, self._keys.signer, address)

    def _take(self, raw: bytes, address: str, sender: str | None) -> str:
        taken = take_mail(
            self._engine,
            raw,
            self._keys,
            envelope_to=address,
            envelope_from=sender or "",
            is_for_us=True,
            joining=self._joining,
        )
        return taken.value

    async def handle_exception(self, error: Exception) -> str:
        """Answer a defect so that the mail is not lost by it."""
        name = type(error).__name__
        _log.error("a mail could not be taken, and must come again: %s", name, exc_info=error)
        return "451 4.3.0 Something went wrong here; come again"


def _put_off(error: SQLAlchemyError) -> str:
    _log.warning("a mail must come again: the database cannot be used: %s", reason_of(error))
    return _AWAY


async def listen_until_signal(
    address: ListenAddress, handler: MailHandler, *, ready: Callable[[], None]
) -> None:
    """Listen until SIGTERM or SIGINT; a mail under way is not acknowledged, and comes again.

    Raises:
        UnavailableError: See `listen`.
    """
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with listen(address, handler):
        ready()
        await ended.wait()


@asynccontextmanager
async def listen(address: ListenAddress, handler: MailHandler) -> AsyncIterator[None]:
    """Listen for as long as the context lasts.

    Raises:
        UnavailableError: The address is taken, or not ours to listen at.
    """
    kind = _ServedLmtp if address.protocol == "lmtp" else _Served
    loop, places = asyncio.get_running_loop(), _Places()

    def server() -> _Served:
        return kind(
            handler,
            data_size_limit=_MOST_OCTETS,
            enable_SMTPUTF8=True,
            decode_data=False,
            ident="newsletter",
            timeout=_IDLE_SECONDS,
        )

    def protocol() -> asyncio.BaseProtocol:
        return _Door(places, server)

    try:
        if address.path:
            listening: asyncio.Server = await loop.create_unix_server(
                protocol, address.path, backlog=_WAITING
            )
        else:
            listening = await loop.create_server(
                protocol, address.host, address.port, backlog=_WAITING
            )
    except OSError as error:
        raise UnavailableError(
            msg(
                "Cannot listen on {address}: {reason}.",
                address=address,
                reason=system_reason(error),
            ),
            remedy=msg("Set another address in BOUNCE_LISTEN."),
        ) from None
    async with listening:
        yield
