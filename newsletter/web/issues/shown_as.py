"""The choice of the reader as whom a page shows a mail, and the frame with this mail.

The choice is the query parameter ``as`` of the page; a GET form sets it without scripts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from lxml import html as lxml_html

from newsletter.database.engine import reading
from newsletter.i18n.language import language_for
from newsletter.i18n.messages import pmsg
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.mailings.planning.shown_as import (
    LONGEST_KEY,
    Reader,
    ShownAs,
    person_key,
    variant_key,
)
from newsletter.rendering.model import RenderedIssue, Slot
from newsletter.rendering.slots import fill, worded_for
from newsletter.web.access import SubscribersVisit, newsletter_of, own
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.preview_readers import find_readers

#: The name of the parameter.
PARAMETER = "as"
_READERS = 8
#: Parameters that do not determine the shown content.
_PASSING = frozenset({PARAMETER, "done", "group", "moved", "undo", "sending"})

AsAsked = Annotated[str, Query(alias=PARAMETER, max_length=LONGEST_KEY)]
#: Whether the mail is shown in dark mode.
DarkAsked = Annotated[str, Query(alias="dark", max_length=1)]
AsGiven = Annotated[str, Form(alias=PARAMETER, max_length=LONGEST_KEY)]


def asked_as(request: Request) -> str:
    """Return the key of the reader in a page's URL."""
    key = request.query_params.get(PARAMETER, "")
    return key if len(key) <= LONGEST_KEY else ""


def with_shown_as(path: str, key: str) -> str:
    """Return a path with the choice as parameter."""
    if not key:
        return path
    before, _, asked = path.partition("?")
    return f"{before}?{asked}{'&' if asked else ''}{urlencode({PARAMETER: key})}"


def choice_of(request: Request, shown: ShownAs, path: str, *, sent: bool = False) -> dict[str, Any]:
    """Return the values of the choice on the page at a path.

    Args:
        request: The request, whose other parameters are kept.
        shown: The present choice.
        path: The path of the page, which is the target of the form.
        sent: Whether the mail was sent; then "all parts" is not offered, since nobody got such a
            mail.
    """
    keep = [each for each in request.query_params.multi_items() if each[0] not in _PASSING]
    return {
        "shown_as": shown,
        "shown_path": path,
        "shown_keep": keep,
        "shown_back": f"{path}?{urlencode(keep)}" if keep else path,
        "shown_query": with_shown_as("", shown.key),
        "shown_variants": [(variant_key(each.met), each) for each in shown.variants],
        "shown_sent": sent,
    }


router = Router(prefix="/newsletters/{newsletter}")


@router.post("/readers")
def _find(
    visit: SubscribersVisit,
    find: Annotated[str, Form(max_length=200)] = "",
    back: Annotated[str, Form(max_length=4000)] = "",
) -> HTMLResponse:
    """Find subscribers by the beginning of address or name; POST keeps these out of logs."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        words = find.strip()
        found = find_readers(session, own(visit), words, limit=_READERS) if words else ()
    home = f"/newsletters/{row.slug}/"
    # Forms from other sites must not make this page link elsewhere.
    target = back if back.startswith(home) and "\\" not in back else f"{home}issues"
    name = "_readers.html" if visit.request.headers.get("HX-Request") else "readers.html"
    return show_page(
        visit,
        f"issues/{name}",
        newsletter=row,
        find=words,
        back=target,
        readers=[
            (each, key, with_shown_as(target, key))
            for each in found
            for key in [person_key(each.subscriber_id)]
        ],
    )


_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
#: Our pictures are loaded from the public URL, whose host may differ from that of these pages.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' {ours} data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
#: Text instead of personal links in plain text.
_OWN_LINK = pmsg("preview", "(each reader’s own link)")
_PERSONAL = (Slot.VIEW_URL, Slot.UNSUBSCRIBE_URL, Slot.PREFERENCES_URL)
#: Character that fills the space after a preheader, so that an inbox shows none of the text.
_FILLER = "\u034f"
#: The largest number of characters that any inbox shows after the subject.
_SNIPPET = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A mail as one reader sees it; ``snippet`` is the text after the subject in an inbox."""

    html: str
    text: str
    subject: str
    snippet: str


def show_to_reader(rendered: RenderedIssue, reader: Reader, *, dark: bool) -> Shown:
    """Fill the personal slots as in sending, with personal links disabled."""
    rendered = worded_for(rendered, language_for(reader.language, rendered.language))
    slots = DeliveryLinks.leading_nowhere().slots(
        name=reader.name, address=reader.address, fields=reader.fields
    )
    in_words = {name: _OWN_LINK.in_language(rendered.language) for name in _PERSONAL}
    html = fill(rendered.html, slots)
    shown = "dark" if dark else "light"
    return Shown(
        html=_DARK.sub(lambda m: "(min-width: 0)" if m[1] == shown else "(max-width: 0)", html),
        text=fill(rendered.text, slots | in_words),
        subject=fill(rendered.subject, slots),
        snippet=_snippet(html),
    )


def mail_frame(
    rendered: RenderedIssue | None, reader: Reader, *, site: str, dark: bool = False
) -> HTMLResponse:
    """Return a mail as a document for a frame, without scripts or requests to other hosts."""
    return in_frame(show_to_reader(rendered, reader, dark=dark).html if rendered else "", site)


def in_frame(html: str, site: str) -> HTMLResponse:
    """Return a mail's HTML for a frame, as `mail_frame` does."""
    parts = urlsplit(site)
    policy = _FRAME_POLICY.format(ours=f"{parts.scheme}://{parts.netloc}")
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _snippet(html: str) -> str:
    """Return the beginning of a mail, as shown by inboxes: the preheader, then the text after it.

    Templates put invisible characters after the preheader, which fill the line of an inbox, so that
    nothing after them is shown.
    """
    parser = lxml_html.HTMLParser(encoding="utf-8")
    body = lxml_html.document_fromstring(html.encode(), parser=parser).find("body")
    words = " ".join(text.strip() for text in body.itertext() if text.strip())
    return " ".join(words.partition(_FILLER)[0].split())[:_SNIPPET]
