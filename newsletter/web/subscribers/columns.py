"""Which columns a list of people shows, as whoever looks at it chooses."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import transaction
from newsletter.web.access import SubscribersVisit, own
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.subscribers.filters import asked_of, named_of
from subscribers.listing import choose_columns, reset_columns


def columns_router(engine: Engine) -> Router:
    """Return the route by which columns are chosen, and the usual ones taken again."""
    router = Router(prefix="/newsletters/{newsletter}/subscribers")

    @router.post("/columns")
    def choose(visit: SubscribersVisit, request: Request, form: SubmittedForm) -> Response:
        with transaction(engine) as session:
            number = own(visit)
            if form.get("verb") == "reset":
                reset_columns(session, visit.account_id, number)
            else:
                names = {str(name) for name in form.getlist("column")}
                choose_columns(session, visit.account_id, number, names)
        kept = named_of(asked_of(form) | {"sort": str(form.get("sort", ""))})
        base = request.url.path.removesuffix("/columns")
        return RedirectResponse(f"{base}?{urlencode(kept)}#people", status_code=303)

    return router
