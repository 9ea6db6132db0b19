"""Changes of address: requested in the preferences, confirmed at the new one, undone at the old.

GET changes nothing, so that a scanner which follows a link does not change any address.
"""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse

from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.errors import ConflictError, ListError, NewsletterError
from newsletter.i18n.language import Language, language_for
from newsletter.mailings.notices.address_changes import AddressChanges
from newsletter.mailings.planning.links import read_link
from newsletter.newsletters.publications import Newsletter, get_newsletter
from newsletter.tokens import DeliveryRef, Purpose
from newsletter.web.pages import named_language
from newsletter.web.routing import Router, SubmittedForm, client_of
from newsletter.web.site import site_of
from subscribers.address_changes import AddressChange
from subscribers.readers import find_reader, known_of

_ADDRESS_LENGTH = 320


router = Router()


@router.get("/p/{token}/address")
def ask(token: str, request: Request) -> HTMLResponse:
    """Ask for the new address."""
    return _form(token, request)


@router.post("/p/{token}/address")
def request_change(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
    """Send the link of confirmation to the new address."""
    wanted = str(form.get("email", ""))[:_ADDRESS_LENGTH]
    ref, newsletter, language = _find(token, request)
    try:
        address = parse_address(wanted)
        taken = _changes(request).request(
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


@router.get("/address/{token}")
def show_change(token: str, request: Request) -> HTMLResponse:
    """Show the change that the link confirms."""
    with reading(site_of(request).reader_engine) as session:
        change = _changes(request).find(session, token)
    return _show("reader/address_change.html", change, request)


@router.post("/address/{token}")
def confirm(token: str, request: Request) -> HTMLResponse:
    """Confirm the change."""
    _changes(request).confirm(token, network=site_of(request).network_to_keep(request))
    return show_change(token, request)


@router.get("/address/undo/{token}")
def show_undo(token: str, request: Request) -> HTMLResponse:
    """Show the change that the link takes back."""
    with reading(site_of(request).reader_engine) as session:
        change = _changes(request).find_undo(session, token)
    return _show("reader/address_undo.html", change, request)


@router.post("/address/undo/{token}")
def undo(token: str, request: Request) -> HTMLResponse:
    """Take the change back."""
    _changes(request).undo(token, network=site_of(request).network_to_keep(request))
    return show_undo(token, request)


def _changes(request: Request) -> AddressChanges:
    site = site_of(request)
    return AddressChanges.of(site.settings, site.reader_engine, site.signer)


def _find(token: str, request: Request) -> tuple[DeliveryRef, Newsletter, Language]:
    """Return the reader and newsletter of a link, and the language of the reader's mail."""
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = read_link(session, site.signer, Purpose.PREFERENCES, token)
        newsletter = get_newsletter(session, ref.newsletter_id)
        known = known_of(session, ref.newsletter_id, ref.subscriber_id)
    return ref, newsletter, language_for(known.language, newsletter.language)


def _form(
    token: str,
    request: Request,
    *,
    wanted: str = "",
    fault: NewsletterError | Literal["many"] | None = None,
    sent: bool = False,
    status: int = 200,
) -> HTMLResponse:
    site = site_of(request)
    ref, newsletter, language = _find(token, request)
    with reading(site.reader_engine) as session:
        reader = find_reader(session, ref.subscriber_id)
    return site.pages.show(
        "reader/address.html",
        language=named_language(request) or language,
        status=status,
        reader=reader,
        newsletter=newsletter,
        here=f"/p/{token}",
        wanted=wanted,
        fault=fault,
        sent=sent,
        days=site.settings.confirm_days,
    )


def _show(template: str, change: AddressChange, request: Request) -> HTMLResponse:
    return site_of(request).pages.show(
        template,
        language=named_language(request) or change.language,
        change=change,
        newsletter=change.newsletter,
    )
