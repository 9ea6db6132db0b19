"""State of all commands: the settings, the database, and whether the output is JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from newsletter.cli.language import gettext as _
from newsletter.cli.prompts import ask

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from newsletter.accounts.audit import Actor
    from newsletter.accounts.audit_actions import Action
    from newsletter.accounts.permissions import Permission
    from newsletter.newsletters.publications import Newsletter
    from newsletter.settings import Settings

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AuditReason = Annotated[str, typer.Option(help="The reason, for the audit log.")]
#: The same where an order needs a reason.
AskedReason = Annotated[
    str,
    typer.Option(
        help="The reason, for the audit log; asked for if omitted.",
        callback=lambda given: given.strip() or ask(_("Reason"), option="--reason"),
    ),
]
NewsletterName = Annotated[
    str | None, typer.Option("--newsletter", "-n", help="The newsletter, if there are several.")
]
As = Annotated[
    str | None,
    typer.Option("--as", help="The address of the account that acts; this system user if omitted."),
]


def settings_of(context: typer.Context) -> Settings:
    """Return the settings, from the file that ``--env-file`` names."""
    from newsletter.settings import load_settings

    env_file = context.find_root().params.get("env_file")
    return load_settings(Path(env_file) if env_file else None)


def environment_of(context: typer.Context) -> dict[str, str]:
    """Return what processes we start need in their environment to read the same settings."""
    from newsletter.settings import SETTINGS_FILE

    env_file = context.find_root().params.get("env_file")
    return {SETTINGS_FILE: str(Path(env_file).resolve())} if env_file else {}


def has_database(settings: Settings) -> bool:
    """Return whether the database exists; opening a missing SQLite file would create it."""
    file = _sqlite_file(settings)
    return file is None or file.is_file()


def _sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the database; None if it is a server."""
    from sqlalchemy import make_url

    url = make_url(settings.effective_database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def open_database(settings: Settings) -> Engine:
    """Return the engine of a database after its migrations.

    Commands wait some seconds for an unavailable database, for example during its restart.
    """
    from newsletter.database.migrations import upgrade
    from newsletter.disk import narrow_files
    from newsletter.services import connect

    narrow_files(settings.data_dir, filter(None, (_sqlite_file(settings), settings.mailbox_file)))
    engine = connect(settings, on_wait=_tell_of_waiting)
    upgrade(engine)
    return engine


def _tell_of_waiting(reason: str) -> None:
    from newsletter.cli.console import errors

    words = _("The database is not responding ({reason}); waiting for it …", reason=reason)
    errors.print(words, soft_wrap=True)


def look_again(look: Callable[[], T]) -> T:
    """Read from the database, and repeat it once after a lost connection, such as by a restart."""
    from newsletter.database.engine import AWAY

    try:
        return look()
    except AWAY:
        return look()


def open_with_keys(settings: Settings) -> Engine:
    """Return the engine for code that signs or verifies links.

    Raises:
        SettingError: The key of links that are in use is missing.
    """
    from newsletter.operations.signing_keys import require_keys
    from newsletter.settings import signing_keys

    engine = open_database(settings)
    require_keys(engine, signing_keys(settings))
    return engine


@dataclass(frozen=True, kw_only=True)
class CommandContext:
    """The context of a command that changes something."""

    settings: Settings
    engine: Engine
    actor: Actor


@dataclass(frozen=True, kw_only=True)
class NewsletterContext(CommandContext):
    """The context of a command for one newsletter."""

    newsletter: Newsletter


def open_all(
    context: typer.Context, as_: str | None, purpose: Action | Permission
) -> CommandContext:
    """Open the database, and find who acts on what all newsletters share.

    Raises:
        NewsletterError: There is no such account, or it may not do this.
    """
    from newsletter.accounts.actors import find_actor

    settings = settings_of(context)
    engine = open_database(settings)
    return CommandContext(settings=settings, engine=engine, actor=find_actor(engine, as_, purpose))


@contextmanager
def changing_all(
    context: typer.Context, as_: str | None, action: Action
) -> Iterator[tuple[CommandContext, Session]]:
    """Change what all newsletters share in one transaction; see `open_all`."""
    from newsletter.database.engine import transaction

    opened = open_all(context, as_, action)
    with transaction(opened.engine) as session:
        yield opened, session


@contextmanager
def reading_newsletter(
    context: typer.Context, name: str | None, *, with_keys: bool = False
) -> Iterator[tuple[Session, Newsletter]]:
    """Read what a newsletter has, as anybody at this machine may; see `open_newsletter`."""
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter

    settings = settings_of(context)
    engine = open_with_keys(settings) if with_keys else open_database(settings)
    with reading(engine) as session:
        yield session, find_newsletter(session, name)


def open_newsletter(
    context: typer.Context,
    name: str | None,
    as_: str | None,
    purpose: Action | Permission,
    *,
    with_keys: bool = False,
) -> NewsletterContext:
    """Open the database, and find a newsletter and who acts on it.

    Args:
        context: The command's.
        name: The newsletter; None for the only one.
        as_: The account that acts; None for the system user.
        purpose: What it is to do here, or to see.
        with_keys: Whether links are signed or checked: see `open_with_keys`.

    Raises:
        NewsletterError: There is no such newsletter or account, or it may not do this.
    """
    from newsletter.accounts.actors import find_actor
    from newsletter.database.engine import reading
    from newsletter.newsletters.publications import find_newsletter

    settings = settings_of(context)
    engine = open_with_keys(settings) if with_keys else open_database(settings)
    with reading(engine) as session:
        newsletter = find_newsletter(session, name)
    return NewsletterContext(
        settings=settings,
        engine=engine,
        newsletter=newsletter,
        actor=find_actor(engine, as_, purpose, newsletter.id),
    )


@contextmanager
def changing(
    context: typer.Context,
    name: str | None,
    as_: str | None,
    purpose: Action | Permission,
    *,
    with_keys: bool = False,
    long: bool = False,
) -> Iterator[tuple[NewsletterContext, Session]]:
    """Change what a newsletter has in one transaction; see `open_newsletter` and `transaction`."""
    from newsletter.database.engine import transaction

    opened = open_newsletter(context, name, as_, purpose, with_keys=with_keys)
    with transaction(opened.engine, long=long) as session:
        yield opened, session
