"""Protection against slow clients: time limits for connections, and long responses in pieces.

The server itself limits only the time between two requests. A client that sends its request octet
by octet, or never reads the response, would keep its connection forever, and `_MOST_CONNECTIONS`
such connections would block everybody else.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds between two checks of a connection.
_LOOK = 1.0
#: Seconds for the head of a request, from the start of the connection or the first octet.
_HEAD = 30.0
#: Seconds for a body, and the octets per second that extend this time.
_BODY = 30.0
_OCTETS = 500
#: Seconds in which a client must read a full buffer of a response, or the rest of it.
_ANSWER = 120.0


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with limits on the time that the server waits for a client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the server's
        super().__init__(*args, **kwargs)
        self._look: asyncio.TimerHandle | None = None
        #: Seconds that the server has waited for the head, the body, and the response to be read.
        self._head = self._body = self._answer = 0.0
        self._received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        self._look = self.loop.call_later(_LOOK, self._look_at_the_client)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self.conn.their_state is h11.SEND_BODY:
            self._received += len(data)
        super().data_received(data)

    def resume_writing(self) -> None:
        """See asyncio; the client has read most of the buffer."""
        self._answer = 0.0
        super().resume_writing()

    def _look_at_the_client(self) -> None:
        state = self.conn.their_state
        self._head = self._head + _LOOK if state is h11.IDLE else 0.0
        if state is h11.SEND_BODY:
            # While reading is paused, the server is not waiting for the client.
            self._body += 0.0 if self.flow.read_paused else _LOOK
        else:
            self._body, self._received = 0.0, 0
        waiting = self.transport.get_write_buffer_size()
        self._answer = self._answer + _LOOK if waiting else 0.0
        if (
            self._head > _HEAD
            or self._body > _BODY + self._received / _OCTETS
            or self._answer > _ANSWER
        ):
            # A regular close would wait for the client to read the rest.
            self.transport.abort()
        else:
            self._look = self.loop.call_later(_LOOK, self._look_at_the_client)


#: Octets of a piece; the server waits before the next one while this much is unread.
_PIECE = 65_536


class AnswersInPieces:
    """Middleware that passes a response to the server in pieces.

    The server buffers everything that it gets, for each client separately: some hundred clients
    that request a long file and do not read it would fill the memory. Also, the time limit for
    reading then applies to each piece and not to the whole response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_pieces(message: Message) -> None:
            body = message.get("body", b"")
            last = max(len(body) - 1, 0) // _PIECE * _PIECE
            for start in range(0, last, _PIECE):
                piece = body[start : start + _PIECE]
                await send({**message, "body": piece, "more_body": True})
            await send({**message, "body": body[last:]} if last else message)

        await self._app(scope, receive, send_pieces)
