"""The page of one's own account: second factor, recovery codes, password, sessions."""

from __future__ import annotations

from typing import Annotated, Literal

import segno
from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.passwords import hash_password
from newsletter.accounts.sealing import Sealed
from newsletter.accounts.second_factor import (
    drop,
    enrol,
    enrolment_uri,
    matching_step,
    new_secret,
    renew_recovery_codes,
)
from newsletter.accounts.sessions import list_sessions
from newsletter.accounts.sign_in import prove_password, revoke_session, set_password
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.errors import AccountError, NewsletterError
from newsletter.mailings.notices.accounts import AccountChange, tell_owner
from newsletter.web.access import SignedInVisit, Visit, remember_browser
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_ISSUER = "Newsletter"
_Field = Annotated[str, Form(max_length=2000)]


def _show(
    visit: Visit,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the page with an error."""
    with reading(visit.engine) as session:
        sessions = list_sessions(session, visit.account_id)
    return show_page(
        visit,
        "accounts/own_account.html",
        status=status,
        sessions=sessions,
        error=error,
    )


def _enrol(
    visit: Visit,
    secret: str,
    *,
    error: NewsletterError | Literal["code"] | None = None,
) -> HTMLResponse:
    """Show a secret for an authenticator application, with an error."""
    uri = enrolment_uri(secret, address=visit.address, issuer=_ISSUER)
    return show_page(
        visit,
        "accounts/second_factor.html",
        status=400 if error else 200,
        secret=secret,
        sealed=visit.site.sealer.seal(secret, Sealed.OFFERED_FACTOR),
        picture=segno.make(uri).svg_data_uri(border=3, scale=4),
        error=error,
    )


router = Router(prefix="/account")


@router.get("")
def _show_account(visit: SignedInVisit) -> HTMLResponse:
    return _show(visit)


@router.post("/recovery-codes")
def _renew_codes(visit: SignedInVisit, password: _Field = "") -> Response:
    try:
        prove_password(visit.engine, visit.browser, visit.account_id, password)
    except NewsletterError as error:
        return _show(visit, status=400, error=error)
    with transaction(visit.engine) as session:
        codes = renew_recovery_codes(session, visit.actor, visit.account_id)
    return show_page(visit, "accounts/recovery_codes.html", codes=codes)


@router.post("/password")
def _change_password(
    visit: SignedInVisit, password: _Field = "", new_password: _Field = ""
) -> Response:
    try:
        prove_password(visit.engine, visit.browser, visit.account_id, password)
        hashed = hash_password(new_password, address=visit.address)
    except NewsletterError as error:
        return _show(visit, status=400, error=error)
    with transaction(visit.engine) as session:
        set_password(session, visit.actor, visit.account_id, hashed)
        tell_owner(session, visit.site.settings, visit.account_id, AccountChange.PASSWORD)
    return RedirectResponse("/sign-in", status_code=303)


@router.post("/sessions/{number}/end")
def _end_one(number: int, visit: SignedInVisit) -> Response:
    with transaction(visit.engine) as session:
        revoke_session(session, visit.actor, visit.account_id, number)
    return RedirectResponse("/account", status_code=303)


@router.get("/second-factor")
def _ask_second_factor(visit: SignedInVisit) -> Response:
    if visit.has_second_factor:
        return RedirectResponse("/account", status_code=303)
    return _enrol(visit, new_secret())


@router.post("/second-factor")
def _take_second_factor(
    visit: SignedInVisit,
    sealed: _Field = "",
    code: _Field = "",
    password: _Field = "",
) -> Response:
    try:
        secret = visit.site.sealer.open(sealed, Sealed.OFFERED_FACTOR)
    except AccountError:
        # The page is outdated or forged, so enrolment starts again.
        return _enrol(visit, new_secret(), error="code")
    step = matching_step(secret, code, now())
    if step is None:
        return _enrol(visit, secret, error="code")
    try:
        prove_password(visit.engine, visit.browser, visit.account_id, password)
    except NewsletterError as error:
        return _enrol(visit, secret, error=error)
    with transaction(visit.engine) as session:
        codes = enrol(
            session,
            visit.actor,
            visit.account_id,
            sealed=visit.site.sealer.seal(secret, Sealed.SECOND_FACTOR),
            step=step,
            besides=visit.session_id,
        )
        tell_owner(session, visit.site.settings, visit.account_id, AccountChange.SECOND_FACTOR_ON)
    answer = show_page(visit, "accounts/recovery_codes.html", codes=codes)
    remember_browser(visit.request, answer, visit.account_id)
    return answer


@router.post("/second-factor/off")
def _drop_second_factor(visit: SignedInVisit, password: _Field = "") -> Response:
    try:
        prove_password(visit.engine, visit.browser, visit.account_id, password)
    except NewsletterError as error:
        return _show(visit, status=400, error=error)
    with transaction(visit.engine) as session:
        drop(session, visit.actor, visit.account_id, besides=visit.session_id)
        tell_owner(session, visit.site.settings, visit.account_id, AccountChange.SECOND_FACTOR_OFF)
    answer = RedirectResponse("/account", status_code=303)
    remember_browser(visit.request, answer, visit.account_id)
    return answer
