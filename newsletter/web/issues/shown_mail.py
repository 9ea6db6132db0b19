"""A mail as one reader sees it, and in a frame of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from lxml import html as lxml_html

from newsletter.i18n.language import language_for
from newsletter.i18n.messages import pmsg
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.mailings.planning.shown_as import Reader
from newsletter.rendering.model import RenderedIssue, Slot
from newsletter.rendering.slots import fill, worded_for

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
#: Our pictures are asked for at the public address, which may be another host than these pages'.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' {ours} data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
#: What stands in plain text for links that each reader has of their own.
_OWN_LINK = pmsg("preview", "(each reader’s own link)")
_PERSONAL = (Slot.VIEW_URL, Slot.UNSUBSCRIBE_URL, Slot.PREFERENCES_URL)
#: Stands behind a preheader so that an inbox shows nothing of the text.
_FILLER = "\u034f"
#: So many characters of it are shown behind the subject by any inbox.
_SNIPPET = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A mail as one reader sees it; ``snippet`` is what an inbox shows behind the subject."""

    html: str
    text: str
    subject: str
    snippet: str


def show_to_reader(rendered: RenderedIssue, reader: Reader, *, dark: bool) -> Shown:
    """Fill the personal slots as sending does; links that are personal lead nowhere."""
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
    """Return a mail as a document for a frame: without scripts, asking no host but ``site``."""
    return in_frame(show_to_reader(rendered, reader, dark=dark).html if rendered else "", site)


def in_frame(html: str, site: str) -> HTMLResponse:
    """Return a mail's HTML for a frame, as `mail_frame` does."""
    parts = urlsplit(site)
    policy = _FRAME_POLICY.format(ours=f"{parts.scheme}://{parts.netloc}")
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _snippet(html: str) -> str:
    """Return a mail's first words, as inboxes take them: the preheader, then what follows it.

    Signs without a shape, which a template puts behind the preheader, fill an inbox's line; what
    follows them is not seen.
    """
    parser = lxml_html.HTMLParser(encoding="utf-8")
    body = lxml_html.document_fromstring(html.encode(), parser=parser).find("body")
    words = " ".join(text.strip() for text in body.itertext() if text.strip())
    return " ".join(words.partition(_FILLER)[0].split())[:_SNIPPET]
