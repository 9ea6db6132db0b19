"""A draft's links opened for real: the request for it, and what came of it, beside the text."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.issues.checks.findings import sorted_findings
from newsletter.issues.checks.opened_links import ask_to_open, find_check, findings_of
from newsletter.issues.drafts.saving import Draft, get_draft
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.issues.checked import Marked
from newsletter.web.pages import Pages
from newsletter.web.routing import Router


def links_of(session: Session, draft: Draft) -> dict[str, Any]:
    """Return the values of the panel's part about links."""
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


def links_router(engine: Engine, pages: Pages) -> Router:
    """Return the routes of opened links."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}/links")

    def _part(visit: Visit, request: Request, number: int) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            draft = get_draft(session, row.id, number)
            values = links_of(session, draft)
        return pages.show_to(
            visit, request, "issues/_links.html", newsletter=row, draft=draft, **values
        )

    @router.get("")
    def show(number: int, visit: EditorVisit, request: Request) -> HTMLResponse:
        return _part(visit, request, number)

    @router.post("", response_model=None)
    def ask(newsletter: str, number: int, visit: EditorVisit, request: Request) -> Response:
        with transaction(engine) as session:
            ask_to_open(session, get_draft(session, own(visit), number))
        if request.headers.get("hx-request"):
            return _part(visit, request, number)
        target = f"/newsletters/{newsletter}/drafts/{number}#panel-checks"
        return Response(status_code=303, headers={"Location": target})

    return router
