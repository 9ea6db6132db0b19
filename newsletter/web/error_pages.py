"""Error pages, which say what failed and what to do, and never show a stack trace.

Programs, which do not accept HTML, get the framework's JSON.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from newsletter.database.engine import AWAY, is_away, reason_of
from newsletter.errors import (
    ConflictError,
    NewsletterError,
    NotFoundError,
    TokenError,
    UnavailableError,
)
from newsletter.newsletters.issue_actions import RemovedError
from newsletter.web.access import Visit, find_visit
from newsletter.web.pages import Pages, show_page
from newsletter.web.routing import submitted_to
from newsletter.web.subscribers.unsubscribe_spool import SpooledError

_log = logging.getLogger(__name__)

_NOT_FOUND, _NOT_ALLOWED, _UNREADABLE = 404, 405, 422
_BY_STATUS = {
    400: "unreadable",
    _NOT_FOUND: "missing",
    _NOT_ALLOWED: "missing",
    413: "large",
    503: "busy",
}
#: Kinds of failure that signed-in accounts see within the layout of their pages.
_WITHIN = frozenset({"missing", "unreadable", "refused"})
_OF_READERS = (
    "/archive",
    "/subscribe",
    "/static",
    "/files",
    "/images",
    "/looks",
    "/address/",
    "/c/",
    "/p/",
    "/r/",
    "/u/",
    "/v/",
)


def content_policy(*, frame_ancestors: Sequence[str] = (), form_action: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy of a page; by default, nothing may frame it."""
    ancestors = " ".join(frame_ancestors) or "'none'"
    targets = " ".join(("'self'", *form_action))
    return (
        "default-src 'none'; script-src 'self'; connect-src 'self'; "
        "style-src 'self'; img-src 'self' data:; "
        f"form-action {targets}; base-uri 'none'; "
        f"frame-ancestors {ancestors}; frame-src 'self'"
    )


def guard_headers(headers: MutableHeaders, *, secure: bool = False) -> None:
    """Set the default security headers of a response; ``secure`` if HTTPS is used."""
    if secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers.setdefault("Content-Security-Policy", content_policy())
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


#: Paths of readers' links for unsubscribing and preferences.
_READERS_LINKS = ("/u/", "/p/")
#: Paths whose forms the page of a busy database contains again, so that nothing is filled in twice.
_READERS_FORMS = (*_READERS_LINKS, "/c/", "/address/")


@dataclass(frozen=True, kw_only=True, slots=True)
class _FailurePages:
    """Renders error pages for browsers."""

    pages: Pages

    def show(
        self,
        request: Request,
        kind: str,
        status: int,
        error: NewsletterError | None = None,
        removed: RemovedError | None = None,
    ) -> HTMLResponse:
        """Show an error page, for signed-in accounts within the layout of their pages if useful."""
        visit = _visit_of(request) if kind in _WITHIN else None
        language = visit.language if visit else self.pages.language_of(request)
        text = error.in_language(language) if error else ""
        if visit is None:
            return self.pages.show(
                "errors/failed.html", status=status, language=language, kind=kind, explanation=text
            )
        return show_page(
            visit,
            "errors/failed_within.html",
            status=status,
            kind=kind,
            explanation=text,
            removed=removed,
            within=request.url.path.split("/")[2] if removed else "",
        )

    def later(self, request: Request, kind: str) -> Response:
        """Show an error page that asks to try again in a minute."""
        answer = (
            self.show(request, kind, 503)
            if _is_browser(request)
            else PlainTextResponse("Service Unavailable", status_code=503)
        )
        answer.headers["Retry-After"] = "60"
        return answer

    def once_more(self, request: Request, *, is_kept: bool = False) -> Response:
        """Show a button that sends a reader's form again, with all that was filled in.

        Args:
            request: The request that was not carried out.
            is_kept: Whether it will be carried out without another press, too.
        """
        query = f"?{request.url.query}" if request.url.query else ""
        answer = self.pages.show(
            "errors/once_more.html",
            status=503,
            language=self.pages.language_of(request),
            action=f"{request.url.path}{query}",
            fields=submitted_to(request).multi_items(),
            is_kept=is_kept,
        )
        answer.headers["Retry-After"] = "60"
        return answer


def show_failures(app: FastAPI, pages: Pages) -> None:
    """Register the error pages."""
    failed = _FailurePages(pages=pages)
    _show_own_failures(app, failed)
    _show_absence_of_database(app, failed)
    _show_failures_of_requests(app, failed)


def _show_own_failures(app: FastAPI, failed: _FailurePages) -> None:
    """Register error pages for errors of the product and of its database."""

    @app.exception_handler(TokenError)
    @app.exception_handler(NotFoundError)
    def missing(request: Request, error: Exception) -> HTMLResponse:
        # The advice is the same if a reader's link is damaged or if the reader was erased.
        is_readers = request.url.path.startswith(_READERS_LINKS)
        kind = "lost" if is_readers else "missing"
        removed = error if isinstance(error, RemovedError) else None
        return failed.show(request, kind, _NOT_FOUND, removed=removed)

    @app.exception_handler(ConflictError)
    def refused(request: Request, error: ConflictError) -> HTMLResponse:
        return failed.show(request, "refused", 409, error)

    @app.exception_handler(NewsletterError)
    def impossible(request: Request, error: NewsletterError) -> HTMLResponse:
        # All other errors of the product are refusals of the request, and not bugs.
        return failed.show(request, "refused", _UNREADABLE, error)

    @app.exception_handler(OverflowError)
    @app.exception_handler(DataError)
    def unkeepable(request: Request, error: Exception) -> Response:
        # For example a too large number, an invalid day, or a text with NUL.
        del error
        if request.method in {"GET", "HEAD"}:
            return failed.show(request, "missing", _NOT_FOUND)
        return failed.show(request, "unreadable", _UNREADABLE)

    @app.exception_handler(UnavailableError)
    def unavailable(request: Request, error: UnavailableError) -> Response:
        del error
        return failed.later(request, "busy")


def _show_absence_of_database(app: FastAPI, failed: _FailurePages) -> None:
    """Register the pages for a database that is away, or held by others."""

    def away(request: Request, error: SQLAlchemyError) -> Response:
        if not is_away(error):
            raise error
        _log.warning("the database cannot be used: %s", reason_of(error))
        is_form = request.method == "POST" and request.url.path.startswith(_READERS_FORMS)
        if is_form and _is_browser(request):
            return failed.once_more(request)
        is_public = request.url.path == "/" or request.url.path.startswith(_OF_READERS)
        return failed.later(request, "busy" if is_public else "away")

    for kind in AWAY:
        app.exception_handler(kind)(away)

    @app.exception_handler(SpooledError)
    def spooled(request: Request, error: SpooledError) -> Response:
        del error
        if _is_browser(request):
            return failed.once_more(request, is_kept=True)
        return failed.later(request, "busy")


def _show_failures_of_requests(app: FastAPI, failed: _FailurePages) -> None:
    """Register error pages for unknown paths, unreadable requests and unexpected errors."""

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        kind = _BY_STATUS.get(error.status_code)
        if not _is_browser(request) or kind is None:
            return await http_exception_handler(request, error)
        if error.status_code == _NOT_ALLOWED and request.method == "GET":
            # The target of a form was opened by GET; redirect to the page of the form.
            page = request.url.path.rpartition("/")[0]
            if page and _answers(app, page):
                return RedirectResponse(page, status_code=303)
        answer = await run_in_threadpool(failed.show, request, kind, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        if not _is_browser(request):
            # The submitted values are left out, since they must not be in the response.
            known = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
            return JSONResponse({"detail": known}, status_code=_UNREADABLE)
        if request.method == "GET":
            return await run_in_threadpool(failed.show, request, "missing", _NOT_FOUND)
        return await run_in_threadpool(failed.show, request, "unreadable", _UNREADABLE)

    @app.exception_handler(ClientDisconnect)
    def gone(request: Request, error: Exception) -> Response:
        # The browser disconnected while sending, for example during an autosave when its page was
        # closed. Nobody reads this response.
        del request, error
        return Response(status_code=400)

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        # The server logs the stack trace. The middleware does not see this response.
        del error
        answer = (
            failed.show(request, "broken", 500)
            if _is_browser(request)
            else PlainTextResponse("Internal Server Error", status_code=500)
        )
        guard_headers(answer.headers)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _answers(app: FastAPI, path: str) -> bool:
    """Return whether a GET route exists for a path."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


def _visit_of(request: Request) -> Visit | None:
    """Return the visit of a signed-in account; always None on pages for readers."""
    if request.url.path.startswith(_OF_READERS):
        return None
    try:
        return find_visit(request)
    except SQLAlchemyError:
        return None


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
