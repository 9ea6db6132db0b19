"""Shown as: the choice of whose mail a preview shows, on every page that has one; finding people.

The choice is one parameter of the page's address, ``as``; a form by GET sets it without scripts.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.mailings.planning.shown_as import (
    LONGEST_KEY,
    ShownAs,
    person_key,
    variant_key,
)
from newsletter.web.access import SubscribersVisit, newsletter_of, own
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from subscribers.preview_readers import find_readers

#: The parameter's name.
PARAMETER = "as"
_READERS = 8
#: What an address says of the page itself, not of what is shown.
_PASSING = frozenset({PARAMETER, "done", "group", "moved", "undo", "sending"})

AsAsked = Annotated[str, Query(alias=PARAMETER, max_length=LONGEST_KEY)]
#: Whether a mail is asked for as it looks on a dark background.
DarkAsked = Annotated[str, Query(alias="dark", max_length=1)]
AsGiven = Annotated[str, Form(alias=PARAMETER, max_length=LONGEST_KEY)]


def asked_as(request: Request) -> str:
    """Return whom a page's address asks to be shown as."""
    key = request.query_params.get(PARAMETER, "")
    return key if len(key) <= LONGEST_KEY else ""


def with_shown_as(path: str, key: str) -> str:
    """Return an address with the choice in it."""
    if not key:
        return path
    before, _, asked = path.partition("?")
    return f"{before}?{asked}{'&' if asked else ''}{urlencode({PARAMETER: key})}"


def choice_of(request: Request, shown: ShownAs, path: str, *, sent: bool = False) -> dict[str, Any]:
    """Return the values of the choice on the page at a path.

    Args:
        request: For what else the page's address says.
        shown: What is chosen.
        path: The page's, which the form leads to.
        sent: Whether the mail went out: nobody got one that has all parts.
    """
    keep = [each for each in request.query_params.multi_items() if each[0] not in _PASSING]
    return {
        "shown_as": shown,
        "shown_path": path,
        "shown_keep": keep,
        "shown_back": f"{path}?{urlencode(keep)}" if keep else path,
        "shown_query": with_shown_as("", shown.key),
        "shown_variants": [(variant_key(each.met), each) for each in shown.variants],
        "shown_sent": sent,
    }


def readers_router(engine: Engine, pages: Pages) -> Router:
    """Return the route that finds subscribers for previews."""
    router = Router(prefix="/newsletters/{newsletter}")

    @router.post("/readers")
    def find(
        visit: SubscribersVisit,
        request: Request,
        find: Annotated[str, Form(max_length=200)] = "",
        back: Annotated[str, Form(max_length=4000)] = "",
    ) -> HTMLResponse:
        """Find subscribers whose address or name begins so; by POST, as addresses land in logs."""
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            words = find.strip()
            found = find_readers(session, own(visit), words, limit=_READERS) if words else ()
        home = f"/newsletters/{row.slug}/"
        # A link of this page leads within it, whatever a form that was made elsewhere says.
        target = back if back.startswith(home) and "\\" not in back else f"{home}issues"
        name = "_readers.html" if request.headers.get("HX-Request") else "readers.html"
        return pages.show_to(
            visit,
            request,
            f"issues/{name}",
            newsletter=row,
            find=words,
            back=target,
            readers=[
                (each, key, with_shown_as(target, key))
                for each in found
                for key in [person_key(each.subscriber_id)]
            ],
        )

    return router
