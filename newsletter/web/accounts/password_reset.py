"""A forgotten password: a link to choose another goes to the account's own mailbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Engine
from starlette.background import BackgroundTask

from newsletter.accounts.audit import Actor
from newsletter.accounts.invitations import forgotten_link
from newsletter.accounts.sign_in_limits import Attempt, count_try
from newsletter.database.engine import reading, transaction
from newsletter.database.types import now
from newsletter.mailings.notices.accounts import post_link, sender_for
from newsletter.settings import Settings
from newsletter.web.access import OwnForm, browser_of
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=2000)]


def forgetting_router(settings: Settings, engine: Engine, pages: Pages) -> Router:
    """Return the routes for who forgot the password."""
    router = Router()

    def _show(
        request: Request, *, status: int = 200, asked: bool = False, often: bool = False
    ) -> HTMLResponse:
        with reading(engine) as session:
            has_sender = sender_for(session, None) is not None
        return pages.show_entry(
            request,
            "accounts/password_reset.html",
            status=status,
            asked=asked,
            often=often,
            has_sender=has_sender,
        )

    @router.get("/forgotten")
    def ask_address(request: Request) -> HTMLResponse:
        return _show(request)

    @router.post("/forgotten")
    def take_address(request: Request, _form: OwnForm, address: _Field = "") -> Response:
        browser = browser_of(request)
        if not count_try(engine, Attempt.FORGOTTEN, account=address, browser=browser, moment=now()):
            return _show(request, status=429, often=True)
        answer = _show(request, asked=True)
        # After the answer: how long it takes would tell whether there is such an account.
        answer.background = BackgroundTask(_mail, settings, engine, address, browser.network)
        return answer

    return router


def _mail(settings: Settings, engine: Engine, address: str, network: str) -> None:
    actor = Actor(account_id=None, name="not signed in", network=network)
    with transaction(engine) as session:
        token = forgotten_link(session, actor, address)
        if token is not None and not post_link(session, settings, token):
            # A link that nobody gets would only bar the next one for a while.
            session.rollback()
