"""Sign-in pages: password and second factor; and signing out."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Engine

from newsletter.accounts.sealing import Sealer
from newsletter.accounts.sign_in import sign_in, verify_code
from newsletter.accounts.sign_in import sign_out as end
from newsletter.database.engine import transaction
from newsletter.errors import SignInError
from newsletter.web.access import OwnForm, SignedInVisit, access_of, browser_of
from newsletter.web.accounts.entry import EntryField, lead_to, let_in, local_path
from newsletter.web.pages import Pages
from newsletter.web.routing import Router


def signing_in_router(engine: Engine, sealer: Sealer, pages: Pages) -> Router:
    """Return the routes of signing in and out."""
    router = Router()

    def _ask(request: Request, path: str, address: str = "", error: str = "") -> HTMLResponse:
        status = 400 if error else 200
        return pages.show_entry(
            request, "accounts/sign_in.html", status=status, next=path, address=address, error=error
        )

    @router.get("/sign-in")
    def ask_password(request: Request, next: str = "/home") -> HTMLResponse:  # noqa: A002
        return _ask(request, local_path(next))

    @router.post("/sign-in")
    def take_password(
        request: Request,
        _form: OwnForm,
        address: EntryField = "",
        password: EntryField = "",
        next: EntryField = "/home",  # noqa: A002 - the field's usual name
    ) -> Response:
        path = local_path(next)
        try:
            begun = sign_in(engine, browser_of(request), address=address, password=password)
        except SignInError as error:
            return _ask(request, path, address, "often" if error.remedy else "wrong")
        return let_in(
            request, begun, path if begun.complete else f"/sign-in/code?next={quote(path)}"
        )

    def _ask_for_code(request: Request, path: str, error: str = "") -> HTMLResponse:
        status = 400 if error else 200
        return pages.show_entry(
            request, "accounts/sign_in_code.html", status=status, next=path, error=error
        )

    @router.get("/sign-in/code")
    def ask_code(request: Request, next: str = "/home") -> HTMLResponse:  # noqa: A002
        return _ask_for_code(request, local_path(next))

    @router.post("/sign-in/code")
    def take_code(
        request: Request,
        _form: OwnForm,
        code: EntryField = "",
        next: EntryField = "/home",  # noqa: A002 - the field's usual name
    ) -> Response:
        path, token = local_path(next), access_of(request).session_token(request)
        try:
            begun = verify_code(engine, sealer, browser_of(request), token=token, code=code)
        except SignInError as error:
            return _ask_for_code(request, path, error.in_language(pages.language_of(request)))
        return let_in(request, begun, path)

    @router.post("/sign-out")
    def sign_out(request: Request, visit: SignedInVisit) -> Response:
        with transaction(engine) as session:
            end(session, visit.actor, visit.account_id, visit.session_id)
        access, answer = access_of(request), lead_to("/sign-in")
        # A browser takes a name with the prefix of its host only with "Secure", also to forget it.
        answer.delete_cookie(
            access.session_cookie, httponly=True, secure=access.secure, samesite="lax"
        )
        # Texts that were not saved are kept on the device, for whoever is signed in alone.
        answer.headers["Clear-Site-Data"] = '"storage"'
        return answer

    return router
