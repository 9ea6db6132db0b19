"""The web application: what subscribers reach from their mail, and the inbox of the mailbox."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine, text

from newsletter.accounts.sealing import Sealer
from newsletter.database.engine import reading
from newsletter.errors import ForbiddenError, NotFoundError, TokenError
from newsletter.mailbox.store import MailboxStore
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from newsletter.web.access import Access, SignInRequiredError
from newsletter.web.account import account_router
from newsletter.web.api import api_router
from newsletter.web.archive import archive_router
from newsletter.web.confirming import confirming_router
from newsletter.web.images import images_router
from newsletter.web.inbox import inbox_router
from newsletter.web.joining import joining_router
from newsletter.web.leaving import leaving_router
from newsletter.web.mailings import mailings_router
from newsletter.web.pages import Pages
from newsletter.web.people import people_router
from newsletter.web.preferences import preferences_router
from newsletter.web.sending import sending_router
from newsletter.web.signing_in import signing_in_router
from newsletter.web.subscribers import subscribers_router
from newsletter.web.writing.desk import desk_router
from newsletter.web.writing.shelf import shelf_router

_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src 'self'"
)


#: What search engines may list.
_PUBLIC = ("/archive", "/static", "/subscribe", "/sitemap.xml", "/robots.txt")


def create_app(
    *, settings: Settings, engine: Engine, signer: TokenSigner, mailbox: MailboxStore | None
) -> FastAPI:
    """Build the application; ``mailbox`` adds the inbox pages."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(settings.templates_dir)
    pseudonyms = signer.pseudonyms
    app.include_router(joining_router(settings, engine, signer, pseudonyms, pages))
    app.include_router(confirming_router(settings, engine, signer, pages))
    sealer = Sealer(signing_keys(settings))
    app.state.access = Access(engine=engine, sealer=sealer, public_url=settings.public_url)
    app.include_router(signing_in_router(engine, sealer, pages))
    app.include_router(account_router(engine, sealer, pages))
    app.include_router(people_router(engine, settings, pages))
    app.include_router(sending_router(settings, engine, pseudonyms, pages))
    app.include_router(mailings_router(engine, pages))
    app.include_router(subscribers_router(engine, pages))
    app.include_router(shelf_router(engine, pages))
    app.include_router(desk_router(engine, settings, pages))
    app.include_router(leaving_router(engine, signer, pages))
    app.include_router(preferences_router(settings, engine, signer, pseudonyms, pages))
    app.include_router(api_router(settings, engine))
    app.include_router(archive_router(settings, engine, signer, pages))
    app.include_router(images_router(engine))
    if mailbox is not None:
        app.include_router(inbox_router(mailbox, pages))
    static = Path(__file__).resolve().parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")

    @app.get("/healthz")
    def healthz() -> PlainTextResponse:
        with reading(engine) as session:
            session.execute(text("SELECT 1"))
        return PlainTextResponse("ok")

    @app.exception_handler(NotFoundError)
    @app.exception_handler(TokenError)
    def not_found(request: Request, error: Exception) -> HTMLResponse:
        del error
        return pages.show("missing.html", status=404, language=pages.language_of(request))

    @app.exception_handler(SignInRequiredError)
    def sign_in_first(request: Request, error: Exception) -> Response:
        del error
        if request.headers.get("hx-request"):
            return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
        wanted = request.url.path if request.method == "GET" else "/home"
        return RedirectResponse(f"/sign-in?next={quote(wanted)}", status_code=303)

    @app.exception_handler(ForbiddenError)
    def forbidden(request: Request, error: ForbiddenError) -> HTMLResponse:
        return pages.show_entry(request, "forbidden.html", status=403, error=error)

    @app.middleware("http")
    async def guard(request: Request, call_next: object) -> Response:
        assert callable(call_next)  # noqa: S101 - starlette's contract
        response: Response = await call_next(request)
        response.headers.setdefault("Content-Security-Policy", _CONTENT_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        if request.url.path != "/" and not request.url.path.startswith(_PUBLIC):
            response.headers.setdefault("X-Robots-Tag", "noindex")
        if not request.url.path.startswith(("/archive", "/static")):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app
