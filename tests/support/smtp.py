"""A real SMTP server over a socket, whose refusals a test scripts."""

from __future__ import annotations

import socket
from asyncio import AbstractServer
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
