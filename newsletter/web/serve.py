"""Serving the web application."""

from __future__ import annotations

import uvicorn

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
        engine=open_engine(settings.effective_database_url),
        signer=TokenSigner(signing_keys(settings)),
        mailbox=MailboxStore(settings.mailbox_file) if settings.mailbox_file else None,
    )
    uvicorn.run(
        app,
        host=settings.web_host,
        port=settings.web_port,
        log_config=None,
        access_log=False,
        # Pages that watch keep a stream open without end; they open it again elsewhere.
        timeout_graceful_shutdown=5,
        server_header=False,
    )
