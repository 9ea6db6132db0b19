"""Pages for the administration of accounts and their roles."""

from __future__ import annotations

from typing import Annotated, TypedDict

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.administration import (
    disable_account,
    enable_account,
    give_role,
    list_accounts,
    reset_second_factor,
    take_role,
)
from newsletter.accounts.invitations import invite, reset_link
from newsletter.accounts.roles import Grant, rights_of
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Role
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.notices.accounts import AccountChange, post_link, tell_owner
from newsletter.newsletters.publications import list_newsletters
from newsletter.settings import Settings
from newsletter.web.access import (
    OverallAdministratorVisit,
    Visit,
)
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_PAGE = 50
_Field = Annotated[str, Form(max_length=2000)]
_BY_MAIL = "mail"


class _Handed(TypedDict, total=False):
    """How a one-time link was handed over: the address it was mailed to, or the link itself."""

    link: str
    mailed: str


def _show(
    visit: Visit,
    *,
    status: int = 200,
    link: str = "",
    mailed: str = "",
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the accounts, with a link that was handed over and an error."""
    with reading(visit.engine) as session:
        accounts = list_accounts(session)
        rights = {row.id: rights_of(session, row.id) for row in accounts}
        newsletters = list_newsletters(session)
    return show_page(
        visit,
        "accounts/administration.html",
        status=status,
        accounts=accounts,
        rights=rights,
        newsletters=newsletters,
        names={row.id: row.name for row in newsletters},
        roles=list(Role),
        link=link,
        mailed=mailed,
        error=error,
    )


router = Router()


@router.get("/accounts")
def _show_people(visit: OverallAdministratorVisit) -> HTMLResponse:
    return _show(visit)


@router.post("/accounts")
def _invite_somebody(
    visit: OverallAdministratorVisit,
    address: _Field = "",
    role: _Field = "",
    newsletter: _Field = "",
    by: _Field = _BY_MAIL,
) -> HTMLResponse:
    try:
        with transaction(visit.engine) as session:
            grant = _grant(session, role, newsletter)
            token = invite(
                session,
                visit.actor,
                address=address,
                grants=[grant],
                language=visit.language,
                time_zone=visit.time_zone,
            )
            handed = _hand_over(session, visit.site.settings, token, by)
    except NewsletterError as error:
        return _show(visit, status=400, error=error)
    return _show(visit, **handed)


@router.post("/accounts/{number}/link")
def _make_link(
    number: int, visit: OverallAdministratorVisit, by: _Field = _BY_MAIL
) -> HTMLResponse:
    try:
        with transaction(visit.engine) as session:
            token = reset_link(session, visit.actor, number)
            handed = _hand_over(session, visit.site.settings, token, by)
    except NewsletterError as error:
        return _show(visit, status=400, error=error)
    return _show(visit, **handed)


@router.post("/accounts/{number}/roles")
def _change_roles(
    number: int,
    visit: OverallAdministratorVisit,
    role: _Field = "",
    newsletter: _Field = "",
    verb: _Field = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            change = take_role if verb == "take" else give_role
            change(session, visit.actor, number, _grant(session, role, newsletter))
    except NewsletterError as error:
        return _show(visit, status=409, error=error)
    return RedirectResponse("/accounts", status_code=303)


@router.post("/accounts/{number}/disabled")
def _disable(number: int, visit: OverallAdministratorVisit, verb: _Field = "") -> Response:
    try:
        with transaction(visit.engine) as session:
            change = enable_account if verb == "enable" else disable_account
            change(session, visit.actor, number)
    except NewsletterError as error:
        return _show(visit, status=409, error=error)
    return RedirectResponse("/accounts", status_code=303)


@router.post("/accounts/{number}/second-factor")
def _reset_factor(number: int, visit: OverallAdministratorVisit, reason: _Field = "") -> Response:
    try:
        with transaction(visit.engine) as session:
            reset_second_factor(session, visit.actor, number, reason=reason)
            tell_owner(session, visit.site.settings, number, AccountChange.SECOND_FACTOR_RESET)
    except NewsletterError as error:
        return _show(visit, status=409, error=error)
    return RedirectResponse("/accounts", status_code=303)


def _hand_over(session: Session, settings: Settings, token: str, by: str) -> _Handed:
    """Mail a link; or return it, if this is requested or no newsletter can send it."""
    mailed = by == _BY_MAIL and post_link(session, settings, token)
    return {"mailed": mailed} if mailed else {"link": f"{settings.public_url}/welcome/{token}"}


def _grant(session: Session, role: str, newsletter: str) -> Grant:
    if role not in set(Role):
        raise NotFoundError(msg("Choose a role."))
    if not newsletter:
        return Grant(role=Role(role))
    found = next((row for row in list_newsletters(session) if row.slug == newsletter), None)
    if found is None:
        raise NotFoundError(msg("There is no such newsletter."))
    return Grant(role=Role(role), newsletter_id=found.id)
