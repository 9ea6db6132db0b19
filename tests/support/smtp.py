"""Real SMTP servers over a socket: one whose refusals a test scripts, one that it scripts whole."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from asyncio import AbstractServer
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Received:
    """One message as it came over the wire."""

    sender: str
    recipients: list[str]
    raw: bytes


@dataclass
class SmtpServer:
    """What arrived, and what is refused.

    Attributes:
        refuse_recipient: Returns a reply for an address that RCPT is to be answered with.
        refuse_data: The same for the answer to the final dot.
    """

    port: int
    messages: list[Received] = field(default_factory=list)
    refuse_recipient: Callable[[str], str | None] = lambda _address: None
    refuse_data: Callable[[str], str | None] = lambda _address: None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def recipients(self) -> list[str]:
        return [message.recipients[0] for message in self.messages]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.refuse_recipient(address):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if reply := self.refuse_data(envelope.rcpt_tos[0]):
            return reply
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return f"250 2.0.0 OK queued as T{len(self.messages):06d}"


class _Controller(Controller):
    """Serves on a socket that listens already, so that nobody else can take its port."""

    def __init__(self, listener: socket.socket, server: SmtpServer) -> None:
        super().__init__(
            server, hostname="127.0.0.1", port=server.port, enable_SMTPUTF8=True, decode_data=False
        )
        self._listener = listener

    def _create_server(self) -> Coroutine[Any, Any, AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


@contextmanager
def smtp_server() -> Iterator[SmtpServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = SmtpServer(listener.getsockname()[1])
    controller = _Controller(listener, server)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class ScriptedRelay:
    """What a relay heard over all of its connections, and the messages that it was given."""

    url: str = ""
    heard: list[bytes] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0


def _write(file: BufferedIOBase, reply: bytes, piece: int) -> None:
    for at in range(0, len(reply), piece or len(reply) or 1):
        file.write(reply[at : at + (piece or len(reply))])
        time.sleep(0.05 if piece else 0)


def _message(file: BufferedIOBase) -> bytes | None:
    """Return what comes until the final dot; None of what ends without one."""
    lines = []
    while (line := file.readline()) != b".\r\n":
        if not line:
            return None
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)


@contextmanager
def scripted_relay(
    replies: Mapping[str, bytes], *, piece: int = 0, context: ssl.SSLContext | None = None
) -> Iterator[ScriptedRelay]:
    """Run a relay that answers as told at each step; an empty reply closes the connection.

    Args:
        replies: By the verb in small letters, ``greeting`` or ``dot``.
        piece: Each reply comes in pieces of so many octets, 20 of them a second.
        context: What secures the connection from its first octet.
    """
    relay = ScriptedRelay()

    class Handler(socketserver.StreamRequestHandler):
        def _say(self, step: str, usual: bytes) -> bool:
            reply = replies.get(step, usual)
            _write(self.wfile, reply, piece)
            return bool(reply)

        def handle(self) -> None:
            relay.connections += 1
            goes_on = self._say("greeting", b"220 relay\r\n")
            while goes_on and (line := self.rfile.readline()):
                relay.heard.append(line.rstrip())
                step = line[:4].decode().strip().lower()
                goes_on = self._say(step, b"354 go on\r\n" if step == "data" else b"250 fine\r\n")
                if step == "data" and goes_on and "data" not in replies:
                    goes_on = self._take()

        def _take(self) -> bool:
            message = _message(self.rfile)
            if message is None:
                return False
            relay.messages.append(message)
            return self._say("dot", b"250 2.0.0 Ok: queued as ABC123\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, Any]:
            peer, address = super().get_request()
            if context is not None:
                peer = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
            return peer, address

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        scheme = "smtps" if context else "smtp"
        relay.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        try:
            yield relay
        finally:
            server.shutdown()
            thread.join()
