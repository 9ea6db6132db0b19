"""Pages for signing in and out, for one-time links and forgotten passwords, and for appearance."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine
from starlette.background import BackgroundTask

from newsletter.accounts.audit import LINK_HOLDER, NOBODY
from newsletter.accounts.invitations import Invited, accept, forgotten_link, read_invitation
from newsletter.accounts.second_factor import has_second_factor
from newsletter.accounts.sessions import LIFETIME, choose_language, open_session
from newsletter.accounts.sign_in import SignedIn, sign_in, verify_code
from newsletter.accounts.sign_in import sign_out as end
from newsletter.accounts.sign_in_limits import Attempt, count_try
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import InvitationPurpose
from newsletter.errors import NewsletterError, NotFoundError, SignInError
from newsletter.i18n.language import Language
from newsletter.mailings.notices.accounts import AccountChange, post_link, sender_for, tell_owner
from newsletter.newsletters.publications import list_newsletters
from newsletter.settings import Settings
from newsletter.web.access import OwnForm, SignedInVisit, browser_of, remember_browser
from newsletter.web.pages import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, show_entry
from newsletter.web.routing import Router
from newsletter.web.site import site_of

router = Router()


def _ask(request: Request, path: str, address: str = "", error: str = "") -> HTMLResponse:
    status = 400 if error else 200
    return show_entry(
        request, "accounts/sign_in.html", status=status, next=path, address=address, error=error
    )


EntryField = Annotated[str, Form(max_length=2000)]


@router.get("/sign-in")
def _ask_password(request: Request, next: str = "/home") -> HTMLResponse:  # noqa: A002
    return _ask(request, local_path(next))


@router.post("/sign-in")
def _take_password(
    request: Request,
    _form: OwnForm,
    address: EntryField = "",
    password: EntryField = "",
    next: EntryField = "/home",  # noqa: A002 - the field's usual name
) -> Response:
    site = site_of(request)
    path = local_path(next)
    try:
        begun = sign_in(site.engine, browser_of(request), address=address, password=password)
    except SignInError as error:
        return _ask(request, path, address, "often" if error.remedy else "wrong")
    return let_in(request, begun, path if begun.complete else f"/sign-in/code?next={quote(path)}")


def _ask_for_code(request: Request, path: str, error: SignInError | None = None) -> HTMLResponse:
    status = 400 if error else 200
    return show_entry(request, "accounts/sign_in_code.html", status=status, next=path, error=error)


@router.get("/sign-in/code")
def _ask_code(request: Request, next: str = "/home") -> HTMLResponse:  # noqa: A002
    return _ask_for_code(request, local_path(next))


@router.post("/sign-in/code")
def _take_code(
    request: Request,
    _form: OwnForm,
    code: EntryField = "",
    next: EntryField = "/home",  # noqa: A002 - the field's usual name
) -> Response:
    site = site_of(request)
    path, token = local_path(next), site.session_token(request)
    try:
        begun = verify_code(site.engine, site.sealer, browser_of(request), token=token, code=code)
    except SignInError as error:
        return _ask_for_code(request, path, error)
    return let_in(request, begun, path)


@router.post("/sign-out")
def _sign_out(visit: SignedInVisit) -> Response:
    with transaction(visit.engine) as session:
        end(session, visit.actor, visit.account_id, visit.session_id)
    site, answer = visit.site, lead_to("/sign-in")
    # Browsers accept a cookie with the prefix "__Host-" only with "Secure", also to delete it.
    answer.delete_cookie(site.session_cookie, httponly=True, secure=site.secure, samesite="lax")
    # Unsaved texts are stored on the device and must not be visible to the next account.
    answer.headers["Clear-Site-Data"] = '"storage"'
    return answer


def local_path(path: str) -> str:
    """Return a path on this site; "/home" for other URLs, which prevents open redirects."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else "/home"


def lead_to(path: str) -> RedirectResponse:
    """Redirect to another page of this site."""
    return RedirectResponse(path, status_code=303)


def let_in(request: Request, begun: SignedIn, path: str) -> Response:
    """Set the cookie of the session and, after complete sign-in, that of the browser."""
    site = site_of(request)
    answer = lead_to(path)
    answer.set_cookie(
        site.session_cookie,
        begun.token,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        secure=site.secure,
        samesite="lax",
    )
    if begun.complete:
        remember_browser(request, answer, begun.account_id)
    return answer


_Field = Annotated[str, Form(max_length=2000)]


def _show(
    request: Request, *, status: int = 200, asked: bool = False, often: bool = False
) -> HTMLResponse:
    site = site_of(request)
    with reading(site.engine) as session:
        has_sender = sender_for(session, None) is not None
    return show_entry(
        request,
        "accounts/password_reset.html",
        status=status,
        asked=asked,
        often=often,
        has_sender=has_sender,
    )


@router.get("/forgotten")
def _ask_address(request: Request) -> HTMLResponse:
    return _show(request)


@router.post("/forgotten")
def _take_address(request: Request, _form: OwnForm, address: _Field = "") -> Response:
    site = site_of(request)
    browser = browser_of(request)
    if not count_try(
        site.engine, Attempt.FORGOTTEN, account=address, browser=browser, moment=now()
    ):
        return _show(request, status=429, often=True)
    answer = _show(request, asked=True)
    # The mail is sent after the response, whose time would reveal whether the account exists.
    answer.background = BackgroundTask(_mail, site.settings, site.engine, address, browser.network)
    return answer


def _mail(settings: Settings, engine: Engine, address: str, network: str) -> None:
    actor = replace(NOBODY, network=network)
    with transaction(engine) as session:
        token = forgotten_link(session, actor, address)
        if token is not None and not post_link(session, settings, token):
            # Without the rollback, a link that was not mailed would delay the next one.
            session.rollback()


_YEAR_SECONDS = 365 * 86_400


@router.post("/display")
def _choose_display(
    request: Request,
    _form: OwnForm,
    back: EntryField = "/home",
    language: EntryField = "",
    theme: EntryField = "",
) -> Response:
    site = site_of(request)
    answer = lead_to(local_path(back))
    if language in set(Language):
        with transaction(site.engine) as session:
            choose_language(session, site.session_token(request), Language(language))
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax")
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_SECONDS, samesite="lax")
    return answer


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
