"""Roles of accounts, in one newsletter or in all, and the rights that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import PERMISSIONS, Permission
from newsletter.database.tables import AccountRow, RoleGrantRow
from newsletter.database.vocabulary import Role
from newsletter.errors import ForbiddenError
from newsletter.i18n.messages import msg


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A role in one newsletter, or (None) in all."""

    role: Role
    newsletter_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """The rights of an account; an administrator has all permissions."""

    grants: frozenset[Grant] = frozenset()

    def may(self, permission: Permission, newsletter_id: int | None = None) -> bool:
        """Return whether a role permits something, in one newsletter or (None) in any."""
        roles = PERMISSIONS[permission] | {Role.ADMINISTRATOR}
        return any(
            grant.role in roles
            and (newsletter_id is None or grant.newsletter_id in {None, newsletter_id})
            for grant in self.grants
        )

    def may_everywhere(self, permission: Permission) -> bool:
        """Return whether something is permitted in all newsletters, including future ones."""
        roles = PERMISSIONS[permission] | {Role.ADMINISTRATOR}
        return any(grant.role in roles and grant.newsletter_id is None for grant in self.grants)

    def reach(self, newsletter_id: int) -> bool:
        """Return whether the account has any role in a newsletter."""
        return any(grant.newsletter_id in {None, newsletter_id} for grant in self.grants)

    def cover(self, permission: Permission, newsletter_id: int | None) -> bool:
        """Return whether something is permitted in a newsletter, or (None) in all of them."""
        if newsletter_id is None:
            return self.may_everywhere(permission)
        return self.may(permission, newsletter_id)

    def may_do(self, action: Action, newsletter_id: int | None) -> bool:
        """Return whether an action is permitted in a newsletter, or (None) in all of them.

        `newsletter.accounts.audit.record_event` refuses actions by the same rule.
        """
        return action.needed is None or self.cover(action.needed, newsletter_id)

    def require(self, permission: Permission, newsletter_id: int | None) -> None:
        """Check that something is permitted in a newsletter, or (None) in all of them.

        Raises:
            ForbiddenError: It is not permitted.
        """
        if self.cover(permission, newsletter_id):
            return
        if newsletter_id is None:
            raise ForbiddenError(msg("This affects all newsletters; your roles do not permit it."))
        raise ForbiddenError(msg("Your roles do not permit this."))


#: The rights of users with a shell on this machine.
ALL_RIGHTS = Rights(grants=frozenset({Grant(role=Role.ADMINISTRATOR)}))


def rights_of(session: Session, account_id: int) -> Rights:
    """Return the present rights of an account."""
    rows = session.execute(
        select(RoleGrantRow.role, RoleGrantRow.newsletter_id).where(
            RoleGrantRow.account_id == account_id
        )
    )
    return Rights(grants=frozenset(Grant(role=role, newsletter_id=number) for role, number in rows))


def holders_of(
    session: Session, permission: Permission, newsletter_id: int, *, besides: int | None = None
) -> Sequence[AccountRow]:
    """Return the active accounts with a role that permits something, or else administrators.

    Args:
        session: The database session.
        permission: The permission.
        newsletter_id: The newsletter; roles for all newsletters count as well.
        besides: An account to leave out.
    """
    for roles in (PERMISSIONS[permission], frozenset({Role.ADMINISTRATOR})):
        held = exists().where(
            RoleGrantRow.account_id == AccountRow.id,
            RoleGrantRow.role.in_(roles),
            or_(RoleGrantRow.newsletter_id.is_(None), RoleGrantRow.newsletter_id == newsletter_id),
        )
        holders = session.scalars(
            select(AccountRow)
            .where(
                held,
                AccountRow.disabled_at.is_(None),
                AccountRow.password_hash.is_not(None),
                AccountRow.id != (besides or 0),
            )
            .order_by(AccountRow.name, AccountRow.id)
        ).all()
        if holders:
            return holders
    return []


def set_grants(session: Session, account_id: int, grants: Iterable[Grant]) -> None:
    """Replace the roles of an account."""
    session.execute(delete(RoleGrantRow).where(RoleGrantRow.account_id == account_id))
    session.add_all(
        RoleGrantRow(account_id=account_id, role=grant.role, newsletter_id=grant.newsletter_id)
        for grant in set(grants)
    )
    session.flush()


def has_administrator(session: Session) -> bool:
    """Return whether there is an active administrator of all newsletters."""
    query = exists().where(
        RoleGrantRow.role == Role.ADMINISTRATOR,
        RoleGrantRow.newsletter_id.is_(None),
        RoleGrantRow.account_id == AccountRow.id,
        AccountRow.password_hash.is_not(None),
        AccountRow.disabled_at.is_(None),
    )
    return bool(session.scalar(select(query)))
