"""Approval: asked for by one person, given by another, demanded by the newsletter's rule."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from newsletter.accounts.audit import record_event
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.delivery.approving import approve, content_digest, request_approval
from newsletter.delivery.clearance import check_stored
from newsletter.errors import ConflictError
from newsletter.web.access import AdministratorVisit, EditorVisit, SignedInVisit
from newsletter.web.routing import Router
from newsletter.web.sending.page import PATH, SendingPage, address_of, back_to_page, find_issue_of

_Field = Annotated[str, Form(max_length=4000)]


def approval_router(page: SendingPage) -> Router:
    """Return the routes of approval."""
    router = Router(prefix="/newsletters/{newsletter}")
    engine = page.engine

    @router.post(PATH + "/approval")
    def ask_approval(
        issue_id: int, visit: EditorVisit, request: Request, digest: _Field = ""
    ) -> Response:
        with transaction(engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            rendered = check_stored(issue, newsletter, page.settings, ask_dns=False).rendered
            if rendered is not None and content_digest(newsletter, rendered) == digest:
                request_approval(session, visit.actor, issue, digest)
        return back_to_page(request, "asked", cut="/approval")

    @router.post(PATH + "/approve")
    def give_approval(
        issue_id: int, visit: SignedInVisit, request: Request, digest: _Field = ""
    ) -> Response:
        if visit.newsletter_id is not None:
            visit.demand(Role.APPROVER, visit.newsletter_id)
        try:
            with transaction(engine) as session:
                _, issue = find_issue_of(session, visit, issue_id)
                approve(session, visit.actor, issue, digest)
        except ConflictError as error:
            return page.show(visit, request, issue_id, status=409, error=error)
        return back_to_page(request, "approved", cut="/approve")

    @router.post("/approval-rule")
    def set_rule(
        visit: AdministratorVisit, issue_id: Annotated[int, Form()], required: _Field = ""
    ) -> Response:
        with transaction(engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            newsletter.approval_required = bool(required)
            record_event(
                session,
                visit.actor,
                "newsletter.approval-rule",
                object=newsletter.slug,
                newsletter_id=newsletter.id,
                details={"required": bool(required)},
            )
            target = f"{address_of(newsletter, issue)}?said=rule"
        return RedirectResponse(target, status_code=303)

    return router
