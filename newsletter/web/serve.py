"""Serving the web application."""

from __future__ import annotations

from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from newsletter.database.engine import open_engine
from newsletter.logs import set_up_logs
from newsletter.mailbox.store import MailboxStore
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app


def serve(settings: Settings) -> None:
    """Serve until ended; tokens stand in URLs, so uvicorn's access log is not written."""
    set_up_logs(settings)
    app = create_app(
        settings=settings,
        engine=open_engine(settings.effective_database_url, seconds=settings.database_timeout),
        signer=TokenSigner(signing_keys(settings)),
        mailbox=MailboxStore(settings.mailbox_file) if settings.mailbox_file else None,
    )
    # uvicorn raises the signal that ended it once more.
    with suppress(KeyboardInterrupt):
        server_of(app, host=settings.web_host, port=settings.web_port).run()


def server_of(app: FastAPI, *, host: str, port: int) -> uvicorn.Server:
    """Return the application's server, which ends its pages' streams when told to end."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        # Within it, streams come to their next tick and end.
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = uvicorn.Server(config)
    app.state.is_ending = lambda: server.should_exit
    return server
