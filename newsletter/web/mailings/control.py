"""Actions on mailings: pause, resume, cancel, another time, the choice of a subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Form
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
from newsletter.web.mailings.progress import MAILING, show_mailing, to_issue
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=500)]
_ORDERS: Mapping[str, tuple[Action, Callable[..., object]]] = {
    "pause": (Action.MAILING_PAUSE, operations.pause),
    "resume": (Action.MAILING_RESUME, operations.resume),
    "cancel": (Action.MAILING_CANCEL, operations.cancel),
}


router = Router(prefix=MAILING)


@router.post("/decide")
def _decide(
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_DECIDE)],
    place: Annotated[int, Form()] = -1,
    reason: _Field = "",
) -> Response:
    try:
        operations.decide_subject(
            visit.engine, visit.actor, number, place, reason=reason, within=own(visit)
        )
    except ConflictError as error:
        return show_mailing(visit, number, status=409, error=error)
    return RedirectResponse(visit.path.removesuffix("/decide"), status_code=303)


@router.post("/reschedule")
def _move_hour(
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_RESCHEDULE)],
    typed: HourForm,
) -> Response:
    try:
        asked = move_to_typed_hour(visit.engine, visit, number, typed)
    except (ConflictError, ContentError) as error:
        return show_mailing(visit, number, status=409, error=error, typed=typed)
    return to_issue(visit, number, asked) or RedirectResponse(
        f"{visit.path.removesuffix('/reschedule')}?{asked}", status_code=303
    )


def _add_order(verb: str, action: Action, order: Callable[..., object]) -> None:
    @router.post(f"/{verb}", dependencies=[doing(action)])
    def give(
        number: int,
        visit: SeeingVisit,
        reason: _Field = "",
        twice: _Field = "",
        back: _Field = "",
    ) -> Response:
        asked = {"even_twice": twice == "yes"} if verb == "resume" else {}
        try:
            order(visit.engine, visit.actor, number, reason=reason, within=own(visit), **asked)
        except ConflictError as error:
            return show_mailing(visit, number, status=409, error=error)
        target = None
        if verb == "cancel" or back == "issue":
            done = "done=unscheduled" if verb == "cancel" else ""
            target = to_issue(visit, number, done, even_begun=back == "issue")
        there = visit.path.removesuffix(f"/{verb}")
        return target or RedirectResponse(there, status_code=303)


for _verb, (_action, _order) in _ORDERS.items():
    _add_order(_verb, _action, _order)
