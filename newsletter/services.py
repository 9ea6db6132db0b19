"""The composition root: creates the services of pages, commands and workers, once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.feedback.attribution import Keys
from newsletter.settings import Settings, signing_keys
from newsletter.tokens import Pseudonyms, TokenSigner


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Services:
    """The services that all parts use; connections are made when they are first used."""

    settings: Settings
    engine: Engine
    signer: TokenSigner
    #: The oldest key, so that Message-IDs stay the same when a new key is added in front.
    message_id_key: bytes

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The pseudonyms by which erased addresses are recognised."""
        return self.signer.pseudonyms

    @property
    def feedback_keys(self) -> Keys:
        """The keys with which feedback is verified to be about a mail of ours."""
        return Keys(signer=self.signer, message_id_key=self.message_id_key)


def connect(settings: Settings, *, on_wait: Callable[[str], None] | None = None) -> Engine:
    """Return the engine of the configured database; see `open_engine`."""
    return open_engine(
        settings.effective_database_url, seconds=settings.database_timeout, on_wait=on_wait
    )


def build_services(settings: Settings, engine: Engine | None = None) -> Services:
    """Create the services, with ``engine`` if one exists already.

    Raises:
        SettingError: No signing key is set.
    """
    keys = signing_keys(settings)
    return Services(
        settings=settings,
        engine=engine or connect(settings),
        signer=TokenSigner(keys),
        message_id_key=keys[-1],
    )
