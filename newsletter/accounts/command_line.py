"""Who acts by the command line: this machine's user, or an account that they name."""

from __future__ import annotations

import os
import pwd

from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE, Actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import rights_of
from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.database.tables import AccountRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg


def find_actor(
    engine: Engine,
    address: str | None,
    purpose: Action | Permission,
    newsletter_id: int | None = None,
) -> Actor:
    """Return who acts, for the audit log.

    Args:
        engine: The database.
        address: Of the account that is named with ``--as``; None for this machine's user.
        purpose: What they come to do, or to see; their roles must permit it. An action by a rule of
            its own asks here for no more than an account.
        newsletter_id: Where they must; None for what touches all newsletters.

    Raises:
        ListError: The address is none.
        NotFoundError: There is no such account, or it is disabled.
        ForbiddenError: Its roles do not reach that far.
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
                remedy=msg("See the list of people on the page /accounts."),
            )
        rights = rights_of(session, account.id)
    needed = purpose.needed if isinstance(purpose, Action) else purpose
    if needed is not None:
        rights.demand(needed, newsletter_id)
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
        # A container may run as a number that no name belongs to.
        return str(number)
