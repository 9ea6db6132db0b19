"""One-time links: for the first administrator, for invitations, and for new passwords.

The functions return a token to hand over. Mails use a different token for the same invitation,
which is signed when the mail is composed, so that no valid token is stored in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.passwords import hash_password
from newsletter.accounts.roles import Grant, has_administrator, rights_of, set_grants
from newsletter.accounts.sessions import end_all_sessions
from newsletter.addresses import parse_address
from newsletter.database.tables import AccountRow, AuditEventRow, InvitationRow
from newsletter.database.types import now
from newsletter.database.vocabulary import InvitationPurpose, Role
from newsletter.errors import (
    AccountError,
    ConflictError,
    ListError,
    NotFoundError,
    Place,
    TokenError,
)
from newsletter.i18n.language import Language, usual_time_zone
from newsletter.i18n.messages import msg
from newsletter.tokens import Purpose, TokenSigner, new_token, token_hash

_LIFETIMES = {
    InvitationPurpose.FIRST: timedelta(hours=24),
    InvitationPurpose.INVITE: timedelta(days=7),
    InvitationPurpose.RESET: timedelta(hours=6),
}
#: Limits on links that anybody can request for an account: the interval between two mails, and the
#: number of valid links from which no further one is made; together, eight mails a day. An attacker
#: cannot lock the owner out by requesting links: the owner then has valid links in the mailbox.
_RESET_INTERVAL, _MOST_GOOD_LINKS = timedelta(minutes=5), 2
_NAME_LENGTH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """The invitation of a link; the first administrator has no address yet.

    Attributes:
        numbers: The numbers for a signed link to the same invitation.
        time_zone: The account's time zone.
        grants: The account's roles.
        expires_at: When the link expires.
        invited_by: The author of the link, by name or address; empty for commands.
    """

    numbers: tuple[int, int]
    purpose: InvitationPurpose
    account_id: int | None
    address: str
    name: str
    language: Language
    time_zone: str
    expires_at: datetime
    grants: frozenset[Grant] = frozenset()
    invited_by: str = ""


def first_link(session: Session) -> str | None:
    """Return a token for the first administrator; None if there is one. Older ones are revoked."""
    if has_administrator(session):
        return None
    session.execute(delete(InvitationRow).where(InvitationRow.purpose == InvitationPurpose.FIRST))
    return _issue(session, InvitationPurpose.FIRST, None)


def invite(
    session: Session,
    actor: Actor,
    *,
    address: str,
    grants: Iterable[Grant],
    language: Language = Language.JAPANESE,
    time_zone: str = "Asia/Tokyo",
) -> str:
    """Create an account without a password; return the token of its link.

    Raises:
        ListError: The address is not valid.
        ConflictError: The address has an account in use already.
    """
    parsed = parse_address(address)
    # Locked, since the person may be accepting an earlier invitation.
    account = session.scalar(
        select(AccountRow).where(AccountRow.address_key == parsed.key).with_for_update()
    )
    if account is not None and account.password_hash is not None:
        raise ConflictError(
            msg("{address} has an account already.", address=parsed.address),
            remedy=msg("Change its roles, or send it a link to choose a new password."),
        )
    if account is None:
        account = AccountRow(address=parsed.address, address_key=parsed.key)
        session.add(account)
    account.name, account.language, account.time_zone = "", language, time_zone
    session.flush()
    revoke_links(session, account.id)
    chosen = list(grants)
    set_grants(session, account.id, chosen)
    record_event(
        session,
        actor,
        Action.ACCOUNT_INVITE,
        object=f"account {account.id}",
        details={"address": account.address, "roles": describe(chosen)},
    )
    return _issue(session, InvitationPurpose.INVITE, account.id)


def reset_link(session: Session, actor: Actor, account_id: int) -> str:
    """Return a token for choosing a new password.

    Raises:
        NotFoundError: There is no such account.
        ConflictError: The account is disabled.
    """
    account = session.get(AccountRow, account_id)
    if account is None:
        raise NotFoundError(msg("There is no such account."))
    if account.disabled_at is not None:
        raise ConflictError(msg("This account is disabled."), remedy=msg("Enable it first."))
    revoke_links(session, account_id)
    return _issue_link(session, actor, account)


def forgotten_link(session: Session, actor: Actor, address: str) -> str | None:
    """Return a token for a forgotten password; it must be sent by mail only.

    Returns None if the address has no account in use, or the limits on links are exceeded. Anybody
    can request this for any account, so existing links, such as one from an administrator, remain
    valid.
    """
    try:
        key = parse_address(address).key
    except ListError:
        return None
    account = session.scalar(
        select(AccountRow)
        .where(AccountRow.address_key == key, AccountRow.disabled_at.is_(None))
        .with_for_update()
    )
    if account is None:
        return None
    moment = now()
    good = session.scalars(
        select(InvitationRow.created_at)
        .where(InvitationRow.account_id == account.id, InvitationRow.expires_at > moment)
        .order_by(InvitationRow.created_at)
    ).all()
    if len(good) >= _MOST_GOOD_LINKS or (good and good[-1] > moment - _RESET_INTERVAL):
        return None
    return _issue_link(session, actor, account)


def revoke_links(session: Session, account_id: int) -> None:
    """Revoke all links of an account."""
    session.execute(delete(InvitationRow).where(InvitationRow.account_id == account_id))


def read_invitation(session: Session, token: str, signer: TokenSigner | None = None) -> Invited:
    """Return the invitation of a link, without using the link.

    Args:
        session: The database session.
        token: The token, handed over or signed.
        signer: The signer for reading signed tokens.

    Raises:
        NotFoundError: The link was used, replaced or has expired, or its account is disabled.
    """
    row = _find(session, token, signer)
    account = None if row.account_id is None else session.get(AccountRow, row.account_id)
    return Invited(
        numbers=(row.id, _mark(row)),
        purpose=row.purpose,
        account_id=row.account_id,
        address=account.address if account else "",
        name=account.name if account else "",
        language=account.language if account else Language.JAPANESE,
        time_zone=account.time_zone if account else "UTC",
        expires_at=row.expires_at,
        grants=rights_of(session, account.id).grants if account else frozenset(),
        invited_by=_inviter(session, account.id) if account else "",
    )


def accept(
    session: Session,
    actor: Actor,
    token: str,
    *,
    password: str,
    name: str = "",
    address: str = "",
    language: Language | None = None,
    time_zone: str = "",
    signer: TokenSigner | None = None,
) -> int:
    """Use a link: set name and password, and end all sessions; return the account's id.

    The first administrator reads times by the zone that their browser tells, or by the usual one;
    whoever was invited by that of the colleague who invited them.

    Raises:
        NotFoundError: The link was used, replaced or has expired, or its account is disabled.
        AccountError: The password or name is not valid.
        ListError: The first administrator's address is not valid.
        UnavailableError: Too many passwords are being set at the same time.
    """
    row = _find(session, token, signer)
    if row.purpose is InvitationPurpose.FIRST:
        account = _first_administrator(session, address)
        account.time_zone = usual_time_zone(language or Language.JAPANESE, time_zone)
    else:
        account = session.get_one(AccountRow, row.account_id)
    if row.purpose is not InvitationPurpose.RESET:
        account.name = _clean(name)
        if not account.name:
            raise AccountError(msg("A name is needed."), place=Place(field="name"))
        account.language = language or account.language
    account.password_hash = hash_password(password, address=account.address)
    session.flush()
    if row.purpose is InvitationPurpose.FIRST:
        set_grants(session, account.id, [Grant(role=Role.ADMINISTRATOR)])
        session.delete(row)
    revoke_links(session, account.id)
    end_all_sessions(session, account.id)
    who = Actor(account_id=account.id, name=account.address, network=actor.network)
    reset = row.purpose is InvitationPurpose.RESET
    action = Action.ACCOUNT_PASSWORD if reset else Action.ACCOUNT_JOIN
    record_event(session, who, action, object=f"account {account.id}", reason="by one-time link")
    return account.id


def describe(grants: Iterable[Grant]) -> list[str]:
    """Return grants in the form of the audit log: ``editor``, or ``editor@3`` in newsletter 3."""
    return sorted(
        grant.role if grant.newsletter_id is None else f"{grant.role}@{grant.newsletter_id}"
        for grant in grants
    )


def _first_administrator(session: Session, address: str) -> AccountRow:
    if has_administrator(session):
        raise ConflictError(msg("There is an administrator already."))
    parsed = parse_address(address)
    account = session.scalar(select(AccountRow).where(AccountRow.address_key == parsed.key))
    if account is None:
        account = AccountRow(address=parsed.address, address_key=parsed.key)
        session.add(account)
    account.disabled_at = None
    return account


def _issue_link(session: Session, actor: Actor, account: AccountRow) -> str:
    fresh = account.password_hash is None
    record_event(session, actor, Action.ACCOUNT_LINK, object=f"account {account.id}")
    purpose = InvitationPurpose.INVITE if fresh else InvitationPurpose.RESET
    return _issue(session, purpose, account.id)


def _issue(session: Session, purpose: InvitationPurpose, account_id: int | None) -> str:
    moment = now()
    token = new_token()
    session.execute(delete(InvitationRow).where(InvitationRow.expires_at < moment))
    session.add(
        InvitationRow(
            token_hash=token_hash(token),
            purpose=purpose,
            account_id=account_id,
            expires_at=moment + _LIFETIMES[purpose],
        )
    )
    session.flush()
    return token


def _inviter(session: Session, account_id: int) -> str:
    """Return the name of the author of an account's last link, from the audit log."""
    row = session.scalar(
        select(AuditEventRow)
        .where(
            AuditEventRow.action.in_((Action.ACCOUNT_INVITE.value, Action.ACCOUNT_LINK.value)),
            AuditEventRow.object == f"account {account_id}",
        )
        .order_by(AuditEventRow.id.desc())
        .limit(1)
    )
    inviter = session.get(AccountRow, row.actor_id) if row and row.actor_id else None
    return inviter.name or inviter.address if inviter else ""


def _find(session: Session, token: str, signer: TokenSigner | None) -> InvitationRow:
    used = NotFoundError(msg("This link has been used already or has expired."))
    query = select(InvitationRow).where(InvitationRow.expires_at > now()).with_for_update()
    row = session.scalar(query.where(InvitationRow.token_hash == token_hash(token)))
    if row is None and signer is not None:
        try:
            number, mark = signer.read(Purpose.ACCOUNT, token)
        except (TokenError, ValueError):
            raise used from None
        row = session.scalar(query.where(InvitationRow.id == number))
        if row is not None and _mark(row) != mark:
            row = None
    if row is None:
        raise used
    account = None if row.account_id is None else session.get(AccountRow, row.account_id)
    if account is not None and account.disabled_at is not None:
        raise used
    return row


def _mark(row: InvitationRow) -> int:
    """Return a mark that differs for a later invitation with the same id."""
    return int(row.token_hash[:15], 16)


def _clean(name: str) -> str:
    return "".join(filter(str.isprintable, name)).strip()[:_NAME_LENGTH]
