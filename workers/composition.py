"""The composition root of workers: the common services, with routes, DKIM keys and leases."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from newsletter import services
from newsletter.bounces.webhooks import require_secrets
from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import msg
from newsletter.message.dkim import DkimKey, read_key
from newsletter.settings import Settings
from workers.clocks import LeaseWatch
from workers.intake.listener import read_listen_address
from workers.intake.mailbox import read_account
from workers.transports import Route, open_route, relay_names, require_relay_files


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class WorkerServices(services.Services):
    """The services of tasks."""

    routes: tuple[Route, ...]
    dkim_keys: tuple[DkimKey, ...] = ()
    watch: LeaseWatch = field(default_factory=LeaseWatch)
    list_watch: LeaseWatch = field(default_factory=LeaseWatch)
    #: The event loop of the transports' connections, which are kept between batches.
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def close(self) -> None:
        """Close all connections."""
        for route in self.routes:
            self.runner.run(route.transport.close())
        self.runner.close()
        self.engine.dispose()


def build(settings: Settings) -> WorkerServices:
    """Create the services, without connecting.

    Raises:
        SettingError: A setting is not valid, or there is no transport.
    """
    if not settings.mail_transports:
        raise SettingError(
            msg("No transport is configured."),
            place=Place(source=msg("settings"), field="MAIL_TRANSPORTS"),
            remedy=msg("Set it to your relay, such as smtp://user:secret@host:587?tls=starttls."),
        )
    common = services.build_services(settings)
    return WorkerServices(
        settings=settings,
        engine=common.engine,
        signer=common.signer,
        message_id_key=common.message_id_key,
        routes=tuple(open_route(url.get_secret_value()) for url in settings.mail_transports),
        dkim_keys=read_dkim_keys(settings),
    )


def require_settings(settings: Settings) -> None:
    """Check the settings that would otherwise be read only when mail is sent or received.

    Raises:
        SettingError: A setting is not valid.
    """
    relay_names(settings)
    read_listen_address(settings.bounce_listen)
    if settings.bounce_mailbox is not None:
        read_account(settings.bounce_mailbox.get_secret_value())
    require_secrets(settings.webhook_secrets)


def require_files(settings: Settings) -> None:
    """Check the files that hosts with workers must be able to read.

    Raises:
        SettingError: A file cannot be read, or has other content.
    """
    read_dkim_keys(settings)
    require_relay_files(settings)


def read_dkim_keys(settings: Settings) -> tuple[DkimKey, ...]:
    """Return the DKIM keys.

    Raises:
        SettingError: A file cannot be read, or has no key.
    """
    return tuple(_read_dkim_key(words) for words in settings.dkim_keys)


def _read_dkim_key(words: str) -> DkimKey:
    place = Place(source=msg("settings"), field="DKIM_KEYS")
    domain, _, rest = words.partition(":")
    selector, _, path = rest.partition(":")
    if not (domain and selector and path):
        raise SettingError(
            msg("“{text}” does not describe a key.", text=words),
            place=place,
            remedy=msg("Write domain:selector:file."),
        )
    try:
        pem = Path(path).read_bytes()
    except OSError as error:
        raise SettingError(
            msg("{path} cannot be read: {reason}.", path=path, reason=system_reason(error)),
            place=place,
        ) from None
    return read_key(domain.lower(), selector, pem, source=path)
