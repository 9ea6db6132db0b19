"""A newsletter, people with roles, and the pages served."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import IssueRow
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from tests.support.databases import OF_PAGES
from tests.support.engines import share_compiled
from tests.support.site import SharedSites
from tests.support.stage import Stage, set_stage
from tests.web.issues.desk import Desk

PASSWORD = "four words, quite long"
#: What a form says once somebody saw what preflight warns of.
SEEN = {"warnings": "1"}
SignIn = Callable[[str, Role], httpx.Client]


@pytest.fixture(params=OF_PAGES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database; on which server, tests/support/databases.py says."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def issue_id(stage: Stage) -> int:
    with transaction(stage.engine) as session:
        return session.scalars(select(IssueRow.id)).one()


@pytest.fixture(scope="session")
def sites(_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSites]:
    shared = SharedSites(tmp_path_factory.mktemp("sites"))
    yield shared
    shared.close()


@pytest.fixture
def site(sites: SharedSites, engine: Engine) -> Iterator[str]:
    settings = {"secret_keys": ("k" * 40,), "mail_transports": "smtp://mail.example.jp:587"}
    with sites.before(engine, **settings) as url:
        yield url


@pytest.fixture
def desk(sites: SharedSites, sqlite_url: str) -> Iterator[Desk]:
    engine = share_compiled(open_engine(sqlite_url))
    set_stage(engine)
    with sites.before(engine, secret_keys=("k" * 40,)) as url:
        yield Desk(engine=engine, url=url)
    engine.dispose()


@pytest.fixture
def page(desk: Desk, window: Page) -> Page:
    desk.sign_in(window)
    return window


def add_account(engine: Engine, address: str, role: Role) -> int:
    """Let somebody have an account; return its number."""
    with transaction(engine) as session:
        token = invite(
            session,
            COMMAND_LINE,
            address=address,
            grants=[Grant(role=role)],
            language=Language.ENGLISH,
        )
    with transaction(engine) as session:
        name = address.partition("@")[0]
        return accept(session, COMMAND_LINE, token, name=name, password=PASSWORD)


def tight(page: str) -> str:
    """Return HTML without the white space beside its tags, which only lays its template out."""
    return re.sub(r"\s*(<[^>]*?)\s*(/?>)\s*", r"\1\2", re.sub(r"\s+", " ", page))


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


def fields_of(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


@pytest.fixture
def sign_in(site: str, engine: Engine) -> Iterator[SignIn]:
    """Let somebody be signed in; how that is done is tests/web/accounts' to say."""
    clients = []

    def signed_in(address: str, role: Role) -> httpx.Client:
        account = add_account(engine, address, role)
        with transaction(engine) as session:
            begun = open_session(session, account, Browser(), verified=True)
        client = httpx.Client(base_url=site, follow_redirects=True)
        clients.append(client)
        # Of the same host as the cookies that pages set: one of them is to take its place.
        client.cookies.set("session", begun, domain=client.base_url.host)
        return client

    yield signed_in
    for client in clients:
        client.close()
