"""Issues on the web: the public archive and its feed, and the personal view a mail links to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.mailings.archive import (
    archive_chapters,
    find_archive,
    find_publication,
    list_archives,
    list_publications,
    search_archive,
)
from newsletter.mailings.planning.links import DeliveryLinks, read_link
from newsletter.mailings.planning.reader_fields import fields_of_readers
from newsletter.mailings.planning.variants import content_of_reader
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.model import Slot
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from subscribers.search import name_and_address

#: Mail carries its styles inline, and the pictures its editor chose; nothing in it may run.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Beside the mail as it went out: the site's mark, and that this address is nobody else's.
_PERSONAL_HEAD = (
    '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
    '<meta name="robots" content="noindex">'
    "<style>.back { display: block !important; }</style>"
)
_PAGE = 50
_FEED = 20
#: sitemaps.org allows 50,000 addresses in a file.
_SITEMAP = 5_000
_CACHED = {"Cache-Control": "public, max-age=300"}
#: Characters that XML 1.0 cannot carry.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def archive_router(settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages) -> Router:
    """Return the routes of reading."""
    router = Router()
    site = settings.public_url

    @router.get("/")
    def home(request: Request) -> HTMLResponse:
        with reading(engine) as session:
            rows = list_archives(session)
        return pages.show("reader/home.html", language=pages.language_of(request), newsletters=rows)

    @router.get("/archive/{slug}")
    def archive(
        slug: str,
        request: Request,
        page: int = 1,
        q: Annotated[str, Query(max_length=200)] = "",
        chapter: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        page = min(max(page, 1), 10_000)
        with reading(engine) as session:
            newsletter = find_archive(session, slug)
            issues = list_publications(
                session, newsletter.id, limit=_PAGE + 1, offset=(page - 1) * _PAGE
            )
            asked = bool(q.strip() or chapter)
            hits = search_archive(session, newsletter.id, q, chapter=chapter) if asked else ()
            chapters = archive_chapters(session, newsletter.id)
        shown = pages.show(
            "reader/archive.html",
            language=pages.language_of(request, newsletter.language),
            newsletter=newsletter,
            issues=issues[:_PAGE],
            more=len(issues) > _PAGE,
            page=page,
            asked=asked,
            hits=hits,
            q=q.strip(),
            chapter=chapter,
            chapters=chapters,
            site=site,
            here=f"{site}/archive/{slug}",
        )
        shown.headers.update(_index_headers(newsletter))
        return shown

    @router.get("/archive/{slug}/feed.atom")
    def feed(slug: str) -> Response:
        with reading(engine) as session:
            newsletter = find_archive(session, slug)
            issues = list_publications(session, newsletter.id, limit=_FEED)
        text = pages.render(
            "reader/feed.xml",
            language=newsletter.language,
            newsletter=newsletter,
            issues=issues,
            home=f"{site}/archive/{slug}",
            updated=max(
                (issue.published_at for issue in issues), default=datetime(1970, 1, 1, tzinfo=UTC)
            ),
        )
        return _xml(text, "application/atom+xml")

    @router.get("/archive/{slug}/{issue_slug}")
    def issue_page(slug: str, issue_slug: str) -> HTMLResponse:
        with reading(engine) as session:
            newsletter = find_archive(session, slug)
            issue, content = find_publication(session, newsletter.id, issue_slug)
        here = f"{site}/archive/{slug}/{issue_slug}"
        manage = f"{site}/subscribe/{slug}"
        links: dict[str, str] = {
            Slot.VIEW_URL: here,
            Slot.UNSUBSCRIBE_URL: f"{manage}#leave",
            Slot.PREFERENCES_URL: f"{manage}#leave",
        }
        values: dict[str, object] = {
            "newsletter": newsletter,
            "issue": issue,
            "site": site,
            "here": here,
            "home": f"{site}/archive/{slug}",
        }
        head = pages.render("reader/issue_head.html", language=issue.language, **values)
        bar = pages.render("reader/issue_bar.html", language=issue.language, **values)
        html = _without_link_to(here, fill(content.rendered.html, links))
        html = html.replace("</head>", f"{head}</head>", 1)
        html = re.sub(r"<body[^>]*>", lambda found: found.group() + bar, html, count=1)
        return _mail_page(html, _CACHED | _index_headers(newsletter, listed=issue.listed))

    @router.get("/sitemap.xml")
    def sitemap() -> Response:
        with reading(engine) as session:
            listed = [
                (row.slug, list_publications(session, row.id, limit=_SITEMAP))
                for row in list_archives(session)
            ]
        return _xml(
            pages.render(
                "reader/sitemap.xml", language=pages.DEFAULT_LANGUAGE, listed=listed, site=site
            ),
            "application/xml",
        )

    @router.get("/robots.txt")
    def robots() -> PlainTextResponse:
        text = (
            "User-agent: *\nAllow: /$\nAllow: /archive/\nAllow: /subscribe/\nAllow: /static/\n"
            f"Disallow: /\n\nSitemap: {site}/sitemap.xml\n"
        )
        return PlainTextResponse(text, headers=_CACHED)

    @router.get("/v/{token}")
    def personal(token: str) -> HTMLResponse:
        with reading(engine) as session:
            ref = read_link(session, signer, Purpose.VIEW, token)
            content = content_of_reader(session, ref.mailing_id, ref.subscriber_id)
            name, address = name_and_address(session, ref.newsletter_id, ref.subscriber_id)
            fields = fields_of_readers(session, content, [ref.subscriber_id])
        links = DeliveryLinks.of(settings.public_url, signer, ref)
        values = links.slots(name=name, address=address, fields=fields.get(ref.subscriber_id))
        html = _without_link_to(values[Slot.VIEW_URL], fill(content.rendered.html, values))
        return _mail_page(html.replace("</head>", f"{_PERSONAL_HEAD}</head>", 1), {})

    return router


def _index_headers(newsletter: Newsletter, *, listed: bool = True) -> dict[str, str]:
    """Return what keeps search engines from what is not to be found."""
    return {} if newsletter.visibility.listed and listed else {"X-Robots-Tag": "noindex"}


def _without_link_to(url: str, html: str) -> str:
    """Return a mail's page without the links that lead to that very page."""
    link = rf'<a\b[^<>]*?\shref="{re.escape(escape(url))}"[^<>]*>.*?</a>'
    return re.sub(link, "", html, flags=re.DOTALL)


def _mail_page(html: str, headers: dict[str, str]) -> HTMLResponse:
    # On a page of its own the mail is the main part, for those who jump by landmarks.
    html = html.replace('role="article"', 'role="main"', 1)
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY, **headers})


def _xml(text: str, media_type: str) -> Response:
    return Response(_NOT_XML.sub("", text), media_type=media_type, headers=_CACHED)
