"""What stands before a mailing: test groups, a second person's approval, and who ordered it."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, UtcDateTime, now


class ApprovalRow(Base):
    """Approval of an issue as it would be sent; other content needs another.

    Attributes:
        digest: SHA-256 of the rendered mail and its sender, in hexadecimal.
        issue_version: The issue's, when it was asked for.
        content: What is approved, to compare later versions with.
        plan: To whom and when it is to be sent, as the editor meant it then; see `SendingPlan`.
        asked: The accounts asked; empty for whoever may approve.
        approved_by: Somebody other than ``requested_by``; None while it is asked for.
        returned_by: Who sent it back, with ``returned_because``; asked for again later, it waits.
    """

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("issue_id", "digest"),)

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issue.id"))
    digest: Mapped[str] = mapped_column(String(64))
    requested_by: Mapped[int] = mapped_column(BigId, ForeignKey("account.id"))
    requested_at: Mapped[Instant] = mapped_column(default=now)
    approved_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    approved_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    issue_version: Mapped[int] = mapped_column(default=0, server_default="0")
    content: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    plan: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    asked: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    returned_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    returned_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    returned_because: Mapped[str] = mapped_column(Text, default="", server_default="")


class MailingOrderRow(Base):
    """Who ordered a mailing; its key makes a form that is sent twice one mailing.

    Attributes:
        ordered_by: The account; None for the command line.
        orderer: The account's address at that time, or the command line's user.
    """

    __tablename__ = "mailing_order"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    mailing_id: Mapped[int] = mapped_column(BigId, ForeignKey("mailing.id"), index=True)
    ordered_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    orderer: Mapped[str] = mapped_column(String(320), default="", server_default="")
    ordered_at: Mapped[Instant] = mapped_column(default=now)


class TestGroupRow(Base):
    """Addresses that get a newsletter's test mails together; one address a line."""

    __test__ = False
    __tablename__ = "test_group"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(64))
    addresses: Mapped[str] = mapped_column(Text)


class IssueCommentRow(Base):
    """Something said about a part of an issue before it is sent; answers name their thread.

    Attributes:
        thread_id: The comment that it answers; None for one that begins a thread.
        anchor: The part's anchor in mail and editor, or ``lead``; empty for the whole issue.
        heading: What the part was called then: it may move, and its anchor with it.
        resolved_at: When the thread was settled; of the comment that begins it alone.
        mailed_at: When those concerned were told of it.
    """

    __tablename__ = "issue_comment"

    id: Mapped[PrimaryKey]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issue.id"), index=True)
    thread_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("issue_comment.id"))
    anchor: Mapped[str] = mapped_column(String(64), default="", server_default="")
    heading: Mapped[str] = mapped_column(Text, default="", server_default="")
    author_id: Mapped[int] = mapped_column(BigId, ForeignKey("account.id"))
    words: Mapped[str] = mapped_column(Text)
    written_at: Mapped[Instant] = mapped_column(default=now)
    resolved_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    resolved_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("account.id"))
    mailed_at: Mapped[Instant | None] = mapped_column(UtcDateTime(), index=True)
