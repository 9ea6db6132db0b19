"""What a mailing under way is told: pause, resume, cancel, another hour, a subject."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from newsletter.errors import ConflictError, ContentError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.orders import actions as operations
from newsletter.web.access import MailingControlVisit, SenderVisit, own
from newsletter.web.mailings.hours import HourForm, move_to_typed_hour
from newsletter.web.mailings.progress import MAILING, MailingPage
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=500)]
_ACTIONS = {
    "pause": operations.pause,
    "resume": operations.resume,
    "cancel": operations.cancel,
}


def control_router(page: MailingPage) -> Router:
    """Return the routes by which a mailing is held, moved, ended and decided."""
    router = Router(prefix=MAILING)
    engine = page.engine

    @router.post("/decide")
    def decide(
        number: int,
        visit: SenderVisit,
        request: Request,
        place: Annotated[int, Form()] = -1,
        reason: _Field = "",
    ) -> Response:
        try:
            operations.decide_subject(
                engine, visit.actor, number, place, reason=reason, within=own(visit)
            )
        except ConflictError as error:
            return page.show(visit, request, number, status=409, error=error)
        return RedirectResponse(request.url.path.removesuffix("/decide"), status_code=303)

    @router.post("/reschedule")
    def move_hour(
        number: int,
        visit: SenderVisit,
        request: Request,
        typed: HourForm,
    ) -> Response:
        try:
            asked = move_to_typed_hour(engine, visit, number, typed)
        except (ConflictError, ContentError) as error:
            return page.show(visit, request, number, status=409, error=error, typed=typed)
        return page.to_issue(visit, number, asked) or RedirectResponse(
            f"{request.url.path.removesuffix('/reschedule')}?{asked}", status_code=303
        )

    @router.post("/{verb}")
    def move(
        number: int,
        verb: str,
        visit: MailingControlVisit,
        request: Request,
        reason: _Field = "",
        twice: _Field = "",
        back: _Field = "",
    ) -> Response:
        newsletter_id = own(visit)
        action = _ACTIONS.get(verb)
        if verb == "resume":
            action = partial(operations.resume, even_twice=twice == "yes")
        if action is None:
            raise NotFoundError(msg("There is no such action."))
        try:
            action(engine, visit.actor, number, reason=reason, within=newsletter_id)
        except ConflictError as error:
            return page.show(visit, request, number, status=409, error=error)
        to_issue = None
        if verb == "cancel" or back == "issue":
            asked = "done=unscheduled" if verb == "cancel" else ""
            to_issue = page.to_issue(visit, number, asked, even_begun=back == "issue")
        there = request.url.path.removesuffix(f"/{verb}")
        return to_issue or RedirectResponse(there, status_code=303)

    return router
