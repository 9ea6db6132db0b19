"""Actions on mailings: pause, resume, cancel, another time, the choice of a subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.errors import ConflictError, ContentError
from newsletter.mailings.orders import actions as operations
from newsletter.web.access import (
    SeeingVisit,
    Visit,
    doing,
    own,
)
from newsletter.web.mailings.choice import HourForm, move_to_typed_hour
from newsletter.web.mailings.progress import MAILING, MailingPage
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=500)]
_ORDERS: Mapping[str, tuple[Action, Callable[..., object]]] = {
    "pause": (Action.MAILING_PAUSE, operations.pause),
    "resume": (Action.MAILING_RESUME, operations.resume),
    "cancel": (Action.MAILING_CANCEL, operations.cancel),
}


def control_router(page: MailingPage) -> Router:
    """Return the routes of actions on a mailing."""
    router = Router(prefix=MAILING)
    engine = page.engine

    @router.post("/decide")
    def decide(
        number: int,
        visit: Annotated[Visit, doing(Action.MAILING_DECIDE)],
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
        visit: Annotated[Visit, doing(Action.MAILING_RESCHEDULE)],
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

    for verb, (action, order) in _ORDERS.items():
        _add_order(router, verb, action, order, page)
    return router


def _add_order(
    router: Router, verb: str, action: Action, order: Callable[..., object], page: MailingPage
) -> None:
    @router.post(f"/{verb}", dependencies=[doing(action)])
    def give(
        number: int,
        visit: SeeingVisit,
        request: Request,
        reason: _Field = "",
        twice: _Field = "",
        back: _Field = "",
    ) -> Response:
        asked = {"even_twice": twice == "yes"} if verb == "resume" else {}
        try:
            order(page.engine, visit.actor, number, reason=reason, within=own(visit), **asked)
        except ConflictError as error:
            return page.show(visit, request, number, status=409, error=error)
        to_issue = None
        if verb == "cancel" or back == "issue":
            done = "done=unscheduled" if verb == "cancel" else ""
            to_issue = page.to_issue(visit, number, done, even_begun=back == "issue")
        there = request.url.path.removesuffix(f"/{verb}")
        return to_issue or RedirectResponse(there, status_code=303)
