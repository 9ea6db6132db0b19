"""Pages for joining: forms on their own page, in a frame or submitted by scripts; confirmation.

GET changes nothing, so that a scanner which follows the link in the mail confirms nobody.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine
from starlette.datastructures import FormData

from newsletter.database.engine import reading, transaction
from newsletter.mailings.planning.links import refer
from newsletter.mailings.series.figures import first_mail_follows
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from newsletter.web.head_requests import asked_by_head
from newsletter.web.pages import Pages, named_language
from newsletter.web.routing import Router, SubmittedForm, client_of
from newsletter.web.site import site_of
from newsletter.web.subscribers.join_pages import JoinPages, share
from subscribers.joining import (
    CONFIRMATION_MAIL,
    Invitation,
    LinkState,
    confirm_join,
    find_invitation,
)
from subscribers.readers import list_choices

_Flag = Annotated[bool, Query()]
_Secret = Annotated[str, Query(max_length=64)]


def joining_router(joining: JoinPages, pages: Pages) -> Router:
    """Return the routes for joining; fixed paths are registered before the names of forms."""
    router = Router()

    @router.get("/subscribe/{slug}")
    def show_own(slug: str, request: Request, invitation: _Secret = "") -> HTMLResponse:
        client = None if asked_by_head(request) else client_of(request)
        shown = joining.find(slug, counted_for=client, invitation=invitation)
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
        preview: _Flag = False,  # noqa: FBT002 - a query's field
        invitation: _Secret = "",
    ) -> HTMLResponse:
        client = None if preview or asked_by_head(request) else client_of(request)
        shown = joining.find(slug, name, counted_for=client, invitation=invitation)
        return joining.page(shown, joining.language(shown, request), framed=frame)

    @router.post("/subscribe/{slug}/{name}")
    def take(
        slug: str,
        name: str,
        request: Request,
        form: SubmittedForm,
        frame: _Flag = False,  # noqa: FBT002 - a query's field
    ) -> Response:
        shown = joining.find(slug, name, invitation=_invitation(form))
        if "application/json" in request.headers.get("accept", ""):
            return joining.answer_script(shown, request, form)
        return joining.answer(shown, request, form, framed=frame)

    @router.get("/subscribe/{slug}/{name}/embed")
    def show_to_script(slug: str, name: str, request: Request) -> Response:
        joining.require_site(joining.find(slug, name), request)
        client = None if asked_by_head(request) else client_of(request)
        shown = joining.find(slug, name, counted_for=client)
        markup = joining.markup(shown, joining.language(shown, request), scripted=True)
        return share(JSONResponse({"markup": markup}), shown, request)

    return router


def _invitation(form: FormData) -> str:
    return str(form.get("invitation", ""))[:64]


_PAGES = {
    LinkState.OPEN: "confirm.html",
    LinkState.CONFIRMED: "confirmed.html",
    LinkState.EXPIRED: "expired.html",
}


def confirming_router(
    settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> Router:
    """Return the routes for confirming."""
    router = Router()

    def _find(token: str) -> Invitation:
        with reading(engine) as session:
            return find_invitation(session, signer, token, days=settings.confirm_days)

    def _show(name: str, invitation: Invitation, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            ref = refer(session, invitation.newsletter.id, invitation.subscriber_id)
            greeted = first_mail_follows(
                session, invitation.newsletter.id, invitation.subscriber_id
            )
            offered = (
                choice.frequency.value
                for choice in list_choices(session, invitation.subscriber_id)
                if choice.newsletter_id == invitation.newsletter.id
                and choice.frequency in choice.offered
            )
            frequency = next(offered, "")
        return pages.show(
            f"reader/{name}",
            language=named_language(request) or invitation.language,
            invitation=invitation,
            newsletter=invitation.newsletter,
            greeted=greeted,
            frequency=frequency,
            preferences="/p/" + signer.sign_delivery(Purpose.PREFERENCES, ref),
        )

    @router.get("/c/{token}")
    def ask(token: str, request: Request) -> HTMLResponse:
        invitation = _find(token)
        return _show(_PAGES[invitation.standing], invitation, request)

    @router.post("/c/{token}")
    def confirm(token: str, request: Request) -> Response:
        with transaction(engine) as session:
            confirm_join(
                session,
                signer,
                token,
                days=settings.confirm_days,
                source=CONFIRMATION_MAIL,
                network=site_of(request).network_to_keep(request),
            )
        return RedirectResponse(_in_its_language(f"/c/{token}/welcome", request), status_code=303)

    @router.get("/c/{token}/welcome")
    def welcome(token: str, request: Request) -> Response:
        invitation = _find(token)
        if invitation.standing is not LinkState.CONFIRMED:
            return RedirectResponse(_in_its_language(f"/c/{token}", request), status_code=303)
        return _show("welcome.html", invitation, request)

    return router


def _in_its_language(path: str, request: Request) -> str:
    """Return the path of the next page with the language of the present URL."""
    named = named_language(request)
    return f"{path}?lang={named}" if named else path
