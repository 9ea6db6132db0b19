"""The proof of a text: its mail as a reader sees it, and what preflight finds, by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from newsletter.database.tables import NewsletterRow
from newsletter.delivery.mailings import publisher_of
from newsletter.errors import ContentError, Place
from newsletter.issues.findings import Finding
from newsletter.issues.lines import find_line
from newsletter.issues.markdown import looks_like_markdown, read_markdown
from newsletter.issues.model import Issue
from newsletter.language import Language
from newsletter.rendering.model import RenderedIssue, Slot
from newsletter.rendering.preflight import Preflight, run_preflight
from newsletter.rendering.render import derived_preheader
from newsletter.rendering.slots import fill

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A finding with the line it stands on."""

    finding: Finding
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """A text that can be read as an issue, with its mail; no mail where the template fails."""

    issue: Issue
    template: str
    preflight: Preflight
    marked: tuple[Marked, ...]


def read_text(text: str, language: Language) -> tuple[Issue, str]:
    """Read what stands in the editor, and the template it names.

    Raises:
        ContentError: It is no issue; the place names the line.
    """
    source = "本文" if language is Language.JAPANESE else "text"
    plain = text.replace("\r\n", "\n")
    if not looks_like_markdown(plain):
        raise ContentError(
            "The text does not begin with front matter.",
            place=Place(source=source, line=1),
            remedy="Begin with a line of three hyphens, then title and date.",
        )
    return read_markdown(plain, source=source)


def make_proof(text: str, newsletter: NewsletterRow, *, folder: Path, language: Language) -> Proof:
    """Read, render and check a text.

    Raises:
        ContentError: See `read_text`.
        NotFoundError: It names a template that does not exist.
    """
    issue, template = read_text(text, language)
    preflight = run_preflight(
        issue,
        template=template or newsletter.template,
        templates_dir=folder,
        publisher=publisher_of(newsletter),
    )
    plain = text.replace("\r\n", "\n")
    marked = tuple(
        Marked(finding=finding, line=find_line(plain, finding.place, about=finding.about))
        for finding in preflight.findings
    )
    return Proof(issue=issue, template=template, preflight=preflight, marked=marked)


def shown_mail(rendered: RenderedIssue, *, name: str, dark: bool) -> str:
    """Return the HTML as one reader sees it; links that are personal lead nowhere."""
    html = fill(rendered.html, _slots(name))
    shown = "dark" if dark else "light"
    return _DARK.sub(
        lambda match: "(min-width: 0)" if match[1] == shown else "(max-width: 0)", html
    )


def shown_text(rendered: RenderedIssue, *, name: str) -> str:
    """Return the plain text as one reader sees it."""
    return fill(rendered.text, _slots(name))


def shown_subject(rendered: RenderedIssue, *, name: str) -> str:
    """Return the subject as one reader sees it."""
    return fill(rendered.subject, _slots(name))


def shown_preheader(issue: Issue) -> str:
    """Return what an inbox shows behind the subject: the preheader, or else the first words."""
    return issue.preheader or derived_preheader(issue)


def _slots(name: str) -> dict[Slot, str]:
    links = {slot: "#" for slot in Slot if slot.value.endswith("_url")}
    return {**links, Slot.SUBSCRIBER_NAME: name, Slot.SUBSCRIBER_ADDRESS: "reader@example.jp"}
