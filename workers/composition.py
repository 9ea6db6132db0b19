"""The composition root: engine, signer and routes built from settings, once a process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.errors import Place, SettingError
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from workers.transports import Route, open_route


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Services:
    """What tasks, pages and commands work with."""

    settings: Settings
    engine: Engine
    signer: TokenSigner
    message_id_key: bytes
    routes: tuple[Route, ...]
    #: The loop that the transports' connections live in, kept from batch to batch.
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def close(self) -> None:
        """End the connections politely."""
        for route in self.routes:
            self.runner.run(route.transport.close())
        self.runner.close()
        self.engine.dispose()


def build(settings: Settings) -> Services:
    """Build the services; nothing is connected yet.

    Raises:
        SettingError: A setting is wrong, or no transport is set.
    """
    if not settings.mail_transports:
        raise SettingError(
            "No transport is set.",
            place=Place(source="settings", field="MAIL_TRANSPORTS"),
            remedy="Set it to your relay, such as smtp://user:secret@host:587?tls=starttls.",
        )
    keys = signing_keys(settings)
    return Services(
        settings=settings,
        engine=open_engine(settings.effective_database_url),
        signer=TokenSigner(keys),
        # The oldest key: Message-IDs must stay the same when a new key is put in front.
        message_id_key=keys[-1],
        routes=tuple(open_route(url.get_secret_value()) for url in settings.mail_transports),
    )
