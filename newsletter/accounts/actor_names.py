"""What people call whoever did something: colleagues by their names, doors in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import COMMAND_LINE, NOBODY, READER, Actor
from newsletter.database.tables import AccountRow
from newsletter.i18n.messages import Message, msg, written

_NAMED: Mapping[str, Message] = {
    COMMAND_LINE.name: msg("Command line"),
    NOBODY.name: msg("Not signed in"),
    READER.name: msg("Reader"),
    "one-time link": msg("One-time link"),
}


def colleagues_by_address(session: Session) -> Mapping[str, str]:
    """Return the names of accounts by their addresses; of those alone that no two have."""
    rows = session.execute(
        select(AccountRow.address, AccountRow.name).where(AccountRow.name != "")
    ).all()
    times = Counter(name for _, name in rows)
    return {address: name for address, name in rows if times[name] == 1}


def name_actor(recorded: str, colleagues: Mapping[str, str]) -> Message:
    """Return what an actor's name in the audit log stands for; itself where it is not known.

    Args:
        recorded: `Actor.name`, which is an address where it is somebody's of the staff.
        colleagues: See `colleagues_by_address`.
    """
    if recorded in _NAMED:
        return _NAMED[recorded]
    begin, end = f"{COMMAND_LINE.name} (", ")"
    if recorded.startswith(begin) and recorded.endswith(end):
        user = recorded.removeprefix(begin).removesuffix(end)
        return msg("Command line ({user})", user=user)
    return written(colleagues.get(recorded, recorded))


def words_for(session: Session, actor: Actor) -> Message:
    """Return what people call whoever acts now."""
    return name_actor(actor.name, colleagues_by_address(session))
