"""Issues on the web: the public archive, and the personal view a mail links to."""

from __future__ import annotations

from collections import OrderedDict

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.tables import IssueRow, NewsletterRow, SubscriberRow
from newsletter.delivery.content import load_content
from newsletter.delivery.links import DeliveryLinks
from newsletter.delivery.mailings import render_stored
from newsletter.issues.store import find_issue, list_issues
from newsletter.rendering.model import RenderedIssue, Slot
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from newsletter.web.pages import Pages
from subscribers.newsletters import find_newsletter, list_newsletters

#: Mail carries its styles inline, and the pictures its editor chose; nothing in it may run.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KEPT = 32


def archive_router(
    settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> APIRouter:
    """Return the routes of reading."""
    router = APIRouter()
    rendered_issues: OrderedDict[tuple[int, int], RenderedIssue] = OrderedDict()

    def _rendered(session: Session, issue: IssueRow, newsletter: NewsletterRow) -> RenderedIssue:
        key = (issue.id, issue.version)
        if key not in rendered_issues:
            rendered_issues[key] = render_stored(
                issue, newsletter, templates_dir=settings.templates_dir
            )
            while len(rendered_issues) > _KEPT:
                rendered_issues.popitem(last=False)
        del session
        return rendered_issues[key]

    @router.get("/")
    def home(request: Request) -> HTMLResponse:
        with reading(engine) as session:
            rows = list_newsletters(session)
        return pages.show("home.html", language=pages.language_of(request), newsletters=rows)

    @router.get("/archive/{slug}")
    def archive(slug: str, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            newsletter = find_newsletter(session, slug)
            issues = list_issues(session, newsletter.id)
        return pages.show(
            "archive.html",
            language=pages.language_of(request),
            newsletter=newsletter,
            issues=issues,
        )

    @router.get("/archive/{slug}/{issue_slug}")
    def issue_page(slug: str, issue_slug: str) -> HTMLResponse:
        with reading(engine) as session:
            newsletter = find_newsletter(session, slug)
            issue = find_issue(session, newsletter.id, issue_slug)
            rendered = _rendered(session, issue, newsletter)
        home = f"{settings.public_url}/archive/{slug}"
        here = f"{home}/{issue_slug}"
        links = {
            Slot.VIEW_URL: here,
            Slot.UNSUBSCRIBE_URL: home,
            Slot.PREFERENCES_URL: home,
        }
        return _mail_page(fill(rendered.html, links))

    @router.get("/v/{token}")
    def personal(token: str) -> HTMLResponse:
        ref = signer.read_delivery(Purpose.VIEW, token)
        with reading(engine) as session:
            content = load_content(session, ref.mailing_id)
            subscriber = session.get(SubscriberRow, ref.subscriber_id)
        links = DeliveryLinks.of(settings.public_url, signer, ref)
        name = subscriber.name if subscriber else ""
        values = {**links.slots(), Slot.SUBSCRIBER_NAME: name}
        return _mail_page(fill(content.rendered.html, values))

    return router


def _mail_page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY})
