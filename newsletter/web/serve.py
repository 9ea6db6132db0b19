"""Serving the web application."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from newsletter.errors import UnavailableError, system_reason
from newsletter.i18n.messages import msg
from newsletter.logs import set_up_logs
from newsletter.mailbox.store import MailboxStore
from newsletter.services import build_services
from newsletter.settings import Settings
from newsletter.web.app import create_app
from newsletter.web.slow_clients import BoundedProtocol

_log = logging.getLogger(__name__)

#: Connections beyond which a process replies 503; each may hold the limited body of a request.
_MOST_CONNECTIONS = 1000


def serve(settings: Settings, *, before: Callable[[], None] = lambda: None) -> None:
    """Serve until stopped; uvicorn's access log is off, since URLs contain tokens.

    Args:
        settings: The settings.
        before: Called after the port is bound and before the first response.

    Raises:
        UnavailableError: The address is in use, or does not belong to this machine.
    """
    set_up_logs(settings)
    if settings.public_url_is_plain:
        _log.warning("PUBLIC_URL is not https: cookies and links travel in the clear")
    services = build_services(settings)
    app = create_app(
        settings=settings,
        engine=services.engine,
        signer=services.signer,
        mailbox=MailboxStore(settings.mailbox_file) if settings.mailbox_file else None,
    )
    # uvicorn raises the signal again after it has stopped.
    with suppress(KeyboardInterrupt), _listening(settings.web_host, settings.web_port) as taken:
        before()
        server_of(
            app,
            host=settings.web_host,
            port=settings.web_port,
            trusted_proxies=settings.trusted_proxies,
        ).run(sockets=[taken])


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket; uvicorn itself would exit with its own code if this fails."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UnavailableError(
            msg(
                "Cannot listen on {address}: {reason}.",
                address=f"{host}:{port}",
                reason=system_reason(error),
            ),
            remedy=msg("Correct WEB_HOST or WEB_PORT, or end what uses the port."),
        ) from None


def server_of(
    app: FastAPI, *, host: str, port: int, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Server:
    """Return the application's server, which ends the streams of pages when it is stopped.

    A client's address is the rightmost one in ``X-Forwarded-For`` that does not belong to a trusted
    proxy, since the client can forge everything to its left. Without trusted proxies, the header is
    ignored.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        # Long enough for streams to end at their next tick.
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=15,
    )
    server = uvicorn.Server(config)
    app.state.is_ending = lambda: server.should_exit
    return server
