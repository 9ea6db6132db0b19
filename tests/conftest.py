"""The servers that tests run against: all real, each started once per test process."""

from __future__ import annotations

import gc
import locale
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade
from tests.support.engines import keep_compiled, share_compiled
from tests.support.examples import examples
from tests.support.folders import give_folder, quick_folder, take_folder_away
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.smtp import SmtpServer
from tests.support.smtp import smtp_server as run_smtp_server
from tests.support.stage import Stage, set_stage
from tests.support.tiers import assign, kept_to, kept_to_values
from tests.support.valkey import valkey_server
from tests.support.window import SharedWindow

_CHECKOUT = Path(__file__).resolve().parent.parent
_SAMPLES = _CHECKOUT / "tests" / "samples"
#: Real inputs beside the checkout, which may be absent: tests by them are an extra.
SHARED_DATA = Path(os.environ.get("SHARED_DATA", _CHECKOUT.parent / "shared" / "data"))
IN_CI = bool(os.environ.get("CI"))

# Tests start several hundred processes; where bytecode may not be kept, each would compile all
# that it imports, which takes longer than most of them do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Requests wait as long as it takes on a busy machine, not the five seconds that httpx gives them.
for _asking in (httpx.get, httpx.head, httpx.post, httpx.request, httpx.Client.__init__):
    _usual: dict[str, object] = _asking.__kwdefaults__ or {}
    _usual["timeout"] = httpx.Timeout(60)

# So do pages in the browser, instead of Playwright's five seconds; what is clicked, `_chromium`.
expect.set_options(timeout=60_000)

# And so does each example of a property, instead of Hypothesis's fifth of a second.
settings.register_profile("patient", settings.default, deadline=None, max_examples=examples(100))
settings.load_profile("patient")

# httpx reads the certificates of all the world's authorities for each client, which takes longer
# than most requests; tests trust none of them.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "nobody.pem")

# Terminals send along a language that may not be installed here; PostgreSQL and Valkey then end.
_at_start = locale.setlocale(locale.LC_ALL)
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    os.environ["LC_ALL"] = "C.UTF-8"
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
else:
    locale.setlocale(locale.LC_ALL, _at_start)


def missing(what: str) -> NoReturn:
    """Skip for want of ``what``; in CI, where all must be there, fail."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI must not skip")
    pytest.skip(f"{what} is missing")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    give_folder(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    # Imported where pytest-xdist is in use.
    from tests.support.sharing import SharedServers  # noqa: PLC0415

    config.option.loadscopereorder = False
    return SharedServers(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    take_folder_away(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, None, None]:
    """Keep modules and tests, half a million objects, from being looked through again and again.

    They stay to the end, which the collector learns anew whenever it runs: that is a twentieth of
    the work of tests that stay in their process.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    assign(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with kept_to_values(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with kept_to(item):
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hash passwords with little work: tests make hundreds, and tell nobody any that matters.

    In what strength they are kept is tests/accounts/test_passwords.py's to say.
    """
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("newsletter.accounts.passwords._hasher", cheap)
        yield


@pytest.fixture(scope="session")
def _servers() -> None:
    """Asked for by whatever starts a process or opens a socket; see tests/support/tiers.py."""


@pytest.fixture(scope="session")
def postgres(_servers: None) -> Iterator[PostgresServer]:
    # Not below pytest's folder, which is its user's alone: started as root, the server runs as a
    # user of its own.
    with tempfile.TemporaryDirectory(prefix="newsletter-tests-", dir=quick_folder()) as name:
        folder = Path(name) / "postgres"
        folder.mkdir()
        with postgres_server(folder, durable=False) as server:
            yield server


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    keep_compiled(engine)
    engine.dispose()
    return path


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Let a test set up logs: afterwards they go where they went."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "newsletter.sqlite3"
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database, once on each server."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = share_compiled(open_engine(database_url))
    yield opened
    opened.dispose()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    """A newsletter with an issue, and nobody who reads it."""
    return set_stage(engine)


@pytest.fixture(scope="session")
def _valkey(_servers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with valkey_server(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def redis_url(_valkey: str) -> str:
    """An empty broker."""
    from redis import Redis  # noqa: PLC0415 - only tests with a broker pay for it

    with Redis.from_url(_valkey) as client:
        client.flushall()
    return _valkey


@pytest.fixture
def smtp_server(_servers: None) -> Iterator[SmtpServer]:
    with run_smtp_server() as server:
        yield server


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Browser]:
    # The shell is the same engine without windows, for half of the processor time.
    known = map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))
    executable = next(filter(None, known), None)
    if executable is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-background-networking", "--disable-quic"],
        )
        running.on("context", lambda context: context.set_default_timeout(60_000))
        yield running
        running.close()


@pytest.fixture(scope="session")
def _shared_window() -> SharedWindow:
    return SharedWindow()


@pytest.fixture
def browser(_chromium: Browser, _shared_window: SharedWindow) -> Iterator[Browser]:
    """Chromium, whose windows are closed when the test is over."""
    yield _chromium
    for context in _chromium.contexts:
        if context != _shared_window.context:
            context.close()


@pytest.fixture
def window(browser: Browser, _shared_window: SharedWindow) -> Iterator[Page]:
    """A window in English without motion, in which nothing was looked at yet.

    Asked for behind what serves the pages, it leaves them before they go.
    """
    with _shared_window.lent(browser) as page:
        yield page


@pytest.fixture(scope="session")
def digest() -> bytes:
    """A Japanese digest of 24 items, as an office sends it."""
    return (_SAMPLES / "digest.txt").read_bytes()


@pytest.fixture(scope="session", params=["our own", "a real one"])
def each_digest(request: pytest.FixtureRequest, digest: bytes) -> bytes:
    """The digest, and a real one of the same form where it is at hand."""
    if request.param == "our own":
        return digest
    real = SHARED_DATA / "hot-topics-2021-10-21.txt"
    if not real.is_file():
        pytest.skip(f"an extra: {real} is not here")
    return real.read_bytes()
