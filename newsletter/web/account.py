"""One's own account: second factor, recovery codes, password, browsers that are signed in."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine, delete, update

from newsletter.accounts.audit import record_event
from newsletter.accounts.passwords import hash_password
from newsletter.accounts.sealing import Sealer
from newsletter.accounts.second_factor import (
    enrolment_uri,
    matching_step,
    new_secret,
    renew_recovery_codes,
)
from newsletter.accounts.sessions import end_all_sessions, end_session, list_sessions
from newsletter.accounts.signing_in import prove_password
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow, RecoveryCodeRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, NewsletterError
from newsletter.web.access import SignedInVisit, Visit
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from newsletter.web.wording import tell

_ISSUER = "Newsletter"
_Field = Annotated[str, Form(max_length=2000)]


def account_router(engine: Engine, sealer: Sealer, pages: Pages) -> Router:  # noqa: C901 - a list of routes
    """Return the routes of one's own account."""
    router = Router(prefix="/account")

    def _show(
        visit: Visit, request: Request, *, status: int = 200, said: str = "", error: str = ""
    ) -> HTMLResponse:
        with reading(engine) as session:
            sessions = list_sessions(session, visit.account_id)
        return pages.show_to(
            visit, request, "account.html", status=status, sessions=sessions, said=said, error=error
        )

    def _enrol(visit: Visit, request: Request, secret: str, *, wrong: bool) -> HTMLResponse:
        uri = enrolment_uri(secret, address=visit.address, issuer=_ISSUER)
        return pages.show_to(
            visit,
            request,
            "second_factor.html",
            status=400 if wrong else 200,
            secret=secret,
            sealed=sealer.seal(secret),
            picture=segno.make(uri).svg_data_uri(border=3, scale=4),
            wrong=wrong,
        )

    @router.get("")
    def show_account(visit: SignedInVisit, request: Request) -> HTMLResponse:
        return _show(visit, request)

    @router.get("/second-factor")
    def ask_second_factor(visit: SignedInVisit, request: Request) -> Response:
        if visit.has_second_factor:
            return RedirectResponse("/account", status_code=303)
        return _enrol(visit, request, new_secret(), wrong=False)

    @router.post("/second-factor")
    def take_second_factor(
        visit: SignedInVisit, request: Request, sealed: _Field = "", code: _Field = ""
    ) -> Response:
        secret = sealer.open(sealed)
        step = matching_step(secret, code, now())
        if step is None:
            return _enrol(visit, request, secret, wrong=True)
        with transaction(engine) as session:
            taken = session.scalar(
                update(AccountRow)
                .where(AccountRow.id == visit.account_id, AccountRow.totp_secret.is_(None))
                .values(totp_secret=sealed, totp_step=step)
                .returning(AccountRow.id)
            )
            if taken is None:
                raise ConflictError("There is a second factor already.")
            codes = renew_recovery_codes(session, visit.account_id)
            end_all_sessions(session, visit.account_id, besides=visit.session_id)
            record_event(session, visit.actor, "account.second-factor-on")
        return pages.show_to(visit, request, "recovery_codes.html", codes=codes)

    @router.post("/second-factor/off")
    def drop_second_factor(
        visit: SignedInVisit, request: Request, password: _Field = ""
    ) -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
        except NewsletterError as error:
            return _show(visit, request, status=400, error=tell(error, visit.language))
        with transaction(engine) as session:
            session.get_one(AccountRow, visit.account_id).totp_secret = None
            session.execute(
                delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == visit.account_id)
            )
            record_event(session, visit.actor, "account.second-factor-off")
        return RedirectResponse("/account", status_code=303)

    @router.post("/recovery-codes")
    def renew_codes(visit: SignedInVisit, request: Request, password: _Field = "") -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
        except NewsletterError as error:
            return _show(visit, request, status=400, error=tell(error, visit.language))
        with transaction(engine) as session:
            codes = renew_recovery_codes(session, visit.account_id)
            record_event(session, visit.actor, "account.recovery-codes")
        return pages.show_to(visit, request, "recovery_codes.html", codes=codes)

    @router.post("/password")
    def change_password(
        visit: SignedInVisit, request: Request, password: _Field = "", new_password: _Field = ""
    ) -> Response:
        try:
            prove_password(engine, visit.browser, visit.account_id, password)
            hashed = hash_password(new_password, address=visit.address)
        except NewsletterError as error:
            return _show(visit, request, status=400, error=tell(error, visit.language))
        with transaction(engine) as session:
            session.get_one(AccountRow, visit.account_id).password_hash = hashed
            end_all_sessions(session, visit.account_id)
            record_event(session, visit.actor, "account.password")
        return RedirectResponse("/sign-in", status_code=303)

    @router.post("/sessions/{number}/end")
    def end_one(number: int, visit: SignedInVisit) -> Response:
        with transaction(engine) as session:
            end_session(session, visit.account_id, number)
            record_event(session, visit.actor, "session.revoke")
        return RedirectResponse("/account", status_code=303)

    return router
