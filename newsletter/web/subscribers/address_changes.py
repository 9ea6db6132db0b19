"""Changes of address: requested in the preferences, confirmed at the new one, undone at the old.

GET changes nothing, so that a scanner which follows a link does not change any address.
"""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.errors import ConflictError, ListError, NewsletterError
from newsletter.i18n.language import Language, language_for
from newsletter.mailings.notices.address_changes import AddressChanges
from newsletter.mailings.planning.links import read_link
from newsletter.newsletters.publications import get_newsletter
from newsletter.settings import Settings
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from newsletter.web.pages import Pages, named_language
from newsletter.web.routing import Router, SubmittedForm, add_routes, client_of
from subscribers.address_changes import AddressChange
from subscribers.join_limits import kept_network
from subscribers.readers import find_reader, known_of

_ADDRESS_LENGTH = 320


def address_router(settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages) -> Router:
    """Return the routes for changing an address."""
    router = Router()
    changes = AddressChanges.of(settings, engine, signer)

    def _reader(session: Session, token: str) -> DeliveryRef:
        return read_link(session, signer, Purpose.PREFERENCES, token)

    def _form(
        token: str,
        request: Request,
        *,
        wanted: str = "",
        fault: NewsletterError | Literal["many"] | None = None,
        sent: bool = False,
        status: int = 200,
    ) -> HTMLResponse:
        with reading(engine) as session:
            ref = _reader(session, token)
            reader = find_reader(session, ref.subscriber_id)
            newsletter = get_newsletter(session, ref.newsletter_id)
            known = known_of(session, ref.newsletter_id, ref.subscriber_id)
        return pages.show(
            "reader/address.html",
            language=named_language(request) or language_for(known.language, newsletter.language),
            status=status,
            reader=reader,
            newsletter=newsletter,
            here=f"/p/{token}",
            wanted=wanted,
            fault=fault,
            sent=sent,
            days=settings.confirm_days,
        )

    def _language(token: str) -> Language:
        with reading(engine) as session:
            ref = _reader(session, token)
            known = known_of(session, ref.newsletter_id, ref.subscriber_id)
            return language_for(known.language, get_newsletter(session, ref.newsletter_id).language)

    @router.get("/p/{token}/address")
    def ask(token: str, request: Request) -> HTMLResponse:
        return _form(token, request)

    @router.post("/p/{token}/address")
    def request_change(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
        wanted = str(form.get("email", ""))[:_ADDRESS_LENGTH]
        language = _language(token)
        with reading(engine) as session:
            ref = _reader(session, token)
            newsletter = get_newsletter(session, ref.newsletter_id)
        try:
            address = parse_address(wanted)
            taken = changes.request(
                newsletter,
                ref.subscriber_id,
                address,
                language=language,
                client=client_of(request),
                is_certain=form.get("questioned") == wanted,
            )
        except (ListError, ConflictError) as error:
            return _form(token, request, wanted=wanted, fault=error, status=422)
        if not taken:
            answer = _form(token, request, wanted=wanted, fault="many", status=429)
            answer.headers["Retry-After"] = "3600"
            return answer
        return _form(token, request, wanted=address.address, sent=True)

    add_routes(router, _links_router(settings, engine, changes, pages))
    return router


def _links_router(
    settings: Settings, engine: Engine, changes: AddressChanges, pages: Pages
) -> Router:
    """Return the routes of the links in the mails to both addresses."""
    router = Router()

    def _change(template: str, change: AddressChange, request: Request) -> HTMLResponse:
        return pages.show(
            template,
            language=named_language(request) or change.language,
            change=change,
            newsletter=change.newsletter,
        )

    @router.get("/address/{token}")
    def show_change(token: str, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            return _change("reader/address_change.html", changes.find(session, token), request)

    @router.post("/address/{token}")
    def confirm(token: str, request: Request) -> HTMLResponse:
        changes.confirm(token, network=_network(request))
        return show_change(token, request)

    @router.get("/address/undo/{token}")
    def show_undo(token: str, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            return _change("reader/address_undo.html", changes.find_undo(session, token), request)

    @router.post("/address/undo/{token}")
    def undo(token: str, request: Request) -> HTMLResponse:
        changes.undo(token, network=_network(request))
        return show_undo(token, request)

    def _network(request: Request) -> str:
        return kept_network(client_of(request), settings.consent_network)

    return router
