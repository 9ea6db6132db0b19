"""Long answers written a piece at a time, as their client takes them."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
