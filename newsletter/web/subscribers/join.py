"""Pages for joining: forms on their own page, in a frame or submitted by scripts; confirmation.

GET changes nothing, so that a scanner which follows the link in the mail confirms nobody.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from newsletter.database.engine import reading, transaction
from newsletter.mailings.planning.links import refer
from newsletter.mailings.series.figures import first_mail_follows
from newsletter.tokens import Purpose
from newsletter.web.head_requests import asked_by_head
from newsletter.web.pages import named_language
from newsletter.web.routing import Router, SubmittedForm, client_of
from newsletter.web.site import site_of
from newsletter.web.subscribers.join_pages import share
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


#: Fixed paths come before the names of forms, which they match as well.
router = Router()


@router.get("/subscribe/{slug}")
def show_own(slug: str, request: Request, invitation: _Secret = "") -> HTMLResponse:
    """Show the form of a newsletter."""
    joining = site_of(request).joining
    client = None if asked_by_head(request) else client_of(request)
    shown = joining.find(slug, counted_for=client, invitation=invitation)
    return joining.page(shown, joining.language(shown, request), framed=False)


@router.post("/subscribe/{slug}")
def take_own(slug: str, request: Request, form: SubmittedForm) -> Response:
    """Take a submission of it."""
    joining = site_of(request).joining
    shown = joining.find(slug, invitation=_invitation(form))
    return joining.answer(shown, request, form, framed=False)


@router.get("/subscribe/{slug}/challenge")
def make_challenge(slug: str, request: Request, invitation: _Secret = "") -> Response:
    """Return the work that a browser has to prove."""
    joining = site_of(request).joining
    shown = joining.find(slug, invitation=invitation)
    answer = JSONResponse(joining.requests.work.challenge(shown.newsletter.id))
    return share(answer, shown, request)


@router.get("/subscribe/{slug}/form")
def show_markup(slug: str, request: Request) -> HTMLResponse:
    """Show the HTML of a form to paste into another website."""
    joining = site_of(request).joining
    shown = joining.find(slug)
    language = joining.language(shown, request)
    return site_of(request).pages.show(
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
    """Show a form, on its own page or in a frame."""
    joining = site_of(request).joining
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
    """Take a submission of a form, on its own page, in a frame or by a script."""
    joining = site_of(request).joining
    shown = joining.find(slug, name, invitation=_invitation(form))
    if "application/json" in request.headers.get("accept", ""):
        return joining.answer_script(shown, request, form)
    return joining.answer(shown, request, form, framed=frame)


@router.get("/subscribe/{slug}/{name}/embed")
def show_to_script(slug: str, name: str, request: Request) -> Response:
    """Return a form to the script of another website."""
    joining = site_of(request).joining
    joining.require_site(joining.find(slug, name), request)
    client = None if asked_by_head(request) else client_of(request)
    shown = joining.find(slug, name, counted_for=client)
    markup = joining.markup(shown, joining.language(shown, request), scripted=True)
    return share(JSONResponse({"markup": markup}), shown, request)


def _invitation(form: FormData) -> str:
    return str(form.get("invitation", ""))[:64]


_PAGES = {
    LinkState.OPEN: "confirm.html",
    LinkState.CONFIRMED: "confirmed.html",
    LinkState.EXPIRED: "expired.html",
}


@router.get("/c/{token}")
def ask_to_confirm(token: str, request: Request) -> HTMLResponse:
    """Show the button that confirms."""
    invitation = _find(token, request)
    return _show(_PAGES[invitation.standing], invitation, request)


@router.post("/c/{token}")
def confirm(token: str, request: Request) -> Response:
    """Confirm, and show what follows."""
    site = site_of(request)
    with transaction(site.reader_engine) as session:
        confirm_join(
            session,
            site.signer,
            token,
            days=site.settings.confirm_days,
            source=CONFIRMATION_MAIL,
            network=site.network_to_keep(request),
        )
    return RedirectResponse(_in_its_language(f"/c/{token}/welcome", request), status_code=303)


@router.get("/c/{token}/welcome")
def welcome(token: str, request: Request) -> Response:
    """Show what follows after confirming."""
    invitation = _find(token, request)
    if invitation.standing is not LinkState.CONFIRMED:
        return RedirectResponse(_in_its_language(f"/c/{token}", request), status_code=303)
    return _show("welcome.html", invitation, request)


def _find(token: str, request: Request) -> Invitation:
    site = site_of(request)
    with reading(site.reader_engine) as session:
        return find_invitation(session, site.signer, token, days=site.settings.confirm_days)


def _show(name: str, invitation: Invitation, request: Request) -> HTMLResponse:
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = refer(session, invitation.newsletter.id, invitation.subscriber_id)
        greeted = first_mail_follows(session, invitation.newsletter.id, invitation.subscriber_id)
        offered = (
            choice.frequency.value
            for choice in list_choices(session, invitation.subscriber_id)
            if choice.newsletter_id == invitation.newsletter.id
            and choice.frequency in choice.offered
        )
        frequency = next(offered, "")
    return site.pages.show(
        f"reader/{name}",
        language=named_language(request) or invitation.language,
        invitation=invitation,
        newsletter=invitation.newsletter,
        greeted=greeted,
        frequency=frequency,
        preferences="/p/" + site.signer.sign_delivery(Purpose.PREFERENCES, ref),
    )


def _in_its_language(path: str, request: Request) -> str:
    """Return the path of the next page with the language of the present URL."""
    named = named_language(request)
    return f"{path}?lang={named}" if named else path
