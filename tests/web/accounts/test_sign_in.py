"""The first link makes an administrator, who signs in with a code; others are refused rightly."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from newsletter.accounts.audit import COMMAND_LINE, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import first_link, invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow
from newsletter.database.vocabulary import Role
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.access import Requires, check_form
from newsletter.web.app import create_app
from tests.support.databases import each_database
from tests.support.site import SharedSites, routes_of

PASSWORD = "four words, quite long"
#: Routes for people who are not signed in, and why nobody need be.
PUBLIC = {
    "/": "the list of newsletters",
    "/archive/{slug}": "the archive",
    "/archive/{slug}/feed.atom": "the archive",
    "/archive/{slug}/{issue_slug}": "the archive",
    "/files/{name}": "files and calendars that mail leads to",
    "/images/{name}": "pictures of the archive and of mail",
    "/looks/{slug}/social.png": "a picture of what everybody may see",
    "/looks/{slug}/{language}.css": "a style sheet of what everybody may see",
    "/sitemap.xml": "the archive",
    "/robots.txt": "the archive",
    "/r/{token}": "a signed link in a mail",
    "/healthz": "says nothing of anybody",
    "/readyz": "says nothing of anybody",
    "/metrics": "this machine or a token; sums without persons",
    "/sign-in": "how else",
    "/sign-in/code": "the second half of signing in",
    "/forgotten": "how else; the link goes to the account's mailbox alone",
    "/welcome/{token}": "a one-time link",
    "/display": "language and appearance, with its form token",
}
#: Public, and a POST needs no form token: it carries its own proof, or comes from other sites.
PROVEN = {
    "/subscribe/{slug}": "a form on any site; nothing begins before the mail is confirmed",
    "/subscribe/{slug}/form": "the same form as HTML",
    "/subscribe/{slug}/{name}": "a form on any site, as above",
    "/subscribe/{slug}/{name}/embed": "the same form for other sites",
    "/subscribe/{slug}/challenge": "a puzzle for whoever fills in the form",
    "/c/{token}": "a signed link in a mail",
    "/c/{token}/welcome": "a signed link in a mail",
    "/v/{token}": "a signed link in a mail",
    "/v/{token}/sent": "a signed link in a mail",
    "/v/{token}/original": "a signed link in a mail",
    "/u/{token}": "a signed link in a mail",
    "/u/{token}/all": "a signed link in a mail",
    "/u/{token}/reason": "a signed link in a mail",
    "/u/{token}/pause": "a signed link in a mail",
    "/u/{token}/resume": "a signed link in a mail",
    "/u/{token}/settings": "a signed link in a mail; what follows goes to the reader's address",
    "/p/{token}": "a signed link in a mail",
    "/p/{token}/address": "a signed link in a mail",
    "/address/{token}": "a signed link in a mail",
    "/address/undo/{token}": "a signed link in a mail",
    "/p/{token}/join": "a signed link in a mail",
    "/p/{token}/data": "a signed link in a mail",
    "/p/{token}/data.json": "a signed link in a mail",
    "/p/{token}/erase": "a signed link in a mail",
    "/api/unsubscribe": "the API's own token",
    "/webhooks/{provider}": "the provider's signature",
}


def _app(engine: Engine, url: str) -> FastAPI:
    settings = Settings(_env_file=None, public_url=url, secret_keys=("k" * 40,))
    return create_app(
        settings=settings, engine=engine, signer=TokenSigner([b"k" * 40]), mailbox=None
    )


@pytest.fixture
def site(sites: SharedSites, engine: Engine) -> Iterator[str]:
    with sites.before(engine, secret_keys=("k" * 40,)) as url:
        yield url


def _join(page: Page, site: str, engine: Engine) -> None:
    with transaction(engine) as session:
        token = first_link(session)
    page.goto(f"{site}/welcome/{token}")
    page.get_by_label("Email address").fill("admin@example.jp")
    page.get_by_label("Your name").fill("葵")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Home").wait_for()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_first_link_leads_to_an_account_whose_two_factors_lead_to_the_page_asked_for(
    site: str, engine: Engine, browser: Browser
) -> None:
    page = browser.new_page(locale="en", timezone_id="Europe/Lisbon")
    _join(page, site, engine)
    expect(page.get_by_text("Times are in Portugal (Lisbon) Time")).to_be_visible()
    page.goto(f"{site}/account")
    page.get_by_role("link", name="Set it up").click()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).now())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Turn it on").click()
    recovery = page.locator(".codes li").first.inner_text()
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site}/audit?action=account.second-factor-on")
    page.get_by_label("Email address").fill("admin@example.jp")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Six digits").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Six digits").fill(recovery)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/audit?action=account.second-factor-on")
    page.get_by_title("account.second-factor-on").wait_for()
    with transaction(engine) as session:
        assert first_link(session) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_editor_does_not_administer(site: str, engine: Engine, browser: Browser) -> None:
    page = browser.new_page(locale="en")
    with transaction(engine) as session:
        token = invite(
            session,
            COMMAND_LINE,
            address="editor@example.jp",
            grants=[Grant(role=Role.EDITOR)],
        )
    page.goto(f"{site}/welcome/{token}")
    page.get_by_label("Your name").fill("蓮")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    answer = page.goto(f"{site}/accounts")
    assert answer is not None
    assert answer.status == 403
    with reading(engine) as session:
        [account] = session.scalars(select(AccountRow))
        assert account.signed_in_at is not None


def test_every_route_is_guarded_or_public_for_a_reason(engine: Engine) -> None:
    for route in routes_of(_app(engine, "http://127.0.0.1")):
        calls = [dependency.call for dependency in _all(route.dependant)]
        guarded = any(isinstance(call, Requires) for call in calls)
        assert guarded or route.path in PUBLIC | PROVEN, route.path
        if "POST" in (route.methods or set()) and not guarded and route.path not in PROVEN:
            assert check_form in calls, route.path


def _all(dependant: Dependant) -> Iterator[Dependant]:
    for inner in dependant.dependencies:
        yield inner
        yield from _all(inner)


def test_a_form_without_its_token_is_refused(site: str) -> None:
    assert httpx.post(f"{site}/sign-in", data={"address": "a@example.jp"}).status_code == 403


@each_database
def test_tries_are_limited(site: str) -> None:
    with httpx.Client(base_url=site) as client:
        token = client.get("/sign-in").text.split('name="csrf" value="')[1].split('"')[0]
        form = {"csrf": token, "address": "a@example.jp", "password": "wrong"}
        answers = [client.post("/sign-in", data=form).text for _ in range(9)]
    assert "15分後" not in answers[7]
    assert "15分後" in answers[8]


@each_database
@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET reason = ''", "DELETE FROM audit_event"]
)
def test_the_audit_log_cannot_be_rewritten(engine: Engine, statement: str) -> None:
    with transaction(engine) as session:
        record_event(session, COMMAND_LINE, Action.SESSION_BEGIN)
    with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as session:
        session.execute(text(statement))
