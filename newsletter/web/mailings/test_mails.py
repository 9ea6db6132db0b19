"""Test mails: to oneself, or to a saved group of addresses."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, NewsletterError
from newsletter.mailings.readiness import check_stored
from newsletter.mailings.test_mails import group_addresses, read_addresses, save_group, send_test
from newsletter.tokens import Pseudonyms
from newsletter.web.access import EditorVisit
from newsletter.web.mailings.send_page import PATH, SendingPage, back_to_page, find_issue_of
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=4000)]


def testing_router(page: SendingPage, pseudonyms: Pseudonyms) -> Router:
    """Return the routes of test mails and their groups."""
    router = Router(prefix="/newsletters/{newsletter}")
    engine = page.engine

    @router.post(PATH + "/test")
    def test_mail(
        issue_id: int, visit: EditorVisit, request: Request, group: _Field = ""
    ) -> Response:
        with reading(engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
        try:
            preflight = check_stored(issue, newsletter, page.settings, ask_dns=False)
            if preflight.rendered is None:
                raise ConflictError("The issue cannot be rendered; see what preflight found.")
            with transaction(engine) as session:
                wanted = _addresses(session, newsletter.id, group, own=visit.address)
                send_test(
                    session,
                    visit.actor,
                    newsletter,
                    issue,
                    preflight.rendered,
                    read_addresses(wanted),
                    pseudonyms,
                )
        except NewsletterError as error:
            return page.show(visit, request, issue_id, status=409, error=error)
        return back_to_page(request, "test", cut="/test")

    @router.post(PATH + "/groups")
    def keep_group(
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        name: _Field = "",
        addresses: _Field = "",
    ) -> Response:
        try:
            with transaction(engine) as session:
                newsletter, _ = find_issue_of(session, visit, issue_id)
                save_group(session, visit.actor, newsletter.id, name=name, addresses=addresses)
        except NewsletterError as error:
            return page.show(visit, request, issue_id, status=400, error=error)
        return back_to_page(request, "group", cut="/groups")

    return router


def _addresses(session: Session, newsletter_id: int, group: str, *, own: str) -> str:
    if not group:
        return own
    return group_addresses(session, newsletter_id, int(group) if group.isdecimal() else 0)
