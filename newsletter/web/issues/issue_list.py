"""The list of a newsletter's issues, and new issues: empty, pasted or uploaded."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import check_day, read_day
from newsletter.issues.drafts.reuse import list_patterns
from newsletter.issues.drafts.saving import open_issue
from newsletter.issues.model import Issue
from newsletter.issues.sent import sent_as
from newsletter.issues.sources.reading import ReadIssue, read_issue
from newsletter.issues.store import get_issue, last_edition
from newsletter.mailings.overview import list_lines
from newsletter.newsletters.issue_actions import create_draft, import_draft
from newsletter.newsletters.publications import day_in, list_newsletters
from newsletter.web.access import EditorVisit, Visit, newsletter_of
from newsletter.web.issues.submission import WRITTEN_OCTETS
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, up_to

#: Octets that are read of a file; `read_issue` refuses larger texts.
_LARGEST = 4_000_001
_Short = Annotated[str, Form(max_length=300)]
_Long = Annotated[str, Form(max_length=_LARGEST)]


router = Router()


@router.get("/newsletters")
def _choose(visit: EditorVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        rows = [
            row for row in list_newsletters(session) if visit.rights.may(Permission.WRITE, row.id)
        ]
        lines = {row.id: list_lines(session, row) for row in rows}
    return show_page(
        visit,
        "issues/choose.html",
        newsletters=rows,
        lines=lines,
    )


@router.get("/newsletters/{newsletter}/issues")
def _show_issues(visit: EditorVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        lines = list_lines(session, row)
    return show_page(
        visit,
        "issues/list.html",
        newsletter=row,
        lines=lines,
    )


@router.post("/newsletters/{newsletter}/issues/{number}/open")
def _open_for_editing(newsletter: str, number: int, visit: EditorVisit) -> RedirectResponse:
    """Redirect to an issue's draft, or to its page if it was sent."""
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = get_issue(session, row.id, number)
        if sent_as(session, number):
            return _go(f"/newsletters/{newsletter}/issues/{number}")
        draft = open_issue(session, row.id, issue.slug, author=visit.address)
    return _go(f"/newsletters/{newsletter}/drafts/{draft.id}")


@router.get("/newsletters/{newsletter}/issues/new")
def _ask_new(visit: EditorVisit) -> HTMLResponse:
    return _show_new(visit)


@router.post("/newsletters/{newsletter}/issues/new", response_model=None)
def _begin(
    newsletter: str,
    visit: EditorVisit,
    title: _Short = "",
    date: _Short = "",
) -> HTMLResponse | RedirectResponse:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            issue = Issue(title=_title(title), issue_date=_day(date), language=row.language)
            draft = create_draft(session, visit.actor, row.id, issue)
    except ContentError as error:
        return _show_new(visit, error, title=title, date=date)
    return _go(f"/newsletters/{newsletter}/drafts/{draft.id}")


@router.post(
    "/newsletters/{newsletter}/issues/import",
    response_model=None,
    dependencies=[up_to(WRITTEN_OCTETS)],
)
def _bring_in(
    newsletter: str,
    visit: EditorVisit,
    text: _Long = "",
    file: UploadFile | None = None,
) -> HTMLResponse | RedirectResponse:
    uploaded = file is not None and bool(file.filename)
    data = file.file.read(_LARGEST) if file and uploaded else _pasted(text)
    source = (file.filename or "")[:100] if file and uploaded else _pasted_name(visit)
    try:
        with reading(visit.engine) as session:
            language = newsletter_of(session, visit).language
        read = _read(data, source, language)
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            draft = import_draft(session, visit.actor, row.id, read)
    except ContentError as error:
        return _show_new(visit, error, text=text)
    return _go(f"/newsletters/{newsletter}/drafts/{draft.id}")


def _show_new(
    visit: Visit,
    error: ContentError | None = None,
    **typed: str,
) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        patterns, last = list_patterns(session, row.id), last_edition(session, row.id)
    values = {"title": "", "date": day_in(row).isoformat(), "text": ""} | typed
    return show_page(
        visit,
        "issues/new.html",
        status=422 if error else 200,
        newsletter=row,
        error=error,
        excerpt=_excerpt(values["text"], error),
        typed=values,
        patterns=patterns,
        last=last,
    )


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


def _title(text: str) -> str:
    if title := " ".join(text.split()):
        return title
    raise ContentError(
        msg("The issue has no subject."),
        place=Place(field="title"),
        remedy=msg("Enter a subject."),
    )


def _day(text: str) -> date:
    place = Place(field="date")
    return check_day(read_day(text, place), place)


def _read(data: bytes, source: str, language: Language) -> ReadIssue:
    if not data.strip():
        raise ContentError(
            msg("There is no text."), remedy=msg("Paste the text, or choose a file.")
        )
    return read_issue(data, source=source, language=language)


def _pasted(text: str) -> bytes:
    return text.replace("\r\n", "\n").encode()


def _pasted_name(visit: Visit) -> str:
    return msg("the pasted text").in_language(visit.language)


def _excerpt(text: str, error: ContentError | None) -> str:
    """Return the line of an error, which is shown with it."""
    if error is None or error.place is None or error.place.line is None:
        return ""
    lines = text.replace("\r\n", "\n").split("\n")
    index = error.place.line - 1
    return lines[index][:200] if 0 <= index < len(lines) else ""
