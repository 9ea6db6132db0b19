"""The list of a newsletter's mailings, and of all newsletters' newest."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.reports import list_headlines, list_summaries
from newsletter.newsletters.publications import list_newsletters
from newsletter.web.access import SeeingVisit, SignedInVisit, newsletter_of
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_PAGE = 20
#: Of each newsletter, where several are listed.
_NEWEST = 3


def mailing_list_router(engine: Engine, figures: Figures, pages: Pages) -> Router:
    """Return the routes of the lists of mailings."""
    router = Router()

    @router.get("/mailings")
    def choose_newsletter(visit: SignedInVisit, request: Request) -> Response:
        with reading(engine) as session:
            rows = [
                row
                for row in list_newsletters(session)
                if visit.rights.may(Permission.SEE_MAILINGS, row.id)
            ]
            if len(rows) == 1:
                return RedirectResponse(f"/newsletters/{rows[0].slug}/mailings", status_code=303)
            newest = {row.id: list_headlines(session, row.id, limit=_NEWEST) for row in rows}
        return pages.show_to(
            visit, request, "mailings/choose.html", newsletters=rows, newest=newest
        )

    @router.get("/newsletters/{newsletter}/mailings")
    def show_list(
        visit: SeeingVisit, request: Request, before: Annotated[int | None, Query()] = None
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            mailings = list_summaries(session, row.id, figures, before=before, limit=_PAGE + 1)
        older = str(mailings[_PAGE - 1].mailing_id) if len(mailings) > _PAGE else ""
        return pages.show_to(
            visit,
            request,
            "mailings/list.html",
            newsletter=row,
            mailings=mailings[:_PAGE],
            older=f"?before={older}" if older else "",
        )

    return router
