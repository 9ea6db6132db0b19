"""The composition root: engine, signer and transport built from settings, once a process."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.errors import Place, SettingError
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import TokenSigner
from workers.transports import open_transport
from workers.transports.base import Transport


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Services:
    """What tasks, pages and commands work with."""

    settings: Settings
    engine: Engine
    signer: TokenSigner
    message_id_key: bytes
    transport: Transport


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
        transport=open_transport(settings.mail_transports[0].get_secret_value()),
    )
