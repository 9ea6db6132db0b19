"""Issues that were parsed and checked: preflight's findings with their places, checked links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.checks.findings import Finding, sorted_findings
from newsletter.issues.checks.lines import find_lines
from newsletter.issues.checks.opened_links import ask_to_open, find_check, findings_of
from newsletter.issues.drafts.saving import Draft, get_draft
from newsletter.issues.markdown.reader import looks_like_markdown, read_markdown
from newsletter.issues.model import Issue
from newsletter.issues.sources.normalise import without_controls
from newsletter.mailings.mailings import publisher_of
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.preflight import Preflight, PriorFindings, run_preflight
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.pages import show_page
from newsletter.web.routing import Router


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """A finding with its place.

    Attributes:
        lines: The first and the last line of the Markdown.
        block: The part's anchor, or else the field of the issue.
    """

    finding: Finding
    lines: tuple[int, int]
    block: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedIssue:
    """A checked issue with its mail; without mail if the template fails.

    Attributes:
        template: The template of the issue; empty for that of the newsletter.
    """

    issue: Issue
    template: str
    preflight: Preflight
    marked: tuple[Marked, ...]


def read_text(text: str, visitors: Language, *, language: Language) -> tuple[Issue, str]:
    """Parse the text of the editor; return the issue and the template that it names.

    Args:
        text: Front matter, then Markdown.
        visitors: The language of the errors.
        language: The language of the issue if its text names none.

    Raises:
        ContentError: The text is invalid; the place names the line.
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
    """Render and check an issue; with its Markdown as ``text``, findings have line numbers.

    Raises:
        NotFoundError: The issue names an unknown template.
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


def links_of(session: Session, draft: Draft) -> dict[str, Any]:
    """Return the values for the panel's section about links."""
    check = find_check(session, draft.id)
    found = sorted_findings(findings_of(draft.issue, check)) if check else ()
    return {
        "links": check,
        "links_marked": [
            Marked(
                finding=finding,
                lines=(0, 0),
                block=finding.place.anchor or finding.place.field.value,
            )
            for finding in found
        ],
    }


router = Router(prefix="/newsletters/{newsletter}/drafts/{number}/links")


def _part(visit: Visit, number: int) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        draft = get_draft(session, row.id, number)
        values = links_of(session, draft)
    return show_page(visit, "issues/_links.html", newsletter=row, draft=draft, **values)


@router.get("")
def _show(number: int, visit: EditorVisit) -> HTMLResponse:
    return _part(visit, number)


@router.post("", response_model=None)
def _ask(newsletter: str, number: int, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        ask_to_open(session, get_draft(session, own(visit), number))
    if visit.request.headers.get("hx-request"):
        return _part(visit, number)
    target = f"/newsletters/{newsletter}/drafts/{number}#panel-checks"
    return Response(status_code=303, headers={"Location": target})
