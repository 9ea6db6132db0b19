"""An issue that was read and checked: what preflight finds, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.checks.findings import Finding
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.markdown.reader import looks_like_markdown, read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.sources.normalise import without_controls
from newsletter.mailings.mailings import publisher_of
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.preflight import Preflight, PriorFindings, run_preflight


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


def check_issue(
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
