"""The web application on a port of its own, as tests of pages begin."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.mailbox.store import MailboxStore
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from newsletter.web.feedback.webhooks import fetch
from newsletter.web.serve import server_of
from tests.support.engines import share_compiled
from tests.support.ports import await_condition


@dataclass(frozen=True, kw_only=True)
class _Site:
    """An application that is served, by its address."""

    url: str
    app: FastAPI
    server: uvicorn.Server


@contextmanager
def serving(
    engine: Engine,
    signer: TokenSigner,
    folder: Path,
    *,
    mailbox: MailboxStore | None = None,
    fetch: Callable[[str], bytes] = fetch,
    **settings: object,
) -> Iterator[str]:
    """Serve the pages; yields their address. ``fetch`` asks Amazon SNS."""

    def build(chosen: Settings) -> FastAPI:
        return create_app(
            settings=chosen, engine=engine, signer=signer, mailbox=mailbox, fetch=fetch
        )

    with _served(build, data_dir=folder, **settings) as site:
        yield site.url


@contextmanager
def _served(build: Callable[[Settings], FastAPI], **settings: object) -> Iterator[_Site]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    chosen = Settings.model_validate({"public_url": url, **settings})
    app = build(chosen)
    server = server_of(app, host="127.0.0.1", port=port, trusted_proxies=chosen.trusted_proxies)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        await_condition(lambda: server.started, seconds=60, what="the pages to be served")
        yield _Site(url=url, app=app, server=server)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Figures(Figures):
    """Figures that one test counted, and no other is shown."""

    def start_over(self) -> None:
        super().__init__(self._engine)


class SharedSite:
    """Pages that stay served from test to test: only the database behind them is another.

    To build the application and to compile its templates takes longer than most tests of a page.
    Not for tests that need a folder or settings of their own, or that count requests.
    """

    def __init__(self, folder: Path, engine: Engine, **settings: object) -> None:
        url = engine.url.render_as_string(hide_password=False)
        self._engine = share_compiled(open_engine(url))
        # The first connection tells what server it is.
        self._engine.connect().close()
        self._engine.dispose()
        self._figures = _Figures(self._engine)
        self._open = ExitStack()
        self._site = self._open.enter_context(_served(self._build, data_dir=folder, **settings))

    def _build(self, settings: Settings) -> FastAPI:
        return create_app(
            settings=settings,
            engine=self._engine,
            signer=TokenSigner([b"k" * 40]),
            mailbox=None,
            figures=self._figures,
        )

    @contextmanager
    def before(self, engine: Engine) -> Iterator[str]:
        """Put the pages before a database; yields their address."""
        self._engine.pool = engine.pool
        try:
            yield self._site.url
        finally:
            state = self._site.server.server_state
            await_condition(lambda: not state.tasks, seconds=60, what="the last request to end")
            self._figures.start_over()
            self._site.app.state.clients.__init__()

    def close(self) -> None:
        self._open.close()


class SharedSites:
    """The shared sites of a test process, by dialect and settings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sites: dict[Hashable, SharedSite] = {}

    def before(self, engine: Engine, **settings: Hashable) -> AbstractContextManager[str]:
        """Return the site of such settings, put before a database; one test at a time has it."""
        key = (engine.dialect.name, *sorted(settings.items()))
        if key not in self._sites:
            self._sites[key] = SharedSite(self._folder, engine, **settings)
        return self._sites[key].before(engine)

    def close(self) -> None:
        for site in self._sites.values():
            site.close()


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Return every route."""
    return [route for route in app.routes if isinstance(route, APIRoute)]
