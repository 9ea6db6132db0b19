"""The listener: an LMTP or SMTP server that accepts only bounces and requests to unsubscribe.

Its reply 250 means that the mail is committed. While the database is unavailable it replies 4xx, so
that the sender tries again later.
"""

from __future__ import annotations

import asyncio
import logging
import re
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

_log = logging.getLogger(__name__)

#: Octets of the largest mail; a bounce contains at most the whole original message.
_MOST_OCTETS = 20 * 1024 * 1024
#: Octets of the longest line; bounces often have longer lines than RFC 5321 allows.
_LINE_OCTETS = 262_144
#: Seconds to wait for the next command, and for a whole mail.
_IDLE_SECONDS = 60
#: Seconds of a session; otherwise a client could keep it open by repeating a command. Postfix,
#: which reuses sessions, limits each to five minutes.
_SESSION_SECONDS = 600
#: Connections that wait to be accepted (the backlog of the socket).
_WAITING = 100
#: Simultaneous connections, each of which may send a mail of the largest size.
_MOST_CONNECTIONS = 20
#: Mails that are parsed at once; parsing needs several times a mail's octets of memory.
_READ_AT_ONCE = 4
#: Octets of all mails that are received at once; for further mails, the reply to DATA is delayed.
#: The memory for a mail is twice this while the dots that SMTP adds are removed.
_RECEIVED_AT_ONCE = 2 * _MOST_OCTETS
#: Octets of these for each network, so that a slow sender does not block the others.
_OF_ONE_NETWORK = _MOST_OCTETS
#: Octets and divisor of the tolerance: an announced size is an estimate (RFC 1870, 6.3), often with
#: line ends of one octet.
_BEYOND_ANNOUNCED, _OF_ANNOUNCED = 65_536, 8
#: The parameter of a size, whatever it says, and the value that it may have (RFC 1870, 3).
_SIZE = re.compile(r"\sSIZE=(\S*)", re.IGNORECASE)
_OCTETS = re.compile(r"[0-9]{1,20}")
#: The end of a line, and of a mail after a line's end.
_LINE_END, _END = b"\r\n", b".\r\n"
_BUSY = b"421 4.3.2 Too many connections; come again\r\n"
_AWAY = "451 4.3.0 The database does not answer; come again"


def quiet_server() -> None:
    """Suppress the server's log of each command, since anybody can write its content."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)


class _Capacity:
    """A number of octets of memory, assigned in the order of the requests."""

    def __init__(self, octets: int) -> None:
        self._octets = self._free = octets
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, octets: int) -> AsyncIterator[None]:
        """Wait until these octets are free, and reserve them during the block.

        A request for more than the whole capacity gets the whole capacity.
        """
        wanted = min(octets, self._octets)
        async with self._turn:
            while self._free < wanted:
                self._freed.clear()
                await self._freed.wait()
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            self._freed.set()


class _Places:
    """The present connections and the capacity for their mails, shared between networks."""

    def __init__(self) -> None:
        #: The networks of the connections, the oldest connection first.
        self._served: dict[_Served, str] = {}
        self._whole = _Capacity(_RECEIVED_AT_ONCE)
        self._shares: WeakValueDictionary[str, _Capacity] = WeakValueDictionary()

    def admit(self, newcomer: _Served, network: str) -> bool:
        """Admit a connection; return False if there is no place for its network.

        If all places are taken, the network with the most connections loses one, provided that it
        has more than the newcomer's network would have. Therefore no network can block the others.
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
        """End the oldest session of a network, preferably one that is not receiving a mail."""
        theirs = [each for each, of in self._served.items() if of == network]
        ended = next((each for each in theirs if not each.receives), theirs[0])
        del self._served[ended]
        ended.give_up_place()

    def leave(self, served: _Served) -> None:
        """Release a connection's place."""
        self._served.pop(served, None)

    @asynccontextmanager
    async def room(self, served: _Served, octets: int) -> AsyncIterator[None]:
        """Reserve memory for a mail during the block; a network gets at most half of all memory."""
        network = self._served.get(served, "")
        share = self._shares.get(network)
        if share is None:
            share = self._shares[network] = _Capacity(_OF_ONE_NETWORK)
        async with share.of(octets), self._whole.of(min(octets, _OF_ONE_NETWORK)):
            yield


class _Served(SMTP):
    """An admitted connection."""

    line_length_limit = _LINE_OCTETS
    places: _Places
    event_handler: MailHandler
    envelope: Envelope | None
    session: Session | None
    connection: asyncio.WriteTransport
    #: The timer that ends the session.
    end: asyncio.TimerHandle
    #: Whether a mail is being received.
    receives = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session and its timer."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - of a stream server
        loop = asyncio.get_running_loop()
        self.connection = transport
        self.end = loop.call_later(_SESSION_SECONDS, transport.abort)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Release the place of the connection."""
        self.places.leave(self)
        self.end.cancel()
        super().connection_lost(error)

    def give_up_place(self) -> None:
        """End the session to free its place for another one."""
        self.connection.write(_BUSY)
        self.connection.abort()

    @wraps(SMTP.smtp_MAIL)
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - the server's
        """Refuse a size that is not one of RFC 1870; the server would fail to read it."""
        for size in _SIZE.findall(arg or ""):
            if not _OCTETS.fullmatch(size):
                await self.push("501 5.5.4 Syntax: SIZE=octets")
                return
        await super().smtp_MAIL(arg)

    @wraps(SMTP.smtp_DATA)
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - the server's
        """Receive a mail once there is capacity for its announced size (RFC 1870)."""
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


async def read_mail(reader: asyncio.StreamReader, most: int) -> bytes | None:
    """Return a mail without the dots that SMTP adds (RFC 5321, 4.5.2), within a limit of memory.

    This replaces the method of the server library, which stores each line as an object, so that
    empty lines need forty times their octets, and which buffers endless lines without limit.

    Args:
        reader: The data after the command DATA.
        most: The maximum size of the mail in octets. The rest of a larger mail is read and
            discarded, so that its sender reads the reply.

    Returns:
        The mail; None if it is too large.
    """
    # The line end of the command counts as the one before the mail's first line.
    mail, is_larger = bytearray(_LINE_END), False
    while not mail.endswith(_LINE_END + _END):
        try:
            mail += await reader.readuntil(_END)
        except asyncio.LimitOverrunError as error:
            mail += await reader.readexactly(error.consumed)
        if len(mail) > most + len(_LINE_END + _END):
            is_larger = True
            del mail[: -len(_LINE_END + _END)]
    if is_larger:
        return None
    del mail[-len(_END) :]
    mail = mail.replace(_LINE_END + b".", _LINE_END)
    del mail[: len(_LINE_END)]
    return bytes(mail)


def _room_for(envelope: Envelope) -> int:
    """Return the allowed octets of a mail: somewhat more than announced, or else the maximum."""
    for option in envelope.mail_options:
        name, _, value = str(option).partition("=")
        if name.upper() == "SIZE" and value.isdecimal():
            announced = int(value[:12])
            beyond = announced // _OF_ANNOUNCED + _BEYOND_ANNOUNCED
            return min(announced + beyond, _MOST_OCTETS)
    return _MOST_OCTETS


class _ServedLmtp(_Served, LMTP):
    """An admitted connection with LMTP."""


class _Door(asyncio.Protocol):
    """Admits a connection, or refuses it temporarily."""

    def __init__(self, places: _Places, server: Callable[[], _Served]) -> None:
        self._places = places
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass the connection to a server, or reply and close it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream server
        peer = transport.get_extra_info("peername")
        server = self._server()
        server.places = self._places
        # All clients of a Unix socket are on this machine.
        if self._places.admit(server, network_of(peer[0]) if peer else ""):
            transport.set_protocol(server)
            server.connection_made(transport)
        else:
            transport.write(_BUSY)
            transport.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenAddress:
    """An address to listen on; ``path`` is a Unix socket instead of host and port."""

    protocol: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path or f'{self.host}:{self.port}'}"


def read_listen_address(url: str) -> ListenAddress:
    """Return the address of a URL: ``lmtp://host:port``, ``lmtp:///socket``, ``smtp://…``.

    Raises:
        SettingError: The URL is invalid.
    """
    place = Place(source=msg("settings"), field="BOUNCE_LISTEN")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingError(msg("This is not an address to listen on."), place=place) from None
    if parts.scheme in {"lmtp", "smtp"} and host and port is not None:
        return ListenAddress(protocol=parts.scheme, host=host, port=port)
    # Without this check, "lmtp:host:port" would be a socket in the current directory.
    if parts.scheme in {"lmtp", "smtp"} and not host and parts.path.startswith("/"):
        return ListenAddress(protocol=parts.scheme, path=unquote(parts.path))
    raise SettingError(
        msg("This is not an address to listen on."),
        place=place,
        remedy=msg("Use lmtp://127.0.0.1:8024, lmtp:///run/newsletter/bounces.sock or smtp://…."),
    )


class MailHandler:
    """Replies to RCPT and DATA."""

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
        """Accept one of our addresses, and only one per mail, since it identifies a delivery."""
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
        """Process a mail, and reply 250 after it is committed."""
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
        """Reply to an unexpected error with a temporary failure, so that no mail is lost."""
        name = type(error).__name__
        _log.error("a mail could not be taken, and must come again: %s", name, exc_info=error)
        return "451 4.3.0 Something went wrong here; come again"


def _put_off(error: SQLAlchemyError) -> str:
    _log.warning("a mail must come again: the database cannot be used: %s", reason_of(error))
    return _AWAY


async def listen_until_signal(
    address: ListenAddress, handler: MailHandler, *, ready: Callable[[], None]
) -> None:
    """Listen until SIGTERM or SIGINT; an unfinished mail gets no reply, so it is sent again.

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
    """Listen during the block.

    Raises:
        UnavailableError: The address is in use, or the process may not listen on it.
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
