"""The web application: pages for subscribers and staff, and the inbox of the local mailbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.middleware import Middleware

from newsletter.accounts.sealing import Sealer
from newsletter.database.engine import waiting_at_most
from newsletter.errors import ForbiddenError
from newsletter.mailbox.store import MailboxStore
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from newsletter.web.access import SignInRequiredError
from newsletter.web.accounts.administration import router as people_router
from newsletter.web.accounts.audit import router as auditing_router
from newsletter.web.accounts.own_account import router as account_router
from newsletter.web.accounts.sign_in import router as signing_in_router
from newsletter.web.error_pages import guard_headers, show_failures
from newsletter.web.feedback.bounces import router as bounces_router
from newsletter.web.feedback.webhooks import fetch, webhooks_router
from newsletter.web.guide import router as guide_router
from newsletter.web.head_requests import HeadRequests
from newsletter.web.home import router as home_router
from newsletter.web.hosts import Hosts
from newsletter.web.issues.checked import router as links_router
from newsletter.web.issues.correcting import mail_router as correction_mail_router
from newsletter.web.issues.correcting import router as correcting_router
from newsletter.web.issues.deciding import router as deciding_router
from newsletter.web.issues.editor import router as editor_router
from newsletter.web.issues.files import files_router
from newsletter.web.issues.history import router as history_router
from newsletter.web.issues.issue_list import router as issue_list_router
from newsletter.web.issues.preview import router as viewing_router
from newsletter.web.issues.reuse import router as reuse_router
from newsletter.web.issues.sent import router as sent_router
from newsletter.web.issues.shown_as import router as readers_router
from newsletter.web.issues.translations import router as translations_router
from newsletter.web.issues.uploads import router as uploads_router
from newsletter.web.issues.uploads import snippet_router as snippet_uploads_router
from newsletter.web.mailbox import inbox_router
from newsletter.web.mailings.approval import comments_router as commenting_router
from newsletter.web.mailings.approval import router as approval_router
from newsletter.web.mailings.archive import SearchLimit
from newsletter.web.mailings.archive import router as archive_router
from newsletter.web.mailings.order import router as ordering_router
from newsletter.web.mailings.own_copy import router as own_copy_router
from newsletter.web.mailings.progress import list_router as mailing_list_router
from newsletter.web.mailings.progress import router as progress_router
from newsletter.web.mailings.reports import clicks_router
from newsletter.web.mailings.reports import router as report_router
from newsletter.web.mailings.series import router as series_router
from newsletter.web.newsletters.dictionary import router as dictionary_router
from newsletter.web.newsletters.digests import router as digests_router
from newsletter.web.newsletters.library import router as library_router
from newsletter.web.newsletters.look_files import router as look_files_router
from newsletter.web.newsletters.look_page import designs_router
from newsletter.web.newsletters.look_page import router as look_router
from newsletter.web.newsletters.settings import router as newsletters_router
from newsletter.web.newsletters.snippets import router as snippets_router
from newsletter.web.newsletters.templates import router as templates_router
from newsletter.web.operations.overview import router as operating_router
from newsletter.web.operations.probes import probes_router
from newsletter.web.pages import Pages, show_entry
from newsletter.web.routing import READER_SECONDS, add_routes, limit_of_accounts
from newsletter.web.site import Site
from newsletter.web.slow_clients import AnswersInPieces
from newsletter.web.subscribers.address_changes import router as address_changes_router
from newsletter.web.subscribers.api import router as api_router
from newsletter.web.subscribers.editing import router as editing_router
from newsletter.web.subscribers.fields import router as fields_router
from newsletter.web.subscribers.forms import router as forms_router
from newsletter.web.subscribers.growth import router as growth_router
from newsletter.web.subscribers.imports import router as importing_router
from newsletter.web.subscribers.invitations import router as invitations_router
from newsletter.web.subscribers.join import router as joining_router
from newsletter.web.subscribers.join_pages import JoinPages
from newsletter.web.subscribers.leave import router as leaving_router
from newsletter.web.subscribers.merging import router as merging_router
from newsletter.web.subscribers.people import router as subscribers_router
from newsletter.web.subscribers.person import router as person_router
from newsletter.web.subscribers.preferences import router as preferences_router
from newsletter.web.subscribers.segments import router as segments_router
from newsletter.web.subscribers.unsubscribe_spool import UnsubscribeSpool
from newsletter.web.tracing import Tracer
from workers.overview import overview_source

#: Paths that search engines may index.
_PUBLIC = ("/archive", "/static", "/subscribe", "/looks", "/sitemap.xml", "/robots.txt")

#: All routes but those with a state of their own. Where two paths match, the first one answers.
_ROUTERS = (
    joining_router,
    leaving_router,
    preferences_router,
    address_changes_router,
    api_router,
    archive_router,
    own_copy_router,
    operating_router,
    signing_in_router,
    account_router,
    people_router,
    auditing_router,
    home_router,
    guide_router,
    # What is about people of a list comes before the page of a person.
    forms_router,
    invitations_router,
    importing_router,
    editing_router,
    growth_router,
    merging_router,
    segments_router,
    subscribers_router,
    person_router,
    newsletters_router,
    look_router,
    designs_router,
    look_files_router,
    templates_router,
    snippet_uploads_router,
    snippets_router,
    dictionary_router,
    digests_router,
    fields_router,
    library_router,
    ordering_router,
    approval_router,
    commenting_router,
    mailing_list_router,
    progress_router,
    report_router,
    clicks_router,
    series_router,
    reuse_router,
    links_router,
    # The list of issues has a page "new", which the path of an issue also matches.
    issue_list_router,
    sent_router,
    deciding_router,
    correcting_router,
    correction_mail_router,
    editor_router,
    viewing_router,
    readers_router,
    uploads_router,
    history_router,
    translations_router,
    bounces_router,
)


def create_app(
    *,
    settings: Settings,
    engine: Engine,
    signer: TokenSigner,
    mailbox: MailboxStore | None,
    fetch: Callable[[str], bytes] = fetch,
    figures: Figures | None = None,
) -> FastAPI:
    """Build the application.

    Args:
        settings: The settings.
        engine: The database.
        signer: Signs and verifies the links in mails.
        mailbox: The mailbox of the inbox pages, which only this machine can open; None for no such
            pages.
        fetch: Fetches the certificate of Amazon SNS.
        figures: The cache of the database's figures; None for a new one.
    """
    # The last middleware is the innermost one: the others see a response until its last piece.
    within = [Middleware(HeadRequests), Middleware(AnswersInPieces)]
    patient = waiting_at_most(engine, READER_SECONDS)
    spool = UnsubscribeSpool(settings.unsubscribe_spool_dir, patient)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=within,
        lifespan=spool.running,
    )
    pages = Pages(settings.templates_dir)
    # The server replaces this function with one that returns whether it is stopping.
    app.state.is_ending = lambda: False
    app.state.streams, app.state.account_limit = Counter[int](), limit_of_accounts()
    app.state.site = Site(
        settings=settings,
        engine=engine,
        reader_engine=patient,
        unsubscribe_spool=spool,
        signer=signer,
        sealer=Sealer(signing_keys(settings)),
        figures=figures or Figures(engine),
        pages=pages,
        joining=JoinPages(settings, engine, signer, pages),
        searches=SearchLimit(),
        look_now=overview_source(settings, engine),
    )
    add_routes(app, *_ROUTERS)
    add_routes(app, webhooks_router(settings, engine, fetch))
    add_routes(app, files_router(engine))
    if mailbox is not None and settings.is_local:
        # Only for trials, since its readers see the one-time links of accounts.
        add_routes(app, inbox_router(mailbox, pages, public_url=settings.public_url))
    static = Path(__file__).resolve().parent / "static"
    app.mount("/static", StaticFiles(directory=static), name="static")
    registry = CollectorRegistry()
    add_routes(app, probes_router(settings, engine, registry))

    show_failures(app, pages)

    @app.exception_handler(SignInRequiredError)
    def sign_in_first(request: Request, error: Exception) -> Response:
        del error
        return _ask_to_sign_in(request)

    @app.exception_handler(ForbiddenError)
    def forbidden(request: Request, error: ForbiddenError) -> HTMLResponse:
        return show_entry(request, "errors/forbidden.html", status=403, error=error)

    hosts = Hosts(settings)

    @app.middleware("http")
    async def guard(request: Request, call_next: object) -> Response:
        assert callable(call_next)  # noqa: S101 - guaranteed by Starlette
        refusal = hosts.refusal(request)
        response: Response = (
            PlainTextResponse(refusal, status_code=400, headers={"Connection": "close"})
            if refusal
            else await call_next(request)
        )
        guard_headers(response.headers, secure=settings.public_url.startswith("https://"))
        if request.url.path != "/" and not request.url.path.startswith(_PUBLIC):
            response.headers.setdefault("X-Robots-Tag", "noindex")
        if not request.url.path.startswith(("/archive", "/static")):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    # The middleware added last is the outermost, so all errors are logged with the request's id.
    tracer = Tracer(registry)
    app.state.clients = tracer.clients
    app.middleware("http")(tracer.trace)
    return app


def _ask_to_sign_in(request: Request) -> Response:
    """Redirect to the page for signing in; requests of scripts get the status 401."""
    if request.headers.get("hx-request") or "json" in request.headers.get("accept", ""):
        # A script keeps the typed text and cannot use the page for signing in.
        return Response(status_code=401)
    asked = request.url
    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
    destination = path if request.method == "GET" else "/home"
    return RedirectResponse(f"/sign-in?next={quote(destination)}", status_code=303)
