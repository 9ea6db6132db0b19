"""Confirming: a page with one button behind the link of the confirmation mail.

GET changes nothing, so a scanner that follows the link confirms nobody.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.mailings.planning.links import refer
from newsletter.mailings.series.figures import first_mail_follows
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from newsletter.web.pages import Pages, named_language
from newsletter.web.routing import Router, client_of
from subscribers.join_limits import kept_network
from subscribers.joining import (
    CONFIRMATION_MAIL,
    Invitation,
    LinkState,
    confirm_join,
    find_invitation,
)
from subscribers.readers import list_choices

_PAGES = {
    LinkState.OPEN: "confirm.html",
    LinkState.CONFIRMED: "confirmed.html",
    LinkState.EXPIRED: "expired.html",
}


def confirming_router(
    settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> Router:
    """Return the routes of confirming."""
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
                network=kept_network(client_of(request), settings.consent_network),
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
    """Return the address of a page that goes on in the language that this one's address names."""
    named = named_language(request)
    return f"{path}?lang={named}" if named else path
