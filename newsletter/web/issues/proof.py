"""The proof of an issue: its mail as a reader sees it, and what preflight finds, with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from lxml import html as lxml_html

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.checks.findings import Finding
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.markdown.reader import looks_like_markdown, read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.sources.normalise import without_controls
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.mailings.planning.shown_as import Reader
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.model import RenderedIssue, Slot
from newsletter.rendering.preflight import Preflight, PriorFindings, run_preflight
from newsletter.rendering.slots import fill

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
#: Our pictures are asked for at the public address, which may be another host than these pages'.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' {ours} data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)
#: What stands in plain text for links that each reader has of their own.
_OWN_LINK = pmsg("preview", "(each reader’s own link)")
_PERSONAL = (Slot.VIEW_URL, Slot.UNSUBSCRIBE_URL, Slot.PREFERENCES_URL)
#: Characters behind the subject that any inbox shows at most.
#: Stands behind a preheader so that an inbox shows nothing of the text.
_FILLER = "\u034f"
_SNIPPET = 240


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A finding with where it stands.

    Attributes:
        lines: The first and the last line of the Markdown.
        block: The part's anchor, or else the field of the issue.
    """

    finding: Finding
    lines: tuple[int, int]
    block: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedIssue:
    """An issue checked, with its mail; no mail where the template fails.

    Attributes:
        template: The template that the issue names; empty for the newsletter's.
    """

    issue: Issue
    template: str
    preflight: Preflight
    marked: tuple[Marked, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A mail as one reader sees it; ``snippet`` is what an inbox shows behind the subject."""

    html: str
    text: str
    subject: str
    snippet: str


def read_text(text: str, visitors: Language, *, language: Language) -> tuple[Issue, str]:
    """Read what stands in the editor, and the template it names.

    Args:
        text: Front matter, then Markdown.
        visitors: The language of who reads errors about it.
        language: Of an issue that names none.

    Raises:
        ContentError: It is no issue; the place names the line.
    """
    source = pmsg("issue", "text").in_language(visitors)
    plain = without_controls(text.replace("\r\n", "\n"))
    if not looks_like_markdown(plain):
        raise ContentError(
            msg("The text does not begin with front matter."),
            place=Place(source=source, line=1),
            remedy=msg("Begin with a line of three hyphens, then title and date."),
        )
    return read_markdown(plain, source=source, language=language)


def make_proof(
    issue: Issue,
    template: str,
    newsletter: Newsletter,
    *,
    folder: Path,
    text: str = "",
    own_site: str = "",
    known: PriorFindings | None = None,
) -> CheckedIssue:
    """Render and check an issue; ``text`` is its Markdown, where lines are wanted.

    Raises:
        NotFoundError: It names a template that does not exist.
    """
    preflight = run_preflight(
        issue,
        template=template or newsletter.template,
        templates_dir=folder,
        publisher=publisher_of(newsletter),
        known=known,
        own_site=own_site,
    )
    plain = text.replace("\r\n", "\n")
    marked = tuple(
        Marked(
            finding=finding,
            lines=find_lines(plain, finding) if plain else (0, 0),
            block=finding.place.anchor or finding.place.field.value,
        )
        for finding in preflight.findings
    )
    return CheckedIssue(issue=issue, template=template, preflight=preflight, marked=marked)


def show_to_reader(rendered: RenderedIssue, reader: Reader, *, dark: bool) -> Shown:
    """Fill the personal slots as sending does; links that are personal lead nowhere."""
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


def mail_frame(rendered: RenderedIssue | None, reader: Reader, *, site: str) -> HTMLResponse:
    """Return a mail as a document for a frame: without scripts, asking no host but ``site``."""
    return in_frame(show_to_reader(rendered, reader, dark=False).html if rendered else "", site)


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
