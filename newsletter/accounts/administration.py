"""Administration of accounts: roles, disabling, resetting a lost second factor."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, read_reason, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import describe, revoke_links
from newsletter.accounts.roles import Grant, has_administrator, rights_of, set_grants
from newsletter.accounts.second_factor import forget_second_factor
from newsletter.accounts.sessions import end_all_sessions
from newsletter.addresses import parse_address
from newsletter.database.tables import AccountRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg


def find_account(session: Session, address: str) -> int:
    """Return the id of the account with an address.

    Raises:
        ListError: The address is not valid.
        NotFoundError: There is no such account.
    """
    key = parse_address(address).key
    number = session.scalar(select(AccountRow.id).where(AccountRow.address_key == key))
    if number is None:
        raise NotFoundError(msg("There is no account for {address}.", address=address))
    return number


def list_accounts(session: Session) -> Sequence[AccountRow]:
    """Return all accounts, the oldest first."""
    return session.scalars(select(AccountRow).order_by(AccountRow.id)).all()


def give_role(session: Session, actor: Actor, account_id: int, grant: Grant) -> None:
    """Give a role to an account.

    Raises:
        NotFoundError: There is no such account.
    """
    _lock(session, account_id)
    grants = rights_of(session, account_id).grants
    _change_roles(session, actor, account_id, grants, grants | {grant})


def take_role(session: Session, actor: Actor, account_id: int, grant: Grant) -> None:
    """Take a role from an account.

    Raises:
        NotFoundError: There is no such account.
        ConflictError: It is the last administrator of all newsletters.
    """
    _lock(session, account_id)
    grants = rights_of(session, account_id).grants
    _change_roles(session, actor, account_id, grants, grants - {grant})


def disable_account(session: Session, actor: Actor, account_id: int) -> None:
    """Disable an account; its sessions end, and its one-time links become invalid.

    Raises:
        NotFoundError: There is no such account.
        ConflictError: It is the last administrator of all newsletters.
    """
    account = _lock(session, account_id)
    had_one = has_administrator(session)
    account.disabled_at = account.disabled_at or now()
    session.flush()
    _keep_one_administrator(session, had_one=had_one)
    revoke_links(session, account_id)
    end_all_sessions(session, account_id)
    record_event(session, actor, Action.ACCOUNT_DISABLE, object=f"account {account_id}")


def enable_account(session: Session, actor: Actor, account_id: int) -> None:
    """Enable a disabled account again.

    Raises:
        NotFoundError: There is no such account.
    """
    _lock(session, account_id).disabled_at = None
    record_event(session, actor, Action.ACCOUNT_ENABLE, object=f"account {account_id}")


def reset_second_factor(session: Session, actor: Actor, account_id: int, *, reason: str) -> None:
    """Remove the second factor of an account whose owner has lost it; its sessions end.

    The password does not change, so the person who does this cannot sign in to the account.

    Raises:
        NotFoundError: There is no such account.
        ConflictError: The account has no second factor.
        OrderError: The reason is missing, or has more than 500 characters.
    """
    why = read_reason(reason)
    account = _lock(session, account_id)
    if account.totp_secret is None:
        raise ConflictError(msg("This account has no second factor."))
    forget_second_factor(session, account)
    end_all_sessions(session, account_id)
    record_event(
        session,
        actor,
        Action.ACCOUNT_SECOND_FACTOR_RESET,
        object=f"account {account_id}",
        reason=why,
    )


def _change_roles(
    session: Session,
    actor: Actor,
    account_id: int,
    before: frozenset[Grant],
    after: frozenset[Grant],
) -> None:
    had_one = has_administrator(session)
    set_grants(session, account_id, after)
    _keep_one_administrator(session, had_one=had_one)
    record_event(
        session,
        actor,
        Action.ACCOUNT_ROLES,
        object=f"account {account_id}",
        details={"before": describe(before), "after": describe(after)},
    )


def _lock(session: Session, account_id: int) -> AccountRow:
    # All rows are locked, so that two concurrent changes cannot remove the last two administrators.
    session.scalars(select(AccountRow.id).order_by(AccountRow.id).with_for_update()).all()
    account = session.get(AccountRow, account_id, populate_existing=True)
    if account is None:
        raise NotFoundError(msg("There is no such account."))
    return account


def _keep_one_administrator(session: Session, *, had_one: bool) -> None:
    if had_one and not has_administrator(session):
        raise ConflictError(
            msg("Somebody must administer all newsletters."),
            remedy=msg("Name another administrator first."),
        )
