"""Pages of invitation links to a newsletter, which staff create, list and revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ListError
from newsletter.newsletters.publications import join_address
from newsletter.web.access import SubscribersVisit, Visit, newsletter_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.invitations import (
    MOST_DAYS,
    MOST_USES,
    is_open,
    list_invitations,
    make_invitation,
    revoke_invitation,
)

_Number = Annotated[int, Form()]
_Note = Annotated[str, Form(max_length=1000)]


router = Router(prefix="/newsletters/{newsletter}/subscribers/invitations")


def _show(
    visit: Visit,
    *,
    made: str = "",
    typed: tuple[int, int, str] = (1, 14, ""),
    error: ListError | None = None,
) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        invitations = list_invitations(session, row.id)
    page = show_page(
        visit,
        "subscribers/invitations.html",
        status=400 if error else 200,
        newsletter=row,
        invitations=[(each, is_open(each)) for each in invitations],
        link=f"{visit.site.settings.public_url}/subscribe/{row.slug}?invitation={made}"
        if made
        else "",
        subject=made,
        address=join_address(row) if visit.site.settings.join_by_mail else "",
        typed=typed,
        errors={error.field: error} if error else {},
        most={"uses": MOST_USES, "days": MOST_DAYS},
    )
    if made:
        # The secret is shown only once.
        page.headers["Cache-Control"] = "no-store"
    return page


@router.get("")
def _show_all(visit: SubscribersVisit) -> HTMLResponse:
    return _show(visit)


@router.post("")
def _make(
    visit: SubscribersVisit,
    uses: _Number = 1,
    days: _Number = 14,
    note: _Note = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            _, token = make_invitation(session, visit.actor, row, uses=uses, days=days, note=note)
    except ListError as error:
        return _show(visit, typed=(uses, days, note), error=error)
    return _show(visit, made=token)


@router.post("/{number}/revoke")
def _revoke(number: int, visit: SubscribersVisit) -> Response:
    with transaction(visit.engine) as session:
        row = newsletter_of(session, visit)
        revoke_invitation(session, visit.actor, row.id, number)
    path = visit.path.removesuffix(f"/{number}/revoke")
    return RedirectResponse(path, status_code=303)
