"""Comments on an issue: written, answered, settled, from the approver's page or beside the text."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import transaction
from newsletter.errors import ListError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import stored_draft_of
from newsletter.issues.store import StoredIssue
from newsletter.mailings.approvals.comments import settle_thread, write_comment
from newsletter.web.access import (
    CommenterVisit,
    Visit,
    doing,
)
from newsletter.web.mailings.send_page import SendingPage, address_of, find_issue_of
from newsletter.web.routing import Router

_Short = Annotated[str, Form(max_length=100)]
_Words = Annotated[str, Form(max_length=20_000)]
_SETTLING = {"resolve": True, "reopen": False}


def commenting_router(page: SendingPage) -> Router:
    """Return the routes of comments."""
    router = Router(prefix="/newsletters/{newsletter}/issues/{issue_id}/comments")

    @router.post("", response_model=None)
    def write(
        issue_id: int,
        visit: Annotated[Visit, doing(Action.ISSUE_COMMENT)],
        words: _Words = "",
        anchor: _Short = "",
        thread: Annotated[int | None, Form()] = None,
        back: _Short = "",
    ) -> Response:
        with transaction(page.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            try:
                number = write_comment(
                    session, visit.actor, issue, words, anchor=anchor, thread_id=thread
                )
            except ListError:
                # An empty one: the page's own form does not send it.
                number = thread or 0
            text = _text_of(session, visit, issue) if back == "draft" else ""
            place = f"#comment-{thread or number}" if number else ""
            target = text or f"{address_of(newsletter, issue)}/review{place}"
        return _back(target)

    @router.post("/{number}/{verb}", response_model=None)
    def settle(
        issue_id: int,
        number: int,
        verb: str,
        visit: CommenterVisit,
        back: _Short = "",
    ) -> Response:
        if verb not in _SETTLING:
            raise NotFoundError(msg("There is no such action."))
        with transaction(page.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            settle_thread(session, visit.actor, issue, number, resolved=_SETTLING[verb])
            text = _text_of(session, visit, issue) if back == "draft" else ""
            target = text or f"{address_of(newsletter, issue)}/review#comment-{number}"
        return _back(target)

    return router


def _text_of(session: Session, visit: Visit, issue: StoredIssue) -> str:
    """Return the path of an issue's text; empty where there is none, or not for this person."""
    draft = stored_draft_of(session, issue.id)
    if draft is None or not visit.may(Permission.WRITE):
        return ""
    return f"{visit.path.split('/issues/')[0]}/drafts/{draft.id}"


def _back(target: str) -> RedirectResponse:
    tail = "#panel-approval" if "/drafts/" in target else ""
    return RedirectResponse(target + tail, status_code=303)
