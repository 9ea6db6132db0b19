"""Accounts of the staff, with roles, sessions and one-time links; and the audit log.

Triggers prevent rows of the log from being changed or deleted.
"""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import Instant, JsonObject, PrimaryKey, UtcDateTime, Vocabulary, now
from newsletter.database.vocabulary import InvitationPurpose, Role
from newsletter.i18n.language import Language


class AccountRow(Base):
    """A person who signs in.

    Attributes:
        password_hash: argon2id in the PHC string format; None until the invitation was accepted.
        totp_secret: Encrypted; None without a second factor.
        totp_step: The time step of the last used code: each code is valid once (RFC 6238, 5.2).
        disabled_at: When the account was disabled; None while it may sign in.
        sessions_ended: Counts how often all sessions were ended. Browsers that signed in before
            that are not known any more.
    """

    __tablename__ = "account"

    id: Mapped[PrimaryKey]
    address: Mapped[str] = mapped_column(String(320))
    address_key: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    language: Mapped[Language] = mapped_column(Vocabulary(Language), default=Language.JAPANESE)
    time_zone: Mapped[str] = mapped_column(String(64), default="Asia/Tokyo")
    password_hash: Mapped[str | None] = mapped_column(Text)
    totp_secret: Mapped[str | None] = mapped_column(Text)
    totp_step: Mapped[int] = mapped_column(default=0)
    disabled_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    sessions_ended: Mapped[int] = mapped_column(default=0)
    signed_in_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)


class RoleGrantRow(Base):
    """A role of an account, in one newsletter or (None) in all."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index(
            "uq_role_grant",
            "account_id",
            "role",
            text("coalesce(newsletter_id, 0)"),
            unique=True,
        ),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    newsletter_id: Mapped[int | None] = mapped_column(ForeignKey("newsletter.id"))
    role: Mapped[Role] = mapped_column(Vocabulary(Role))
    granted_at: Mapped[Instant] = mapped_column(default=now)


class AccountSessionRow(Base):
    """A browser that is signed in, or (``verified_at`` None) has yet to enter the second factor.

    Attributes:
        token_hash: SHA-256 of the cookie, so that reading the database does not permit signing in.
        network: The prefix of the browser's network address, by which the owner recognises it.
    """

    __tablename__ = "account_session"

    id: Mapped[PrimaryKey]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    verified_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)
    seen_at: Mapped[Instant] = mapped_column(default=now)
    expires_at: Mapped[Instant]
    network: Mapped[str] = mapped_column(String(64), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="")


class InvitationRow(Base):
    """A one-time link: for the first administrator, for an invitation, or for a new password."""

    __tablename__ = "invitation"

    id: Mapped[PrimaryKey]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[InvitationPurpose] = mapped_column(Vocabulary(InvitationPurpose))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[Instant] = mapped_column(default=now)
    expires_at: Mapped[Instant]


class RecoveryCodeRow(Base):
    """A code that replaces the second factor once; it is deleted when used."""

    __tablename__ = "recovery_code"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


class SignInLimitRow(Base):
    """Recent attempts to sign in, per account and per network (keys are hashes)."""

    __tablename__ = "sign_in_limit"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    tries: Mapped[int]
    since: Mapped[Instant]


class AuditEventRow(Base):
    """One action, as it was done.

    Attributes:
        actor_id: The account; None for the command line and automatic actions. It is no foreign
            key, since the log is kept longer than accounts.
        actor: The account's address at that time, or ``command line`` and its user.
        action: Noun and verb, such as ``mailing.pause``.
        object: Kind and number or slug, such as ``mailing 12``.
        door: ``page`` or ``command``; empty for automatic actions and old entries.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_action", "action"),
        Index("ix_audit_event_object", "object"),
    )

    id: Mapped[PrimaryKey]
    occurred_at: Mapped[Instant] = mapped_column(default=now)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(String(320))
    action: Mapped[str] = mapped_column(String(64))
    object: Mapped[str] = mapped_column(String(255), default="")
    newsletter_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[JsonObject] = mapped_column(JSON(), default=dict)
    network: Mapped[str] = mapped_column(String(64), default="")
    door: Mapped[str] = mapped_column(String(16), default="", server_default="")
