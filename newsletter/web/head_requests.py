"""HEAD requests, which are answered like GET without the body (RFC 9110, 9.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_T = TypeVar("_T")

#: Paths with their own implementation of HEAD; for example, it does not count a click on a link.
_OWN_ANSWER = ("/r/", "/static/")


#: Key in the scope of such a request; it is not counted and no export is logged.
_ASKED_BY_HEAD = "newsletter.asked_by_head"


class HeadRequests:
    """Middleware that runs GET for a HEAD request and drops the body.

    Feed readers, link checkers of mail gateways and monitors send HEAD and report a link as broken
    if it is refused.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if (
            scope["type"] != "http"
            or scope["method"] != "HEAD"
            or scope["path"].startswith(_OWN_ANSWER)
        ):
            await self._app(scope, receive, send)
            return
        answered = False

        async def receive_until_answered() -> Message:
            # Endless streams stop as if the client had disconnected.
            return {"type": "http.disconnect"} if answered else await receive()

        async def send_head(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered = True

        asked = {**scope, "method": "GET", _ASKED_BY_HEAD: True}
        await self._app(asked, receive_until_answered, send_head)


def asked_by_head(request: Request) -> bool:
    """Return whether the request was HEAD."""
    return _ASKED_BY_HEAD in request.scope


def unless_by_head(request: Request, export: Callable[[], Iterator[_T]]) -> Iterator[_T]:
    """Return the data of an export; nothing for HEAD, for which no export is logged."""
    return iter(()) if asked_by_head(request) else export()
