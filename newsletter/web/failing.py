"""What a browser sees when a request fails: a page that says so and what to do, never a trace.

Programs, which ask for no HTML, get the framework's JSON.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from newsletter.errors import ConflictError, NotFoundError, TokenError, UnavailableError
from newsletter.web.pages import Pages
from newsletter.web.wording import tell

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src 'self'"
)
_NOT_FOUND, _UNREADABLE = 404, 422


def guard_headers(headers: MutableHeaders) -> None:
    """Set what every answer carries, where it has not said otherwise."""
    headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


def show_failures(app: FastAPI, pages: Pages) -> None:  # noqa: C901 - a list of handlers
    """Answer failures with pages."""

    def _page(request: Request, kind: str, status: int, said: str = "") -> HTMLResponse:
        language = pages.language_of(request)
        return pages.show("failed.html", status=status, language=language, kind=kind, said=said)

    @app.exception_handler(NotFoundError)
    @app.exception_handler(TokenError)
    def missing(request: Request, error: Exception) -> HTMLResponse:
        del error
        return _page(request, "missing", _NOT_FOUND)

    @app.exception_handler(ConflictError)
    def refused(request: Request, error: ConflictError) -> HTMLResponse:
        return _page(request, "refused", 409, tell(error, pages.language_of(request)))

    @app.exception_handler(UnavailableError)
    def unavailable(request: Request, error: UnavailableError) -> HTMLResponse:
        del error
        answer = _page(request, "busy", 503)
        answer.headers["Retry-After"] = "60"
        return answer

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        kind = {_NOT_FOUND: "missing", 405: "missing", 413: "large"}.get(error.status_code)
        if not _is_browser(request) or kind is None:
            return await http_exception_handler(request, error)
        answer = _page(request, kind, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        if not _is_browser(request):
            # Without what was sent: an answer is no place for it.
            known = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
            return JSONResponse({"detail": known}, status_code=_UNREADABLE)
        if request.method == "GET":
            return _page(request, "missing", _NOT_FOUND)
        return _page(request, "unreadable", _UNREADABLE)

    @app.exception_handler(ClientDisconnect)
    def gone(request: Request, error: Exception) -> Response:
        # Left amid sending a form, as an autosave is when its page is closed: nobody reads this.
        del request, error
        return Response(status_code=400)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        # The server logs the trace. This answer passes outside the application's middleware.
        del error
        answer = (
            _page(request, "broken", 500)
            if _is_browser(request)
            else PlainTextResponse("Internal Server Error", status_code=500)
        )
        guard_headers(answer.headers)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
