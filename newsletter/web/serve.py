"""Serving the web application."""

from __future__ import annotations

import uvicorn

from newsletter.database.engine import open_engine
from newsletter.mailbox.store import MailboxStore
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app


def serve(settings: Settings) -> None:
    """Serve until ended; tokens stand in URLs, so no access log is written."""
    app = create_app(
        settings=settings,
        engine=open_engine(settings.effective_database_url),
        signer=TokenSigner(signing_keys(settings)),
        mailbox=MailboxStore(settings.mailbox_file) if settings.mailbox_file else None,
    )
    uvicorn.run(
        app,
        host=settings.web_host,
        port=settings.web_port,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
    )
