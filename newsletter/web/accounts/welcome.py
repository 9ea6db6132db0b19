"""Pages of one-time links, with which people set a password and are signed in."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from newsletter.accounts.audit import LINK_HOLDER
from newsletter.accounts.invitations import Invited, accept, read_invitation
from newsletter.accounts.second_factor import has_second_factor
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in import SignedIn
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import InvitationPurpose
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.mailings.notices.accounts import AccountChange, tell_owner
from newsletter.newsletters.publications import list_newsletters
from newsletter.web.access import OwnForm, browser_of
from newsletter.web.accounts.sign_in import EntryField, let_in
from newsletter.web.pages import show_entry
from newsletter.web.routing import Router
from newsletter.web.site import site_of

router = Router()


def _welcome(
    request: Request,
    invited: Invited,
    *,
    given_name: str,
    address: str = "",
    error: NewsletterError | None = None,
) -> HTMLResponse:
    site = site_of(request)
    with reading(site.engine) as session:
        newsletters = {row.id: row.name for row in list_newsletters(session)}
    return show_entry(
        request,
        "accounts/welcome.html",
        status=400 if error else 200,
        invited=invited,
        newsletters=newsletters,
        given_name=given_name,
        address=address,
        error=error,
    )


@router.get("/welcome/{token}")
def _ask_new_password(token: str, request: Request) -> HTMLResponse:
    site = site_of(request)
    try:
        with reading(site.engine) as session:
            invited = read_invitation(session, token, site.signer)
    except NotFoundError:
        return show_entry(request, "accounts/link_used.html", status=404)
    return _welcome(request, invited, given_name=invited.name)


@router.post("/welcome/{token}")
def _take_new_password(
    token: str,
    request: Request,
    _form: OwnForm,
    password: EntryField = "",
    name: EntryField = "",
    address: EntryField = "",
    time_zone: EntryField = "",
) -> Response:
    site = site_of(request)
    browser = browser_of(request)
    actor = replace(LINK_HOLDER, network=browser.network)
    try:
        with reading(site.engine) as session:
            invited = read_invitation(session, token, site.signer)
    except NotFoundError:
        return show_entry(request, "accounts/link_used.html", status=404)
    try:
        with transaction(site.engine) as session:
            number = accept(
                session,
                actor,
                token,
                password=password,
                name=name,
                address=address,
                language=site.pages.language_of(request),
                time_zone=time_zone,
                signer=site.signer,
            )
            if invited.purpose is InvitationPurpose.RESET:
                tell_owner(session, site.settings, number, AccountChange.PASSWORD)
            # A reset proves only access to the mailbox; a second factor is still required.
            complete = not has_second_factor(session, number)
            begun = SignedIn(
                token=open_session(session, number, browser, verified=complete),
                complete=complete,
                account_id=number,
            )
    except NotFoundError:
        return show_entry(request, "accounts/link_used.html", status=404)
    except NewsletterError as error:
        return _welcome(request, invited, given_name=name, address=address, error=error)
    return let_in(request, begun, "/home" if complete else "/sign-in/code")
