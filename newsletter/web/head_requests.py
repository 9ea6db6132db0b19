"""HEAD answered as GET would be, without its body (RFC 9110 section 9.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_T = TypeVar("_T")

#: Where HEAD has a meaning of its own: following a counted link counts nothing then.
_OWN_ANSWER = ("/r/", "/static/")


#: The mark of such a request, for what counts readers and writes down exports.
_ASKED_BY_HEAD = "newsletter.asked_by_head"


class HeadRequests:
    """Middleware: asks the application by GET, which changes nothing, and keeps the body back.

    Feed readers, link checkers of mail gateways and monitors ask by HEAD, and call a link dead
    that refuses it.
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
            # What streams without end stops as it does for a reader who has gone.
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
    """Return whether a request's answer is not looked at."""
    return _ASKED_BY_HEAD in request.scope


def unless_by_head(request: Request, export: Callable[[], Iterator[_T]]) -> Iterator[_T]:
    """Return what an export gives; nothing where nobody reads it: then none is written down."""
    return iter(()) if asked_by_head(request) else export()
