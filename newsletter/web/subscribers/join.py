"""Joining: the pages of forms, alone, in a frame, or sent by the script on another site."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import FormData

from newsletter.web.head_requests import asked_by_head
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.subscribers.join_pages import JoinPages, share

_Flag = Annotated[bool, Query()]
_Secret = Annotated[str, Query(max_length=64)]


def joining_router(joining: JoinPages, pages: Pages) -> Router:
    """Return the routes of joining; fixed words of a path come before the names of forms."""
    router = Router()

    @router.get("/subscribe/{slug}")
    def show_own(slug: str, request: Request, invitation: _Secret = "") -> HTMLResponse:
        count = not asked_by_head(request)
        shown = joining.find(slug, count=count, invitation=invitation)
        return joining.page(shown, joining.language(shown, request), framed=False)

    @router.post("/subscribe/{slug}")
    def take_own(slug: str, request: Request, form: SubmittedForm) -> Response:
        shown = joining.find(slug, invitation=_invitation(form))
        return joining.answer(shown, request, form, framed=False)

    @router.get("/subscribe/{slug}/challenge")
    def make_challenge(slug: str, request: Request, invitation: _Secret = "") -> Response:
        shown = joining.find(slug, invitation=invitation)
        answer = JSONResponse(joining.requests.work.challenge(shown.newsletter.id))
        return share(answer, shown, request)

    @router.get("/subscribe/{slug}/form")
    def show_markup(slug: str, request: Request) -> HTMLResponse:
        shown = joining.find(slug)
        language = joining.language(shown, request)
        return pages.show(
            "reader/form.html",
            language=language,
            newsletter=shown.newsletter,
            markup=joining.markup(shown, language),
        )

    @router.get("/subscribe/{slug}/{name}")
    def show(
        slug: str,
        name: str,
        request: Request,
        frame: _Flag = False,  # noqa: FBT002 - a query's field
        preview: _Flag = False,  # noqa: FBT002 - likewise
        invitation: _Secret = "",
    ) -> HTMLResponse:
        count = not preview and not asked_by_head(request)
        shown = joining.find(slug, name, count=count, invitation=invitation)
        return joining.page(shown, joining.language(shown, request), framed=frame)

    @router.post("/subscribe/{slug}/{name}")
    def take(
        slug: str,
        name: str,
        request: Request,
        form: SubmittedForm,
        frame: _Flag = False,  # noqa: FBT002 - as above
    ) -> Response:
        shown = joining.find(slug, name, invitation=_invitation(form))
        if "application/json" in request.headers.get("accept", ""):
            return joining.answer_script(shown, request, form)
        return joining.answer(shown, request, form, framed=frame)

    @router.get("/subscribe/{slug}/{name}/embed")
    def show_to_script(slug: str, name: str, request: Request) -> Response:
        joining.demand_site(joining.find(slug, name), request)
        shown = joining.find(slug, name, count=not asked_by_head(request))
        markup = joining.markup(shown, joining.language(shown, request), scripted=True)
        return share(JSONResponse({"markup": markup}), shown, request)

    return router


def _invitation(form: FormData) -> str:
    return str(form.get("invitation", ""))[:64]
