"""Clients that take their time: bounds on their connections, and long answers in pieces.

The server itself bounds only the rest between two requests. A client that sends its head or body an
octet at a time, or never reads its answer, would hold a connection for as long as it likes, and so
few as `_MOST_CONNECTIONS` of them would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds from one look at a connection to the next.
_LOOK = 1.0
#: Seconds for a request's head, from the connection's beginning or the first octet of the next.
_HEAD = 30.0
#: Seconds for a body, and the octets a second that earn it further ones.
_BODY = 30.0
_OCTETS = 500
#: Seconds in which a full buffer's worth of an answer, or what is left of it, must be taken.
_ANSWER = 120.0


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with bounds on how long a client may keep the server waiting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the server's
        super().__init__(*args, **kwargs)
        self._look: asyncio.TimerHandle | None = None
        #: Seconds that the client has been awaited for its head, body, or to take its answer.
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
        """See asyncio; the client took most of what was waiting for it."""
        self._answer = 0.0
        super().resume_writing()

    def _look_at_the_client(self) -> None:
        state = self.conn.their_state
        self._head = self._head + _LOOK if state is h11.IDLE else 0.0
        if state is h11.SEND_BODY:
            # Who is not read from is not awaited.
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
            # What it did not take would keep an orderly close waiting.
            self.transport.abort()
        else:
            self._look = self.loop.call_later(_LOOK, self._look_at_the_client)


#: Octets of a piece; the server waits before the next one while as much is not taken yet.
_PIECE = 65_536


class AnswersInPieces:
    """Middleware: hands an answer to the server in pieces.

    What the server gets at once it keeps at once, for each client anew: some hundred that ask for a
    long file and do not read would fill the memory. And a client's time to take what waits
    (`newsletter.web.slow_clients`) counts for a piece, however long the whole is.
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
