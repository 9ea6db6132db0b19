"""Access control: sessions, roles and form tokens, checked by one dependency for all routes.

A route for signed-in accounts takes ``visit: EditorVisit`` (or another of the names at the end).
The dependency finds the session, checks the role, and requires a form token and our own origin for
every method that may change something. If the route's path has ``{newsletter}`` (a slug), the role
is required in that newsletter, and an account without any role there gets the same reply as for an
unknown newsletter. Otherwise the role is required in any newsletter, and the handler checks further
with `Rights.require`. A route for a single action requires the permission of that action (`doing`),
as its button does (`Visit.may_do`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import Rights, rights_of
from newsletter.accounts.sealing import Sealed
from newsletter.accounts.sessions import (
    count_of_ends,
    find_session,
    is_seen_long_ago,
    touch_session,
)
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import AWAY, reading, transaction
from newsletter.database.types import now
from newsletter.errors import AccountError, ForbiddenError, NewsletterError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.newsletters.publications import (
    Newsletter,
    get_newsletter,
    list_newsletters,
    number_of,
)
from newsletter.tokens import new_token
from newsletter.web.hosts import host_of
from newsletter.web.routing import Guard, network_of_request
from newsletter.web.site import Site, site_of

_YEAR_SECONDS = 365 * 86_400
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Limits of a form; an issue of a thousand blocks has some ten thousand fields.
_MAX_FIELDS, _MAX_FILES = 20_000, 50


class SignInRequiredError(NewsletterError):
    """A page that requires signing in was requested without a session."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request of a signed-in account.

    Attributes:
        csrf: The token that each form must send in its field ``csrf`` (or in the header
            ``X-CSRF-Token``).
        newsletter_id: The newsletter in the route's path, if there is one.
    """

    account_id: int
    session_id: int
    address: str
    name: str
    language: Language
    time_zone: str
    has_second_factor: bool
    rights: Rights
    csrf: str
    browser: Browser
    request: Request
    newsletter_id: int | None = None

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.request.url.path

    @property
    def site(self) -> Site:
        """The services of the pages."""
        return site_of(self.request)

    @property
    def engine(self) -> Engine:
        """The database."""
        return self.site.engine

    @property
    def actor(self) -> Actor:
        """The actor for the audit log."""
        return Actor(account_id=self.account_id, name=self.address, network=self.browser.network)

    def may(self, permission: Permission) -> bool:
        """Return whether the account has a permission in the path's newsletter, or else in any."""
        return self.rights.may(permission, self.newsletter_id)

    def may_do(self, action: Action) -> bool:
        """Return whether an action is allowed in the path's newsletter, or else in all."""
        return self.rights.may_do(action, self.newsletter_id)


def browser_of(request: Request) -> Browser:
    """Return the browser that sent a request."""
    agent = request.headers.get("user-agent", "")
    account, since, known = _known_browser(request)
    return Browser(
        network=network_of_request(request),
        user_agent="".join(filter(str.isprintable, agent))[:200],
        known=known,
        known_to=account,
        known_since=since,
        session=site_of(request).session_token(request),
    )


def remember_browser(request: Request, answer: Response, account_id: int) -> None:
    """Set the cookie by which a browser is known to its account.

    Failed attempts of unknown browsers do not block known ones.
    """
    site = site_of(request)
    with reading(site.engine) as session:
        since = count_of_ends(session, account_id)
    if _known_browser(request)[:2] == (account_id, since):
        return
    answer.set_cookie(
        site.browser_cookie,
        site.sealer.seal(f"{account_id} {since} {new_token()}", Sealed.BROWSER),
        max_age=_YEAR_SECONDS,
        httponly=True,
        secure=site.secure,
        samesite="lax",
    )


def _known_browser(request: Request) -> tuple[int, int, str]:
    site = site_of(request)
    try:
        cookie = request.cookies.get(site.browser_cookie, "")
        account, since, known = site.sealer.open(cookie, Sealed.BROWSER).split(" ")
    except (AccountError, ValueError):
        return 0, 0, ""
    return int(account), int(since), known


async def check_form(request: Request) -> None:
    """Refuse a change that was not requested from a page of this product (CSRF).

    Raises:
        ForbiddenError: The request has another origin, or no valid token of this browser.
    """
    if request.method in _SAFE_METHODS:
        return
    site = site_of(request)
    if not _is_own_origin(request):
        raise ForbiddenError(msg("This form was sent from another site."))
    token = request.headers.get("x-csrf-token", "")
    if not token:
        form = await request.form(max_fields=_MAX_FIELDS, max_files=_MAX_FILES)
        token = str(form.get("csrf", ""))
    if not site.sealer.form_token_matches(site.holder(request), token):
        raise ForbiddenError(msg("This form is out of date."), remedy=msg("Load the page again."))


def _is_own_origin(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    own = {host_of(site_of(request).url), request.headers.get("host", "")}
    return host_of(origin) in own


@dataclass(frozen=True, slots=True)
class Requires(Guard):
    """The guard of a route; ``permission`` None only requires signing in.

    Attributes:
        everywhere: Whether the permission is required in all present and future newsletters.
    """

    permission: Permission | None = None
    everywhere: bool = False

    def allows(self, rights: Rights, newsletter_id: int | None = None) -> bool:
        """Return whether rights suffice in the given newsletter, or else in any."""
        if self.permission is None:
            return True
        if self.everywhere:
            return rights.may_everywhere(self.permission)
        return rights.may(self.permission, newsletter_id)

    async def admit(self, request: Request) -> Visit:
        """Return the visit after checking session and role; the body is not read.

        Raises:
            SignInRequiredError: The request has no session.
            ForbiddenError: The role is missing.
            NotFoundError: The path names a newsletter that does not exist, or in which the account
                has no role.
        """
        slug = request.path_params.get("newsletter")
        visit = await run_in_threadpool(_visit_of, request, slug)
        if self.permission and self.everywhere:
            visit.rights.require(self.permission, None)
        if not self.allows(visit.rights, visit.newsletter_id):
            raise ForbiddenError(msg("Your roles do not permit this."))
        request.state.visit = request.state.admitted = visit
        return visit

    async def __call__(self, request: Request) -> Visit:
        """Return the visit after all checks.

        Raises:
            SignInRequiredError: The request has no session.
            ForbiddenError: The role is missing, or the form token is invalid.
            NotFoundError: The path names a newsletter that does not exist, or in which the account
                has no role.
        """
        # The route has just admitted the request; a stream, which lasts longer, checks again.
        admitted = getattr(request.state, "admitted", None)
        visit = admitted if isinstance(admitted, Visit) else await self.admit(request)
        request.state.admitted = None
        await check_form(request)
        # The request of the guard is without the limits of the route's body.
        return replace(visit, request=request)


def _visit_of(request: Request, slug: str | None) -> Visit:
    site = site_of(request)
    token = site.session_token(request)
    with reading(site.engine) as session:
        found = find_session(session, token) if token else None
        if found is None or found[0].verified_at is None:
            raise SignInRequiredError(msg("Sign in first."))
        row, account = found
        rights = rights_of(session, account.id)
        newsletter_id = None
        if slug is not None:
            newsletter_id = number_of(session, slug)
            if newsletter_id is None or not rights.reach(newsletter_id):
                raise NotFoundError(
                    msg("There is no newsletter “{slug}”, or you have no role in it.", slug=slug)
                )
    if is_seen_long_ago(row, moment := now()):
        # Where the database takes no changes, operators must see the page that says so.
        with suppress(*AWAY), transaction(site.engine) as session:
            touch_session(session, row.id, moment)
    return Visit(
        account_id=account.id,
        session_id=row.id,
        address=account.address,
        name=account.name,
        language=account.language,
        time_zone=account.time_zone,
        has_second_factor=account.totp_secret is not None,
        rights=rights,
        csrf=site.sealer.form_token(token),
        browser=replace(
            browser_of(request),
            known=f"session {row.id}",
            known_to=account.id,
            known_since=account.sessions_ended,
        ),
        request=request,
        newsletter_id=newsletter_id,
    )


def find_visit(request: Request) -> Visit | None:
    """Return the visit of a signed-in account, regardless of roles; None without a session."""
    try:
        return _visit_of(request, None)
    except SignInRequiredError:
        return None


def newsletter_of(session: Session, visit: Visit) -> Newsletter:
    """Return the newsletter in a route's path, whose existence the guard has checked."""
    return get_newsletter(session, own(visit))


def newsletters_where(session: Session, visit: Visit, permission: Permission) -> list[int] | None:
    """Return the newsletters in which a visit has a permission; None for all and global data."""
    if visit.rights.may_everywhere(permission):
        return None
    rows = list_newsletters(session)
    return [row.id for row in rows if visit.rights.may(permission, row.id)]


def own(visit: Visit) -> int:
    """Return the id of the newsletter in a route's path."""
    assert visit.newsletter_id is not None  # noqa: S101 - the path has one; see `Requires`
    return visit.newsletter_id


def settings_path(visit: Visit) -> str:
    """Return the path of the newsletter's settings; empty if the account may not open them."""
    if not visit.may(Permission.ADMINISTER):
        return ""
    return "/".join((*visit.path.split("/")[:3], "settings"))


def doing(action: Action) -> Any:  # noqa: ANN401 - the framework's type
    """Return the guard of a route for an action; actions with rules of their own have none."""
    assert action.needed is not None  # noqa: S101 - otherwise every account would be admitted
    return Depends(Requires(action.needed))


#: The guard of a form for which nobody needs to be signed in.
OwnForm = Annotated[None, Depends(check_form)]
SignedInVisit = Annotated[Visit, Depends(Requires())]
EditorVisit = Annotated[Visit, Depends(Requires(Permission.WRITE))]
SeeingVisit = Annotated[Visit, Depends(Requires(Permission.SEE_MAILINGS))]
CommenterVisit = Annotated[Visit, Depends(Requires(Permission.COMMENT))]
SegmentVisit = Annotated[Visit, Depends(Requires(Permission.SEGMENT))]
SubscribersVisit = Annotated[Visit, Depends(Requires(Permission.SEE_SUBSCRIBERS))]
BouncesVisit = Annotated[Visit, Depends(Requires(Permission.SEE_BOUNCES))]
OperatorVisit = Annotated[Visit, Depends(Requires(Permission.OPERATE))]
AdministratorVisit = Annotated[Visit, Depends(Requires(Permission.ADMINISTER))]
OverallAdministratorVisit = Annotated[
    Visit, Depends(Requires(Permission.ADMINISTER, everywhere=True))
]
