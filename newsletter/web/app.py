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
from newsletter.services import build_services
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import Pseudonyms, TokenSigner
from newsletter.web.access import Access, SignInRequiredError
from newsletter.web.accounts.administration import people_router
from newsletter.web.accounts.audit import auditing_router
from newsletter.web.accounts.own_account import account_router
from newsletter.web.accounts.sign_in import display_router, forgetting_router, signing_in_router
from newsletter.web.accounts.welcome import welcome_router
from newsletter.web.error_pages import guard_headers, show_failures
from newsletter.web.feedback.bounces import bounces_router, rates_router
from newsletter.web.feedback.webhooks import fetch, webhooks_router
from newsletter.web.guide import guide_router
from newsletter.web.head_requests import HeadRequests
from newsletter.web.home import home_router
from newsletter.web.hosts import Hosts
from newsletter.web.issues.checked import links_router
from newsletter.web.issues.correcting import correcting_router
from newsletter.web.issues.deciding import deciding_router
from newsletter.web.issues.draft_pages import DraftPages
from newsletter.web.issues.editor import editor_router
from newsletter.web.issues.files import files_router
from newsletter.web.issues.history import history_router
from newsletter.web.issues.issue_list import issue_list_router
from newsletter.web.issues.preview import viewing_router
from newsletter.web.issues.reuse import reuse_router
from newsletter.web.issues.sent import sent_router
from newsletter.web.issues.shown_as import readers_router
from newsletter.web.issues.translations import translations_router
from newsletter.web.issues.uploads import snippet_uploads_router, uploads_router
from newsletter.web.issues.workspace import Workspace
from newsletter.web.mailbox import inbox_router
from newsletter.web.mailings.approval import approval_router, commenting_router
from newsletter.web.mailings.archive import archive_router, front_router
from newsletter.web.mailings.control import control_router
from newsletter.web.mailings.order import ordering_router
from newsletter.web.mailings.own_copy import own_copy_router
from newsletter.web.mailings.progress import MailingPage, mailing_list_router, progress_router
from newsletter.web.mailings.reports import clicks_router, report_router
from newsletter.web.mailings.send_page import SendingPage
from newsletter.web.mailings.series import running_router, series_router
from newsletter.web.mailings.series_pages import SeriesPages
from newsletter.web.mailings.series_steps import steps_router
from newsletter.web.mailings.test_mails import testing_router
from newsletter.web.newsletters.dictionary import dictionary_router
from newsletter.web.newsletters.digests import digests_router
from newsletter.web.newsletters.library import library_router
from newsletter.web.newsletters.look_files import look_files_router
from newsletter.web.newsletters.look_page import designs_router, look_router
from newsletter.web.newsletters.settings import newsletters_router
from newsletter.web.newsletters.snippets import snippets_router
from newsletter.web.newsletters.templates import templates_router
from newsletter.web.operations.overview import operating_router
from newsletter.web.operations.probes import probes_router
from newsletter.web.pages import Pages
from newsletter.web.routing import READER_SECONDS, add_routes, places_of_accounts
from newsletter.web.slow_clients import AnswersInPieces
from newsletter.web.subscribers.api import api_router
from newsletter.web.subscribers.editing import editing_router, erasing_router
from newsletter.web.subscribers.fields import fields_router
from newsletter.web.subscribers.forms import forms_router
from newsletter.web.subscribers.growth import growth_router
from newsletter.web.subscribers.imports import ImportPages, importing_router
from newsletter.web.subscribers.invitations import invitations_router
from newsletter.web.subscribers.join import confirming_router, joining_router
from newsletter.web.subscribers.join_pages import JoinPages
from newsletter.web.subscribers.leave import leaving_router
from newsletter.web.subscribers.merging import merging_router
from newsletter.web.subscribers.people import subscribers_router, tagging_router
from newsletter.web.subscribers.person import person_router
from newsletter.web.subscribers.preferences import preferences_router
from newsletter.web.tracing import Tracer

#: Paths that search engines may index.
_PUBLIC = ("/archive", "/static", "/subscribe", "/looks", "/sitemap.xml", "/robots.txt")


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
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, middleware=within)
    pages, figures = Pages(settings.templates_dir), figures or Figures(engine)
    pseudonyms = signer.pseudonyms
    _include_joining(app, settings, engine, signer, pages)
    sealer = Sealer(signing_keys(settings))
    app.state.streams, app.state.places = Counter[int](), places_of_accounts()
    # The server replaces this function with one that returns whether it is stopping.
    app.state.is_ending = lambda: False
    app.state.access = Access(engine=engine, sealer=sealer, public_url=settings.public_url)
    _include_accounts(app, settings, engine, sealer, signer, pages)
    workspace = Workspace(settings=settings, engine=engine, figures=figures)
    sending = SendingPage(workspace=workspace, pages=pages)
    _include_sending(app, sending, pseudonyms)
    _include_mailings(app, MailingPage(workspace=workspace, pages=pages))
    series = SeriesPages(engine=engine, settings=settings, figures=figures, pages=pages)
    _include_series(app, series, pseudonyms)
    _include_lists(app, engine, figures, pseudonyms, pages)
    add_routes(app, operating_router(settings, engine, pseudonyms, pages))
    # Registered before the routes with a newsletter's name in their path.
    _include_newsletters(app, settings, engine, pages)
    _include_writing(app, sending, pseudonyms, pages)
    _include_choosing(app, settings, engine, signer, pages)
    add_routes(app, api_router(settings, engine))
    _include_feedback(app, settings, engine, figures, pages, fetch)
    _include_reading(app, settings, engine, signer, pages)
    add_routes(app, clicks_router(engine, signer))
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
        return pages.show_entry(request, "errors/forbidden.html", status=403, error=error)

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


def _include_mailings(app: FastAPI, page: MailingPage) -> None:
    add_routes(app, mailing_list_router(page.engine, page.figures, page.pages))
    add_routes(app, progress_router(page))
    add_routes(app, control_router(page))
    add_routes(app, report_router(page.engine, page.figures))


def _include_accounts(
    app: FastAPI,
    settings: Settings,
    engine: Engine,
    sealer: Sealer,
    signer: TokenSigner,
    pages: Pages,
) -> None:
    add_routes(app, signing_in_router(engine, sealer, pages))
    add_routes(app, welcome_router(settings, engine, signer, pages))
    add_routes(app, display_router(engine))
    add_routes(app, forgetting_router(settings, engine, pages))
    add_routes(app, account_router(settings, engine, sealer, pages))
    add_routes(app, people_router(engine, settings, pages))
    add_routes(app, auditing_router(engine, pages))


def _include_joining(
    app: FastAPI, settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> None:
    joining = JoinPages(settings, engine, signer, pages)
    add_routes(app, joining_router(joining, pages))
    patient = waiting_at_most(engine, READER_SECONDS)
    add_routes(app, confirming_router(settings, patient, signer, pages))
    # Registered before the page of a person, whose path would also match.
    add_routes(app, forms_router(settings, engine, pages, joining))
    add_routes(app, invitations_router(settings, engine, pages))


def _include_choosing(
    app: FastAPI, settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> None:
    patient = waiting_at_most(engine, READER_SECONDS)
    add_routes(app, leaving_router(settings, patient, signer, pages))
    add_routes(app, preferences_router(settings, patient, signer, signer.pseudonyms, pages))


def _include_reading(
    app: FastAPI, settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> None:
    add_routes(app, front_router(engine, pages))
    add_routes(app, archive_router(settings, engine, pages))
    add_routes(app, own_copy_router(settings, engine, signer, pages))


def _include_sending(app: FastAPI, page: SendingPage, pseudonyms: Pseudonyms) -> None:
    add_routes(app, ordering_router(page))
    add_routes(app, testing_router(page, pseudonyms))
    add_routes(app, approval_router(page))
    add_routes(app, commenting_router(page))


def _include_series(app: FastAPI, shown: SeriesPages, pseudonyms: Pseudonyms) -> None:
    add_routes(app, series_router(shown))
    add_routes(app, steps_router(shown, pseudonyms))
    add_routes(app, running_router(shown))


def _include_lists(
    app: FastAPI,
    engine: Engine,
    figures: Figures,
    pseudonyms: Pseudonyms,
    pages: Pages,
) -> None:
    import_pages = ImportPages(engine=engine, pseudonyms=pseudonyms, pages=pages)
    # Registered before the page of a person, whose path would also match.
    add_routes(app, importing_router(import_pages))
    add_routes(app, editing_router(engine, pages, pseudonyms))
    add_routes(app, growth_router(engine, figures, pages))
    add_routes(app, merging_router(engine, pages))
    add_routes(app, erasing_router(engine, pages, pseudonyms))
    add_routes(app, tagging_router(engine, pages))
    add_routes(app, subscribers_router(engine, figures, pages))
    add_routes(app, person_router(engine, pages))


def _include_feedback(
    app: FastAPI,
    settings: Settings,
    engine: Engine,
    figures: Figures,
    pages: Pages,
    fetch: Callable[[str], bytes],
) -> None:
    feedback_keys = build_services(settings, engine).feedback_keys
    # Registered before the page of a bounce, whose path would also match.
    add_routes(app, rates_router(engine, figures, pages))
    add_routes(app, bounces_router(engine, feedback_keys, pages))
    add_routes(app, webhooks_router(settings, engine, fetch))


def _include_newsletters(app: FastAPI, settings: Settings, engine: Engine, pages: Pages) -> None:
    add_routes(app, newsletters_router(settings, engine, pages))
    add_routes(app, look_router(settings, engine, pages))
    add_routes(app, templates_router(settings, engine, pages))
    add_routes(app, snippet_uploads_router(engine, settings))
    add_routes(app, snippets_router(engine, settings, pages))
    add_routes(app, dictionary_router(engine, pages))
    add_routes(app, digests_router(engine, settings, pages))
    add_routes(app, fields_router(engine, pages))
    add_routes(app, designs_router(settings))
    add_routes(app, look_files_router(engine))


def _include_writing(
    app: FastAPI, sending: SendingPage, pseudonyms: Pseudonyms, pages: Pages
) -> None:
    workspace, engine = sending.workspace, sending.engine
    drafts = DraftPages(workspace, pages)
    add_routes(app, home_router(workspace, pages))
    add_routes(app, guide_router(pages))
    add_routes(app, reuse_router(engine, pages))
    add_routes(app, links_router(engine, pages))
    add_routes(app, issue_list_router(engine, pages))
    # Registered after the list of issues, whose page "new" this path would also match.
    add_routes(app, sent_router(workspace, pages))
    add_routes(app, deciding_router(sending, drafts, pseudonyms))
    add_routes(app, correcting_router(sending, drafts))
    add_routes(app, editor_router(engine, drafts))
    add_routes(app, viewing_router(engine, drafts))
    add_routes(app, readers_router(engine, pages))
    add_routes(app, uploads_router(engine, workspace.settings, drafts))
    add_routes(app, library_router(engine, workspace.settings, pages, drafts))
    add_routes(app, files_router(engine))
    add_routes(app, history_router(engine, pages, drafts))
    add_routes(app, translations_router(engine, pages, drafts))


def _ask_to_sign_in(request: Request) -> Response:
    """Redirect to the page for signing in; requests of scripts get the status 401."""
    if request.headers.get("hx-request") or "json" in request.headers.get("accept", ""):
        # A script keeps the typed text and cannot use the page for signing in.
        return Response(status_code=401)
    asked = request.url
    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
    destination = path if request.method == "GET" else "/home"
    return RedirectResponse(f"/sign-in?next={quote(destination)}", status_code=303)
