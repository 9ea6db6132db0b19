"""The page of one's own account: second factor, recovery codes, password, sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import segno
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.accounts.passwords import hash_password
from newsletter.accounts.sealing import Sealed, Sealer
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
from newsletter.settings import Settings
from newsletter.web.access import SignedInVisit, Visit, remember_browser
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, add_routes

_ISSUER = "Newsletter"
_Field = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _AccountPage:
    """The page of one's own account, which all its routes show."""

    engine: Engine
    sealer: Sealer
    pages: Pages

    def show(
        self,
        visit: Visit,
        request: Request,
        *,
        status: int = 200,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show the page with an error."""
        with reading(self.engine) as session:
            sessions = list_sessions(session, visit.account_id)
        return self.pages.show_to(
            visit,
            request,
            "accounts/own_account.html",
            status=status,
            sessions=sessions,
            error=error,
        )

    def enrol(
        self,
        visit: Visit,
        request: Request,
        secret: str,
        *,
        error: NewsletterError | Literal["code"] | None = None,
    ) -> HTMLResponse:
        """Show a secret for an authenticator application, with an error."""
        uri = enrolment_uri(secret, address=visit.address, issuer=_ISSUER)
        return self.pages.show_to(
            visit,
            request,
            "accounts/second_factor.html",
            status=400 if error else 200,
            secret=secret,
            sealed=self.sealer.seal(secret, Sealed.OFFERED_FACTOR),
            picture=segno.make(uri).svg_data_uri(border=3, scale=4),
            error=error,
        )


def account_router(settings: Settings, engine: Engine, sealer: Sealer, pages: Pages) -> Router:
    """Return the routes of one's own account."""
    router = Router()
    page = _AccountPage(engine=engine, sealer=sealer, pages=pages)
    add_routes(router, _password_router(page, settings), _second_factor_router(page, settings))
    return router


def _password_router(page: _AccountPage, settings: Settings) -> Router:
    """Return the routes of the page, the password, the recovery codes and the sessions."""
    router = Router(prefix="/account")
    engine = page.engine

    @router.get("")
    def show_account(visit: SignedInVisit, request: Request) -> HTMLResponse:
        return page.show(visit, request)

    @router.post("/recovery-codes")
    def renew_codes(visit: SignedInVisit, request: Request, password: _Field = "") -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
        except NewsletterError as error:
            return page.show(visit, request, status=400, error=error)
        with transaction(engine) as session:
            codes = renew_recovery_codes(session, visit.actor, visit.account_id)
        return page.pages.show_to(visit, request, "accounts/recovery_codes.html", codes=codes)

    @router.post("/password")
    def change_password(
        visit: SignedInVisit, request: Request, password: _Field = "", new_password: _Field = ""
    ) -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
            hashed = hash_password(new_password, address=visit.address)
        except NewsletterError as error:
            return page.show(visit, request, status=400, error=error)
        with transaction(engine) as session:
            set_password(session, visit.actor, visit.account_id, hashed)
            tell_owner(session, settings, visit.account_id, AccountChange.PASSWORD)
        return RedirectResponse("/sign-in", status_code=303)

    @router.post("/sessions/{number}/end")
    def end_one(number: int, visit: SignedInVisit) -> Response:
        with transaction(engine) as session:
            revoke_session(session, visit.actor, visit.account_id, number)
        return RedirectResponse("/account", status_code=303)

    return router


def _second_factor_router(page: _AccountPage, settings: Settings) -> Router:
    router = Router(prefix="/account")
    engine = page.engine

    @router.get("/second-factor")
    def ask_second_factor(visit: SignedInVisit, request: Request) -> Response:
        if visit.has_second_factor:
            return RedirectResponse("/account", status_code=303)
        return page.enrol(visit, request, new_secret())

    @router.post("/second-factor")
    def take_second_factor(
        visit: SignedInVisit,
        request: Request,
        sealed: _Field = "",
        code: _Field = "",
        password: _Field = "",
    ) -> Response:
        try:
            secret = page.sealer.open(sealed, Sealed.OFFERED_FACTOR)
        except AccountError:
            # The page is outdated or forged, so enrolment starts again.
            return page.enrol(visit, request, new_secret(), error="code")
        step = matching_step(secret, code, now())
        if step is None:
            return page.enrol(visit, request, secret, error="code")
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
        except NewsletterError as error:
            return page.enrol(visit, request, secret, error=error)
        with transaction(engine) as session:
            codes = enrol(
                session,
                visit.actor,
                visit.account_id,
                sealed=page.sealer.seal(secret, Sealed.SECOND_FACTOR),
                step=step,
                besides=visit.session_id,
            )
            tell_owner(session, settings, visit.account_id, AccountChange.SECOND_FACTOR_ON)
        answer = page.pages.show_to(visit, request, "accounts/recovery_codes.html", codes=codes)
        remember_browser(request, answer, visit.account_id)
        return answer

    @router.post("/second-factor/off")
    def drop_second_factor(
        visit: SignedInVisit, request: Request, password: _Field = ""
    ) -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
        except NewsletterError as error:
            return page.show(visit, request, status=400, error=error)
        with transaction(engine) as session:
            drop(session, visit.actor, visit.account_id, besides=visit.session_id)
            tell_owner(session, settings, visit.account_id, AccountChange.SECOND_FACTOR_OFF)
        answer = RedirectResponse("/account", status_code=303)
        remember_browser(request, answer, visit.account_id)
        return answer

    return router
