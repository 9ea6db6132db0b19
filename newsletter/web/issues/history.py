"""Pages of a draft's history: revisions, changes, restoring a revision, deleting the draft."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError
from newsletter.issues.difference import compare_issues
from newsletter.issues.drafts.saving import (
    DraftConflictError,
    drop_import_report,
    get_draft,
    get_revision,
    list_revisions,
)
from newsletter.newsletters.issue_actions import delete_draft, find_draft, restore_revision
from newsletter.web.access import EditorVisit, newsletter_of, own
from newsletter.web.issues.draft_pages import show_conflict, show_draft, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.submission import EditorForm
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_Revision = Annotated[int, Form(ge=0)]


router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")


@router.get("/history")
def _history(number: int, visit: EditorVisit, at: int | None = None) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        draft = find_draft(session, row.id, number)
        revisions = list_revisions(session, draft)
        chosen = get_revision(session, draft, at) if at is not None else None
    return show_page(
        visit,
        "issues/history.html",
        newsletter=row,
        draft=draft,
        revisions=revisions,
        chosen=chosen,
        groups=compare_issues(chosen.issue, draft.issue, visit.language) if chosen else (),
    )


@router.post("/restore", response_model=None)
def _restore(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    revision: _Revision,
    at: _Revision,
) -> Response:
    try:
        with transaction(visit.engine) as session:
            draft = began_with(get_draft(session, own(visit), number), revision)
            restore_revision(session, visit.actor, draft, at)
    except DraftConflictError as conflict:
        return show_conflict(visit, conflict)
    return to_draft(newsletter, number, in_blocks=False)


@router.post("/report")
def _drop_report(newsletter: str, number: int, visit: EditorVisit) -> RedirectResponse:
    with transaction(visit.engine) as session:
        drop_import_report(session, get_draft(session, own(visit), number))
    return to_draft(newsletter, number, in_blocks=False)


@router.post("/delete", response_model=None)
def _delete(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    revision: _Revision = 0,
) -> Response:
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    try:
        with transaction(visit.engine) as session:
            delete_draft(session, visit.actor, began_with(draft, revision))
    except ConflictError as error:
        written = EditorForm.of(draft, in_blocks=False)
        return show_draft(visit, draft, written, status=409, error=error)
    return RedirectResponse(f"/newsletters/{newsletter}/issues", status_code=303)
