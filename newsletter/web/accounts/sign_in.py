"""Sign-in pages: password, second factor, one-time links, language and appearance."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.accounts.audit import Actor
from newsletter.accounts.invitations import Invited, accept, read_invitation
from newsletter.accounts.sealing import Sealer
from newsletter.accounts.second_factor import has_second_factor
from newsletter.accounts.sessions import LIFETIME, choose_language, open_session
from newsletter.accounts.sign_in import SignedIn, sign_in, verify_code
from newsletter.accounts.sign_in import sign_out as end
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import InvitationPurpose
from newsletter.errors import NewsletterError, NotFoundError, SignInError
from newsletter.i18n.language import Language
from newsletter.mailings.notices.accounts import AccountChange, tell_owner
from newsletter.newsletters.publications import list_newsletters
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.access import (
    OwnForm,
    SignedInVisit,
    access_of,
    browser_of,
    remember_browser,
)
from newsletter.web.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Pages
from newsletter.web.routing import Router

_YEAR_SECONDS = 365 * 86_400
_Field = Annotated[str, Form(max_length=2000)]


def local_path(path: str, fallback: str = "/home") -> str:
    """Return a path on this site, never another's: no open redirect."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else fallback


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303)


def signing_in_router(  # noqa: C901, PLR0915 - a list of routes
    settings: Settings, engine: Engine, sealer: Sealer, signer: TokenSigner, pages: Pages
) -> Router:
    """Return the routes of signing in and out."""
    router = Router()

    def _let_in(request: Request, begun: SignedIn, path: str) -> Response:
        """Give the session's cookie; who is wholly signed in is known the next time."""
        access = access_of(request)
        answer = _go(path)
        answer.set_cookie(
            access.session_cookie,
            begun.token,
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            secure=access.secure,
            samesite="lax",
        )
        if begun.complete:
            remember_browser(request, answer, begun.account_id)
        return answer

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
        address: _Field = "",
        password: _Field = "",
        next: _Field = "/home",  # noqa: A002 - the field's usual name
    ) -> Response:
        path = local_path(next)
        try:
            begun = sign_in(engine, browser_of(request), address=address, password=password)
        except SignInError as error:
            return _ask(request, path, address, "often" if error.remedy else "wrong")
        return _let_in(
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
        code: _Field = "",
        next: _Field = "/home",  # noqa: A002 - the field's usual name
    ) -> Response:
        path, token = local_path(next), access_of(request).session_token(request)
        try:
            begun = verify_code(engine, sealer, browser_of(request), token=token, code=code)
        except SignInError as error:
            return _ask_for_code(request, path, error.in_language(pages.language_of(request)))
        return _let_in(request, begun, path)

    @router.post("/sign-out")
    def sign_out(request: Request, visit: SignedInVisit) -> Response:
        with transaction(engine) as session:
            end(session, visit.actor, visit.account_id, visit.session_id)
        access, answer = access_of(request), _go("/sign-in")
        # A browser takes a name with the prefix of its host only with "Secure", also to forget it.
        answer.delete_cookie(
            access.session_cookie, httponly=True, secure=access.secure, samesite="lax"
        )
        # Texts that were not saved are kept on the device, for whoever is signed in alone.
        answer.headers["Clear-Site-Data"] = '"storage"'
        return answer

    def _welcome(
        request: Request,
        invited: Invited,
        *,
        given_name: str,
        address: str = "",
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        with reading(engine) as session:
            newsletters = {row.id: row.name for row in list_newsletters(session)}
        return pages.show_entry(
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
    def ask_new_password(token: str, request: Request) -> HTMLResponse:
        try:
            with reading(engine) as session:
                invited = read_invitation(session, token, signer)
        except NotFoundError:
            return pages.show_entry(request, "accounts/link_used.html", status=404)
        return _welcome(request, invited, given_name=invited.name)

    @router.post("/welcome/{token}")
    def take_new_password(
        token: str,
        request: Request,
        _form: OwnForm,
        password: _Field = "",
        name: _Field = "",
        address: _Field = "",
    ) -> Response:
        browser = browser_of(request)
        actor = Actor(account_id=None, name="one-time link", network=browser.network)
        try:
            with reading(engine) as session:
                invited = read_invitation(session, token, signer)
        except NotFoundError:
            return pages.show_entry(request, "accounts/link_used.html", status=404)
        try:
            with transaction(engine) as session:
                number = accept(
                    session,
                    actor,
                    token,
                    password=password,
                    name=name,
                    address=address,
                    language=pages.language_of(request),
                    signer=signer,
                )
                if invited.purpose is InvitationPurpose.RESET:
                    tell_owner(session, settings, number, AccountChange.PASSWORD)
                # A reset proves the mailbox alone: whoever has a second factor still brings it.
                complete = not has_second_factor(session, number)
                begun = SignedIn(
                    token=open_session(session, number, browser, verified=complete),
                    complete=complete,
                    account_id=number,
                )
        except NotFoundError:
            return pages.show_entry(request, "accounts/link_used.html", status=404)
        except NewsletterError as error:
            return _welcome(request, invited, given_name=name, address=address, error=error)
        return _let_in(request, begun, "/home" if complete else "/sign-in/code")

    @router.post("/display")
    def choose_display(
        request: Request,
        _form: OwnForm,
        back: _Field = "/home",
        language: _Field = "",
        theme: _Field = "",
    ) -> Response:
        access = access_of(request)
        answer = _go(local_path(back))
        if language in set(Language):
            with transaction(engine) as session:
                choose_language(session, access.session_token(request), Language(language))
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax")
        if theme in THEMES:
            answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_SECONDS, samesite="lax")
        return answer

    return router
