"""The public archive of issues and its feed."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from threading import Lock
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.i18n.language import own_language_name
from newsletter.issues.corrections import DatedNote, corrections_of, dated_notes
from newsletter.issues.search import MOST_HITS, MOST_PUBLIC
from newsletter.mailings.archive import (
    Publication,
    archive_chapters,
    find_archive,
    find_publication,
    lacks_corrections,
    languages_of,
    list_archives,
    list_publications,
    search_archive,
)
from newsletter.mailings.planning.content import MailingContent
from newsletter.mailings.planning.variants import read_rendered
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.model import Slot
from newsletter.rendering.slots import fill
from newsletter.web.routing import Router, network_of_request
from newsletter.web.site import site_of

#: Searches allowed for one network in a period, and the period in seconds.
MOST_SEARCHES, WITHIN_SECONDS = 60, 60.0
#: Networks that are remembered; the one with the oldest period is dropped first.
_MOST_NETWORKS = 10_000


class SearchLimit:
    """Limits the searches of one network, since anybody can search and each search is expensive.

    Searches are counted in periods, which start with a network's first search. The counts are in
    the memory of the process: they are lost at a restart, and with several web processes the limit
    is a multiple. Behind a proxy that is not in `TRUSTED_PROXIES`, all clients are one network.
    """

    def __init__(
        self, most: int = MOST_SEARCHES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._clock = clock
        self._lock = Lock()
        #: The start of each network's period, and its searches since.
        self._periods: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admits(self, network: str) -> bool:
        """Count a search; return whether it is within the limit."""
        moment = self._clock()
        with self._lock:
            began, count = self._periods.get(network, (moment, 0))
            if moment - began >= WITHIN_SECONDS:
                self._periods.pop(network)
                began, count = moment, 0
            self._periods[network] = (began, count + 1)
            while len(self._periods) > _MOST_NETWORKS:
                self._periods.popitem(last=False)
        return count < self._most


_PAGE = 50
#: Issues of each newsletter on the page of all newsletters.
_LATEST_ISSUES = 3
_FEED = 20
#: URLs in the sitemap; sitemaps.org allows 50,000.
_SITEMAP = 5_000
_CACHED = {"Cache-Control": "public, max-age=300"}
#: Characters that are not allowed in XML 1.0.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


router = Router()


@router.get("/")
def home(request: Request) -> HTMLResponse:
    """Show all public newsletters."""
    site = site_of(request)
    with reading(site.engine) as session:
        rows = list_archives(session)
        latest = {row.id: list_publications(session, row.id, limit=_LATEST_ISSUES) for row in rows}
    return site.pages.show(
        "reader/home.html",
        language=site.pages.language_of(request),
        newsletters=rows,
        latest=latest,
    )


@router.get("/archive/{slug}/feed.atom")
def feed(slug: str, request: Request) -> Response:
    """Return the feed of a newsletter (Atom, RFC 4287)."""
    site = site_of(request)
    with reading(site.engine) as session:
        newsletter = find_archive(session, slug)
        issues = list_publications(session, newsletter.id, limit=_FEED)
        text = site.pages.render(
            "reader/feed.xml",
            language=newsletter.language,
            newsletter=newsletter,
            issues=issues,
            notes=_latest_notes(session, issues),
            home=f"{site.url}/archive/{slug}",
            updated=max(
                (issue.updated_at for issue in issues), default=datetime(1970, 1, 1, tzinfo=UTC)
            ),
        )
    return _xml(text, "application/atom+xml")


@router.get("/sitemap.xml")
def sitemap(request: Request) -> Response:
    """Return what search engines may index."""
    site = site_of(request)
    with reading(site.engine) as session:
        listed = [
            (row.slug, list_publications(session, row.id, limit=_SITEMAP))
            for row in list_archives(session)
        ]
    return _xml(
        site.pages.render(
            "reader/sitemap.xml",
            language=site.pages.DEFAULT_LANGUAGE,
            listed=listed,
            site=site.url,
        ),
        "application/xml",
    )


@router.get("/robots.txt")
def robots(request: Request) -> PlainTextResponse:
    """Return where search engines may go."""
    text = (
        "User-agent: *\nAllow: /$\nAllow: /archive/\nAllow: /subscribe/\nAllow: /static/\n"
        f"Disallow: /\n\nSitemap: {site_of(request).url}/sitemap.xml\n"
    )
    return PlainTextResponse(text, headers=_CACHED)


@router.get("/archive/{slug}")
def archive(
    slug: str,
    request: Request,
    page: int = 1,
    q: Annotated[str, Query(max_length=200)] = "",
    chapter: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show the issues of a newsletter, searched by words or chapter."""
    site, page = site_of(request), min(max(page, 1), 10_000)
    with reading(site.engine) as session:
        newsletter = find_archive(session, slug)
        issues = list_publications(
            session, newsletter.id, limit=_PAGE + 1, offset=(page - 1) * _PAGE
        )
        asked = bool(q.strip() or chapter)
        often = asked and not site.searches.admits(network_of_request(request))
        asked = asked and not often
        hits = search_archive(session, newsletter.id, q, chapter=chapter) if asked else ()
        chapters = archive_chapters(session, newsletter.id)
    shown = site.pages.show(
        "reader/archive.html",
        language=site.pages.language_of(request, newsletter.language),
        status=429 if often else 200,
        often=often,
        newsletter=newsletter,
        issues=issues[:_PAGE],
        more=len(issues) > _PAGE,
        page=page,
        asked=asked,
        hits=hits,
        newest=MOST_PUBLIC,
        is_cut=len(hits) >= MOST_HITS or len({hit.issue_id for hit in hits}) >= MOST_PUBLIC,
        q=q.strip(),
        chapter=chapter,
        chapters=chapters,
        site=site.url,
        here=f"{site.url}/archive/{slug}",
    )
    shown.headers.update(_index_headers(newsletter))
    if often:
        shown.headers["Retry-After"] = str(int(WITHIN_SECONDS))
    return shown


@router.get("/archive/{slug}/{issue_slug}")
def issue_page(
    slug: str,
    issue_slug: str,
    request: Request,
    lang: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    """Show an issue, without what is for its readers alone."""
    site = site_of(request)

    def read(session: Session) -> tuple[Newsletter, Publication, MailingContent]:
        newsletter = find_archive(session, slug)
        found = find_publication(session, newsletter.id, issue_slug, language=lang)
        return newsletter, *found

    newsletter, issue, content = read_rendered(site.engine, read)
    with reading(site.engine) as session:
        corrections = corrections_of(session, issue.issue_id)
        tags = languages_of(session, issue.mailing_id)
        is_earlier = lacks_corrections(session, issue.mailing_id, lang)
    home = f"{site.url}/archive/{slug}/{issue_slug}"
    here = f"{home}?lang={lang}" if lang else home
    tag, language = content.rendered.tag, content.rendered.language
    shown = replace(issue, title=fill(content.rendered.subject, {})) if lang else issue
    others = [
        (
            each,
            own_language_name(each),
            home if each == issue.language else f"{home}?lang={each}",
        )
        for each in (issue.language.value, *tags)
    ]
    manage = f"{site.url}/subscribe/{slug}"
    links: dict[str, str] = {
        Slot.VIEW_URL: here,
        Slot.UNSUBSCRIBE_URL: f"{manage}#leave",
        Slot.PREFERENCES_URL: f"{manage}#leave",
    }
    values: dict[str, object] = {
        "newsletter": newsletter,
        "issue": shown,
        "tag": tag,
        "others": others if tags else (),
        "corrections": dated_notes(corrections, tag),
        "original": home if is_earlier else "",
        "site": site.url,
        "here": here,
        "home": f"{site.url}/archive/{slug}",
    }
    head = site.pages.render("reader/issue_head.html", language=language, **values)
    bar = site.pages.render("reader/issue_bar.html", language=language, **values)
    html = for_everybody(
        without_link_to(here, fill(content.rendered.html, links)),
        site.pages.render("reader/issue_foot.html", language=language, **values),
    )
    headers = _CACHED | _index_headers(newsletter, listed=issue.listed)
    return mail_page(html, head=head, above=bar, headers=headers)


def _latest_notes(session: Session, issues: Sequence[Publication]) -> Mapping[int, DatedNote]:
    """Return the note about the last correction of each corrected issue, by the issue's id."""
    return {
        issue.issue_id: note
        for issue in issues
        if issue.updated_at > issue.published_at
        for note in dated_notes(corrections_of(session, issue.issue_id)[:1], issue.language.value)
    }


def _index_headers(newsletter: Newsletter, *, listed: bool = True) -> dict[str, str]:
    """Return the headers that keep search engines from indexing a hidden newsletter."""
    return {} if newsletter.visibility.listed and listed else {"X-Robots-Tag": "noindex"}


def _xml(text: str, media_type: str) -> Response:
    return Response(_NOT_XML.sub("", text), media_type=media_type, headers=_CACHED)


#: The policy of a mail's page: inline styles and any pictures are allowed; scripts, forms and
#: redirects are not. Links work as on any page.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-same-origin "
    "allow-downloads allow-popups allow-popups-to-escape-sandbox"
)
#: The paragraphs of a mail's frame that address the recipient.
_MAIL_ONLY = re.compile(
    r'(<p\b[^<>]*\bclass="(?:[^"]*\s)?mail-only(?:\s[^"]*)?"[^<>]*>).*?</p>', re.DOTALL
)

#: Only meta elements for charset, compatibility, viewport and colour scheme are kept. Others could
#: redirect, or send the page's secret URL to the hosts of pictures, regardless of the policies.
_META = re.compile(r"<meta\b[^>]*>?", re.IGNORECASE)
_KNOWN_META = re.compile(
    r'<meta (?:charset="[\w-]+"|http-equiv="(?:Content-Type|X-UA-Compatible)" content="[^"<>]*"'
    r'|name="(?:viewport|color-scheme|supported-color-schemes)" content="[^"<>]*")\s?/?>'
)
#: The referrer policy of single pictures and links is removed for the same reason. In texts, the
#: replacement looks the same.
_REFERRER = re.compile(r"(referrerpolicy\s*)=", re.IGNORECASE)


def mail_page(
    html: str, *, head: str = "", above: str = "", headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Return a mail as a page, with additions to its head and above it."""
    # A space replaces it, so that the surrounding text cannot form another element.
    html = _META.sub(lambda found: found[0] if _KNOWN_META.fullmatch(found[0]) else " ", html)
    html = _REFERRER.sub(r"\1&#61;", html)
    # On its own page, the mail is the main landmark for screen readers.
    html = html.replace('role="article"', 'role="main"', 1)
    html = html.replace("</head>", f"{head}</head>", 1)
    html = re.sub(r"<body[^>]*>", lambda match: match.group() + above, html, count=1)
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY, **(headers or {})})


def without_link_to(url: str, html: str) -> str:
    """Return a mail's page without links to itself."""
    link = rf'<a\b[^<>]*?\shref="{re.escape(escape(url))}"[^<>]*>.*?</a>'
    return re.sub(link, "", html, flags=re.DOTALL)


def for_everybody(html: str, words: str) -> str:
    """Return a mail's page with ``words`` instead of the texts for its recipient."""
    first = _MAIL_ONLY.search(html)
    if first is None:
        return html
    after = _MAIL_ONLY.sub("", html[first.end() :])
    return f"{html[: first.start()]}{first[1]}{words}</p>{after}"
