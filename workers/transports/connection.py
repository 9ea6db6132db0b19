"""One SMTP connection (RFC 5321): open, start TLS, authenticate, then one message after another.

Commands are pipelined if the relay offers PIPELINING (RFC 2920): the next envelope is sent together
with the message before it, so that each message costs a single round trip. The message itself is
sent only after reply 354, and after its courier has committed it.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
from collections import deque
from dataclasses import dataclass

from newsletter.mailings.ledger.relay_faults import RelayFault
from workers.mail_servers import Redactor
from workers.transports.base import Courier, Envelope, Parcel, Result, ResultKind
from workers.transports.relay import Relay, Reply, ReplyReader, classify, fault_of

#: The commands of an envelope, in order.
_VERBS = ("MAIL", "RCPT", "DATA")
_START_MAIL_INPUT = 354
_CLOSING = 421
#: The relay requires authentication or TLS (RFC 4954 section 6, RFC 3207 section 4), whoever the
#: recipient is.
_ACCESS_CODES = frozenset({530, 534, 535, 538})
#: The factor for the timeout after the final dot, for which RFC 5321 section 4.5.3.2.6 recommends
#: ten minutes.
_DATA_END_PATIENCE = 5
_NUMBERS = itertools.count(1)
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


class ConnectionEndedError(Exception):
    """The connection has ended, or can no longer be used.

    Attributes:
        result: The result of the present message if the relay's last reply decides it, such as 421.
        fault: The kind of fault if it concerns all messages.
    """

    def __init__(
        self, words: str, *, result: Result | None = None, fault: RelayFault | None = None
    ) -> None:
        super().__init__(words)
        self.result = result
        self.fault = fault


class WithdrawnError(ConnectionEndedError):
    """The courier withdrew a message after reply 354; only closing the connection cancels it."""


@dataclass(kw_only=True, slots=True)
class _Handover:
    """The progress of one message; ``following`` is the next, whose envelope was sent with it."""

    committed: bool = False
    following: Parcel | None = None


class SmtpConnection(asyncio.Protocol):
    """A connection to a relay."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._number = next(_NUMBERS)
        redactor = Redactor(relay.username, relay.password)
        self._reader = ReplyReader(redactor.redact)
        self._replies: deque[Reply] = deque()
        #: The number of outstanding replies; the first is the greeting.
        self._owed = 1
        self._waiter: asyncio.Future[None] | None = None
        self._ended = ""
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._extensions: dict[str, str] = {}
        self._needs_reset = False
        #: Whether the connection was idle: the relay may have closed it, which only the next
        #: message shows.
        self._has_rested = False
        #: The number of messages that got a reply over this connection.
        self.answered = 0

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio; called again when TLS begins."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - by create_connection
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        for reply in self._reader.feed(data):
            if not self._owed:
                # Each later reply would be matched with the wrong command.
                self._end(_unasked(reply))
                break
            self._owed -= 1
            self._replies.append(reply)
        if self._reader.is_malformed:
            self._end("The relay answered something that is not SMTP.")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._end(str(exc) if exc else "The relay closed the connection.")
        self._wake()

    def _end(self, reason: str) -> None:
        self._ended = self._ended or reason

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # One step of the dialogue.

    def _write(self, *octets: bytes, asks: int) -> None:
        """Write commands, or a message; ``asks`` is the number of replies that they will get."""
        if self._ended or self._transport is None:
            raise ConnectionEndedError(self._ended)
        self._owed += asks
        self._transport.writelines(octets)

    async def _reply(self, *, patience: float = 1) -> Reply:
        """Return the next reply; the timeout, times ``patience``, is for all parts of it."""
        deadline = 0.0
        while not self._replies:
            if self._ended:
                raise ConnectionEndedError(self._ended)
            loop = asyncio.get_running_loop()
            deadline = deadline or loop.time() + self._relay.timeout * patience
            self._waiter = loop.create_future()
            self._expect_word_by(deadline, loop)
            await self._waiter
        return self._replies.popleft()

    def _expect_word_by(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        """Set the deadline of the reply.

        A timer that is set to an earlier time is kept; when it fires, it is set again. One timer
        per reply would cost as much as reading the reply.
        """
        self._deadline = deadline
        if self._alarm is not None and self._alarm.when() > deadline:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = loop.call_at(deadline, self._look_at_the_clock, loop)

    def _look_at_the_clock(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        if self._waiter is None or self._waiter.done():
            return
        if loop.time() >= self._deadline:
            self._end("The relay did not answer in time.")
            self._wake()
        else:
            self._alarm = loop.call_at(self._deadline, self._look_at_the_clock, loop)

    async def _command(self, line: str) -> Reply:
        self._write(line.encode() + b"\r\n", asks=1)
        return await self._reply()

    # Opening and closing.

    async def open(self) -> None:
        """Connect, greet, start TLS and authenticate.

        Raises:
            ConnectionEndedError: One of these failed. The message contains no password.
        """
        relay = self._relay
        try:
            context = relay.tls_context() if relay.tls == "implicit" else None
            async with asyncio.timeout(relay.timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: self, relay.host, relay.port, ssl=context
                )
            _expect(await self._reply(), 220)
            await self._hello()
            if relay.tls == "starttls":
                await self._start_tls()
                await self._hello()
            if relay.username:
                await self._sign_in()
        except OSError as error:
            self.abort()
            words = "the connection timed out" if isinstance(error, TimeoutError) else str(error)
            raise ConnectionEndedError(
                f"{relay.name}: {words}"[:500], fault=fault_of(error)
            ) from None
        except ConnectionEndedError:
            self.abort()
            raise

    async def _hello(self) -> None:
        reply = await self._command(f"EHLO {self._relay.own_name()}")
        if reply.code // 100 == 5:  # noqa: PLR2004 - RFC 5321 section 3.2: an old server
            reply = await self._command(f"HELO {self._relay.own_name()}")
        _expect(reply, 250)
        offers = [line.upper().partition(" ") for line in reply.lines[1:]]
        self._extensions = {name: words for name, _, words in offers}

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self._extensions:
            raise ConnectionEndedError(
                "The relay offers no STARTTLS, which MAIL_TRANSPORTS asks.",
                fault=RelayFault.TLS_MISSING,
            )
        _expect(await self._command("STARTTLS"), 220, RelayFault.TLS_MISSING)
        if self._ended or self._replies or not self._reader.is_empty:
            # Replies that arrived before TLS may be injected by an attacker.
            raise ConnectionEndedError(
                "The relay spoke between STARTTLS and TLS.", fault=RelayFault.TLS_FAILED
            )
        assert self._transport is not None  # noqa: S101 - the connection is open
        async with asyncio.timeout(self._relay.timeout):
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, self._relay.tls_context(), server_hostname=self._relay.host
            )

    async def _sign_in(self) -> None:
        user, password = self._relay.username, self._relay.password
        methods = self._extensions.get("AUTH", "").split()
        if "PLAIN" in methods:
            words = _base64(f"\0{user}\0{password}")
            reply = await self._command(f"AUTH PLAIN {words}")
        elif "LOGIN" in methods:
            _expect(await self._command("AUTH LOGIN"), 334, RelayFault.PASSWORD)
            _expect(await self._command(_base64(user)), 334, RelayFault.PASSWORD)
            reply = await self._command(_base64(password))
        else:
            raise ConnectionEndedError(
                "The relay offers neither AUTH PLAIN nor AUTH LOGIN.",
                fault=RelayFault.PASSWORD_UNSUPPORTED,
            )
        _expect(reply, 235, RelayFault.PASSWORD)

    async def quit(self) -> None:
        """Send QUIT and close; errors are ignored (RFC 5321 section 4.1.1.10)."""
        try:
            async with asyncio.timeout(2):
                await self._command("QUIT")
        except (ConnectionEndedError, TimeoutError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once; the relay discards an open transaction."""
        self._end("The connection was ended.")
        if self._alarm is not None:
            self._alarm.cancel()
        if self._transport is not None:
            self._transport.abort()

    # Transactions.

    @property
    def is_used_up(self) -> bool:
        """Whether the connection has carried its maximum number of messages."""
        return self.answered >= self._relay.messages

    async def carry(self, courier: Courier, first: Parcel) -> None:
        """Send messages until none is ready, or the connection is used up.

        Raises:
            ConnectionEndedError: The connection broke; every parcel was settled nevertheless.
        """
        parcel: Parcel | None = first
        opened = False
        while parcel is not None:
            handover = _Handover()
            try:
                result = await self._hand_over(courier, parcel, handover, opened=opened)
            except ConnectionEndedError as error:
                self._settle_end(courier, parcel, handover, error)
                self.abort()
                raise
            except BaseException:
                # Close the connection, so that nothing is sent later, beside the next worker.
                self.abort()
                raise
            courier.settle(parcel, result)
            self.answered += 1
            self._has_rested = False
            opened = handover.following is not None
            parcel = handover.following or self._next(courier)
        self._has_rested = True

    def _settle_end(
        self, courier: Courier, parcel: Parcel, handover: _Handover, error: ConnectionEndedError
    ) -> None:
        """Settle the present message, and the following one, after the connection has ended."""
        words = error.result.reply if error.result else str(error)
        not_tried = Result(kind=ResultKind.NOT_TRIED, reply=words)
        if handover.committed and error.result is None:
            result = Result(kind=ResultKind.UNCERTAIN, reply=words)
        elif self._has_rested or isinstance(error, WithdrawnError):
            result = not_tried
        else:
            result = error.result or Result(kind=ResultKind.BROKEN, reply=words)
        courier.settle(parcel, result)
        if handover.following is not None:
            courier.settle(handover.following, not_tried)

    async def _hand_over(
        self, courier: Courier, parcel: Parcel, handover: _Handover, *, opened: bool
    ) -> Result:
        if not opened:
            self._write_early(parcel.envelope)
        refusal = await self._refusal(parcel.envelope)
        if refusal is not None:
            return refusal
        if self._ended:
            raise ConnectionEndedError(self._ended)
        if not courier.commit(parcel):
            raise WithdrawnError("The message was withdrawn.")
        handover.committed = True
        handover.following = self._next(courier)
        end = b".\r\n" if parcel.message.endswith(b"\r\n") else b"\r\n.\r\n"
        following = handover.following
        early = self._early_envelope(following.envelope) if following else ()
        octets = (_dot_stuffed(parcel.message), end + b"".join(early))
        self._write(*octets, asks=1 + len(early))
        reply = _still_open(await self._reply(patience=_DATA_END_PATIENCE))
        result = classify(reply, "DATA", connection=self._number)
        if result.kind is ResultKind.BROKEN:
            raise ConnectionEndedError(f"The relay answered the message with {result.reply}")
        return result

    def _next(self, courier: Courier) -> Parcel | None:
        # The present message is not counted in ``answered`` yet.
        return None if self.answered + 1 >= self._relay.messages else courier.ready()

    def _write_early(self, envelope: Envelope) -> None:
        early = self._early_envelope(envelope)
        self._write(b"".join(early), asks=len(early))

    def _early_envelope(self, envelope: Envelope) -> tuple[bytes, ...]:
        """Return MAIL, RCPT and DATA if they can be pipelined; otherwise `_refusal` writes them."""
        if "PIPELINING" not in self._extensions or not _is_possible(envelope, self._extensions):
            return ()
        reset = (b"RSET\r\n",) if self._needs_reset else ()
        return (*reset, *_commands(envelope, self._extensions))

    async def _refusal(self, envelope: Envelope) -> Result | None:
        """Return the result if the relay refuses the envelope; None if the message may be sent."""
        if not _is_possible(envelope, self._extensions):
            return _impossible(envelope)
        if "PIPELINING" in self._extensions:
            return await self._pipelined_refusal()
        if self._needs_reset:
            _still_open(await self._command("RSET"))
            self._needs_reset = False
        for verb, command in zip(_VERBS, _commands(envelope, self._extensions), strict=True):
            self._write(command, asks=1)
            reply = _still_open(await self._reply())
            if reply.code // 100 not in {2, 3}:
                self._needs_reset = True
                return classify(reply, verb, connection=self._number)
            if verb == _VERBS[-1]:
                _expect_leave(reply)
        return None

    async def _pipelined_refusal(self) -> Result | None:
        if self._needs_reset:
            _still_open(await self._reply())
            self._needs_reset = False
        replies = [_still_open(await self._reply()) for _ in _VERBS]
        refused = next(
            (
                pair
                for pair in zip(replies, _VERBS, strict=True)
                if pair[0].code // 100 not in {2, 3}
            ),
            None,
        )
        if refused is None:
            _expect_leave(replies[-1])
            return None
        if replies[-1].code == _START_MAIL_INPUT:
            # RFC 2920 section 3.1: 354 without any recipient; the empty message must be ended.
            self._write(b".\r\n", asks=1)
            _still_open(await self._reply())
        self._needs_reset = True
        return classify(*refused, connection=self._number)


def _expect(reply: Reply, code: int, fault: RelayFault = RelayFault.REFUSES_HOST) -> None:
    """Raise unless the reply has this code; ``fault`` is the kind of fault of a 5xx reply."""
    if reply.code == code:
        return
    refused = reply.code // 100 == 5  # noqa: PLR2004 - RFC 5321 section 4.2.1
    words = f"{reply.code} {reply.text}"[:500]
    raise ConnectionEndedError(words, fault=fault if refused else RelayFault.BUSY)


def _expect_leave(reply: Reply) -> None:
    """Raise unless the reply to DATA is 354."""
    if reply.code != _START_MAIL_INPUT:
        raise ConnectionEndedError("The relay answered DATA with something unknown.")


def _unasked(reply: Reply) -> str:
    """Return the reason for ending a connection after a reply that no command has asked for."""
    if reply.code == _CLOSING:
        return classify(reply).reply
    return "The relay said something that nothing had asked for."


def _still_open(reply: Reply) -> Reply:
    """Return the reply if it concerns one message; raise if it ends the session."""
    if reply.code == _CLOSING:
        result = classify(reply)
        raise ConnectionEndedError(result.reply, result=result)
    if reply.code in _ACCESS_CODES:
        words = classify(reply).reply
        result = Result(kind=ResultKind.NOT_TRIED, reply=words)
        raise ConnectionEndedError(words, result=result, fault=RelayFault.ACCESS)
    return reply


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _commands(envelope: Envelope, extensions: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    """Return the envelope's commands.

    If the relay supports DSN (RFC 3461), bounces are to contain the headers only: the body has
    links that belong to its recipient alone. For mail without a return path (RFC 5321 section
    4.5.5) no bounces are requested.
    """
    knows_dsn = "DSN" in extensions
    returned = " RET=HDRS" if knows_dsn else ""
    notify = " NOTIFY=NEVER" if knows_dsn and not envelope.sender else ""
    option = " SMTPUTF8" if envelope.needs_smtputf8 else ""
    return (
        f"MAIL FROM:<{envelope.sender}>{option}{returned}\r\n".encode(),
        f"RCPT TO:<{envelope.recipient}>{notify}\r\n".encode(),
        b"DATA\r\n",
    )


def _is_possible(envelope: Envelope, extensions: dict[str, str]) -> bool:
    return not (
        (envelope.needs_smtputf8 and "SMTPUTF8" not in extensions)
        or _UNSAFE.search(envelope.sender)
        or _UNSAFE.search(envelope.recipient)
    )


def _impossible(envelope: Envelope) -> Result:
    if envelope.needs_smtputf8:
        words = "The relay offers no SMTPUTF8, which this address needs (RFC 6531)."
        return Result(kind=ResultKind.REJECTED, status="5.6.7", reply=words)
    words = "The address holds characters that cannot stand in SMTP."
    return Result(kind=ResultKind.REJECTED, status="5.1.3", reply=words)


def _dot_stuffed(message: bytes) -> bytes:
    """Double the dot at the beginning of lines (RFC 5321 section 4.5.2).

    Our own messages have no such line. Searching for a single byte is much faster than for three,
    and base64 contains no dots.
    """
    at = message.find(b".")
    while at >= 0:
        if not at or message[at - 2 : at] == b"\r\n":
            whole = b"." + message if message.startswith(b".") else message
            return whole.replace(b"\r\n.", b"\r\n..")
        at = message.find(b".", at + 1)
    return message
