"""Actors on the command line, and display names for actors in the audit log."""

from __future__ import annotations

import os
import pwd
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE, LINK_HOLDER, NOBODY, READER, Actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import rights_of
from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.database.tables import AccountRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import Message, msg, written

_NAMED: Mapping[str, Message] = {
    COMMAND_LINE.name: msg("Command line"),
    NOBODY.name: msg("Not signed in"),
    READER.name: msg("Reader"),
    LINK_HOLDER.name: msg("One-time link"),
}


def colleagues_by_address(session: Session) -> Mapping[str, str]:
    """Return the names of accounts by address, leaving out names that two accounts share."""
    rows = session.execute(
        select(AccountRow.address, AccountRow.name).where(AccountRow.name != "")
    ).all()
    times = Counter(name for _, name in rows)
    return {address: name for address, name in rows if times[name] == 1}


def name_actor(recorded: str, colleagues: Mapping[str, str]) -> Message:
    """Return the display name for an actor in the audit log.

    Args:
        recorded: The recorded `Actor.name`, which is the address for members of the staff.
        colleagues: The result of `colleagues_by_address`.
    """
    if recorded in _NAMED:
        return _NAMED[recorded]
    begin, end = f"{COMMAND_LINE.name} (", ")"
    if recorded.startswith(begin) and recorded.endswith(end):
        user = recorded.removeprefix(begin).removesuffix(end)
        return msg("Command line ({user})", user=user)
    return written(colleagues.get(recorded, recorded))


def words_for(session: Session, actor: Actor) -> Message:
    """Return the display name of an actor."""
    return name_actor(actor.name, colleagues_by_address(session))


def find_actor(
    engine: Engine,
    address: str | None,
    purpose: Action | Permission,
    newsletter_id: int | None = None,
) -> Actor:
    """Return the actor of a command.

    Args:
        engine: The database.
        address: The address of the account given by ``--as``; None for this machine's user.
        purpose: The action, or the permission to view something, that the roles must permit. For
            actions with rules of their own, any account will do here.
        newsletter_id: The newsletter in which they must permit it; None for all newsletters.

    Raises:
        ListError: The address is not valid.
        NotFoundError: There is no such account, or it is disabled.
        ForbiddenError: The account's roles do not permit it.
    """
    user = _user()
    if address is None:
        return Actor(account_id=None, name=f"{COMMAND_LINE.name} ({user})", door=COMMAND_LINE.door)
    with reading(engine) as session:
        account = session.scalars(
            select(AccountRow).where(AccountRow.address_key == parse_address(address.strip()).key)
        ).one_or_none()
        if account is None or account.disabled_at is not None:
            raise NotFoundError(
                msg("There is no active account for {address}.", address=address),
                command=msg("Who has one: newsletter account list."),
            )
        rights = rights_of(session, account.id)
    needed = purpose.needed if isinstance(purpose, Action) else purpose
    if needed is not None:
        rights.require(needed, newsletter_id)
    return Actor(
        account_id=account.id,
        name=account.address,
        network=f"user {user}"[:64],
        door=COMMAND_LINE.door,
    )


def _user() -> str:
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # In a container, the user id may have no name.
        return str(number)
