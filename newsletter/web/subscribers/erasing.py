"""A person erased by the staff, at that person's request: asked once more, then done."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.tokens import Pseudonyms
from newsletter.web.access import (
    OverallAdministratorVisit,
    Visit,
    newsletter_of,
    own,
)
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from subscribers.actions import erase_person, find_standing


def erasing_router(engine: Engine, pages: Pages, pseudonyms: Pseudonyms) -> Router:
    """Return the routes by which a person is erased, for who administers all newsletters.

    An erasure holds for all of them, also those that others administer.
    """
    router = Router(prefix="/newsletters/{newsletter}/subscribers/{number}/erase")

    @router.get("")
    def ask(number: int, visit: OverallAdministratorVisit, request: Request) -> HTMLResponse:
        return _ask(visit, request, number)

    @router.post("")
    def erase(
        number: int, visit: OverallAdministratorVisit, request: Request, form: SubmittedForm
    ) -> Response:
        if form.get("sure") != "yes":
            return _ask(visit, request, number, unsure=True)
        with transaction(engine) as session:
            find_standing(session, own(visit), number)
            erase_person(session, visit.actor, number, pseudonyms, way=UnsubscribeWay.OPERATOR)
        page = "/".join(request.url.path.split("/")[:4])
        return RedirectResponse(f"{page}?erased=1", status_code=303)

    def _ask(visit: Visit, request: Request, number: int, *, unsure: bool = False) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            standing = find_standing(session, row.id, number)
        return pages.show_to(
            visit,
            request,
            "subscribers/erase.html",
            status=400 if unsure else 200,
            newsletter=row,
            person=standing.person,
            unsure=unsure,
        )

    return router
