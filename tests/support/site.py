"""The web application on a port of its own, as tests of pages begin."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import Engine

from newsletter.mailbox.store import MailboxStore
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from newsletter.web.feedback.sns import fetch
from newsletter.web.serve import server_of
from tests.support.ports import await_condition


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
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    chosen = Settings.model_validate({"public_url": url, "data_dir": folder, **settings})
    app = create_app(settings=chosen, engine=engine, signer=signer, mailbox=mailbox, fetch=fetch)
    server = server_of(app, host="127.0.0.1", port=port, trusted_proxies=chosen.trusted_proxies)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        await_condition(lambda: server.started, seconds=20, what="the pages to be served")
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Return every route, those of included routers too, which ``app.routes`` does not show."""
    found = [context.original_route for context in iter_route_contexts(app.routes)]
    return [route for route in found if isinstance(route, APIRoute)]
