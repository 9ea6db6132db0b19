"""Roles: what an account may do, in one newsletter or in all."""

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
    """All that an account may do; an administrator may do everything where they administer."""

    grants: frozenset[Grant] = frozenset()

    def may(self, permission: Permission, newsletter_id: int | None = None) -> bool:
        """Return whether any role held allows something: in one newsletter, or (None) in any."""
        roles = PERMISSIONS[permission] | {Role.ADMINISTRATOR}
        return any(
            grant.role in roles
            and (newsletter_id is None or grant.newsletter_id in {None, newsletter_id})
            for grant in self.grants
        )

    def may_everywhere(self, permission: Permission) -> bool:
        """Return whether something is allowed in all newsletters, also those to come."""
        roles = PERMISSIONS[permission] | {Role.ADMINISTRATOR}
        return any(grant.role in roles and grant.newsletter_id is None for grant in self.grants)

    def reach(self, newsletter_id: int) -> bool:
        """Return whether any role is held in a newsletter."""
        return any(grant.newsletter_id in {None, newsletter_id} for grant in self.grants)

    def cover(self, permission: Permission, newsletter_id: int | None) -> bool:
        """Return whether something is allowed in a newsletter, or (None) in all of them."""
        if newsletter_id is None:
            return self.may_everywhere(permission)
        return self.may(permission, newsletter_id)

    def may_do(self, action: Action, newsletter_id: int | None) -> bool:
        """Return whether an action is allowed in a newsletter, or (None) in all of them.

        By the same table `newsletter.accounts.audit.record_event` refuses it.
        """
        return action.needed is None or self.cover(action.needed, newsletter_id)

    def demand(self, permission: Permission, newsletter_id: int | None) -> None:
        """Refuse unless something is allowed in a newsletter, or (None) in all of them.

        Raises:
            ForbiddenError: It is not.
        """
        if self.cover(permission, newsletter_id):
            return
        if newsletter_id is None:
            raise ForbiddenError(msg("This affects all newsletters; your roles do not permit it."))
        raise ForbiddenError(msg("Your roles do not permit this."))


#: What whoever has a shell on this machine may do.
ALL_RIGHTS = Rights(grants=frozenset({Grant(role=Role.ADMINISTRATOR)}))


def rights_of(session: Session, account_id: int) -> Rights:
    """Return what an account may do now."""
    rows = session.execute(
        select(RoleGrantRow.role, RoleGrantRow.newsletter_id).where(
            RoleGrantRow.account_id == account_id
        )
    )
    return Rights(grants=frozenset(Grant(role=role, newsletter_id=number) for role, number in rows))


def holders_of(
    session: Session, permission: Permission, newsletter_id: int, *, besides: int | None = None
) -> Sequence[AccountRow]:
    """Return who was given a role that allows something, and can sign in; else administrators.

    Args:
        session: The database.
        permission: What is to be done.
        newsletter_id: Where; a role for all newsletters reaches there, too.
        besides: An account that is not meant.
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
    """Replace what an account may do."""
    session.execute(delete(RoleGrantRow).where(RoleGrantRow.account_id == account_id))
    session.add_all(
        RoleGrantRow(account_id=account_id, role=grant.role, newsletter_id=grant.newsletter_id)
        for grant in set(grants)
    )
    session.flush()


def has_administrator(session: Session) -> bool:
    """Return whether somebody administers everything and can sign in."""
    query = exists().where(
        RoleGrantRow.role == Role.ADMINISTRATOR,
        RoleGrantRow.newsletter_id.is_(None),
        RoleGrantRow.account_id == AccountRow.id,
        AccountRow.password_hash.is_not(None),
        AccountRow.disabled_at.is_(None),
    )
    return bool(session.scalar(select(query)))
