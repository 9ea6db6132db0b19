"""Mailings: ledger, content, trials of subjects, approvals, orders, and comments.

A batch is a range of positions, which a worker leases while it sends. Deliveries have no lease of
their own: one in state ``sending`` belongs to the holder of its batch's lease.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import (
    JSON,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from newsletter.database.tables.accounts import AccountRow
from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    JsonObject,
    MessageText,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    new_identity,
    now,
)
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingKind,
    MailingState,
    TrialVerdict,
    UncertainPolicy,
)
from newsletter.i18n.messages import Message


class MailingRow(Base):
    """One sending of one issue to one audience.

    Attributes:
        identity: A random identifier, used in Message-IDs and workers' journals. After a restore
            another mailing may have the same number, but never the same identity.
        priority: Higher values are sent first; 0 for mailings, 9 for confirmation mails.
        halt_reason: Why the mailing is paused, or does not continue by itself.
        restored: Whether it is paused because the database was set back.
        planned: The number of deliveries at planning.
        served_at: When one of its batches was last claimed, accurate to a second; None if none was.
        scheduled_at: When it is due; the earliest of all time zones if ``local_hour`` is set.
        local_hour: The time in each subscriber's time zone, as ``2026-12-01T08:00``; empty if it
            is sent to all at the same time.
        spread_seconds: The time over which its batches are distributed; 0 for as fast as possible.
        title: The issue's title, date, number and summary at the time of the order, for lists and
            the archive. They are stored here and not with the content, since reading them behind
            its long columns would be slow.
        urgent: Whether readers of digests get it at once as well.
        correction: The last correction of its issue that copies made from now on include; 0 for
            none. For a mail about a correction, that correction.
        segment: The query of its audience; empty for all subscribers.
        conditions: The queries of its issue's conditions, in order; None without conditions.
        notice: The kind of a notice, such as ``approval-request``; empty for issues.
        started_at: When it began; None if it was cancelled before anything was sent.
    """

    __tablename__ = "mailing"
    __table_args__ = (Index("ix_mailing_turn", "state", "priority", "served_at"),)

    id: Mapped[PrimaryKey]
    identity: Mapped[str] = mapped_column(
        String(32), default=new_identity, server_default="", index=True, unique=True
    )
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issue.id"))
    kind: Mapped[MailingKind] = mapped_column(
        Vocabulary(MailingKind), default=MailingKind.ISSUE, server_default=MailingKind.ISSUE.value
    )
    state: Mapped[MailingState] = mapped_column(Vocabulary(MailingState), index=True)
    priority: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(Text, default="", server_default="")
    issue_date: Mapped[date | None]
    issue_number: Mapped[str] = mapped_column(Text, default="", server_default="")
    summary: Mapped[str] = mapped_column(Text, default="", server_default="")
    urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    correction: Mapped[int] = mapped_column(default=0, server_default="0")
    segment: Mapped[str] = mapped_column(Text, default="")
    conditions: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    notice: Mapped[str] = mapped_column(String(64), default="", server_default="")
    uncertain_policy: Mapped[UncertainPolicy] = mapped_column(
        Vocabulary(UncertainPolicy), default=UncertainPolicy.ASK
    )
    halt_reason: Mapped[Message | None] = mapped_column(MessageText, nullable=False)
    restored: Mapped[bool] = mapped_column(default=False, server_default=false())
    planned: Mapped[int] = mapped_column(default=0)
    batch_size: Mapped[int]
    scheduled_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    local_hour: Mapped[str] = mapped_column(String(32), default="", server_default="")
    spread_seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    started_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    served_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)


class MailingContentRow(Base):
    """The rendered content of a mailing, with slots, stored when the mailing is ordered.

    A correction adds a row; rows from which copies may have been made never change. Variants are
    rendered from ``recipe``, which is None without conditions.
    """

    __tablename__ = "mailing_content"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    payload: Mapped[str] = mapped_column(Text)
    recipe: Mapped[str | None] = mapped_column(Text)


class MailingVariantRow(Base):
    """The content for readers who meet the same conditions and get the same subject.

    Attributes:
        variant: The number, computed from conditions and subject; see
            `newsletter.mailings.planning.variants`. Variant 0 has no row: it is the mailing's
            content.
    """

    __tablename__ = "mailing_variant"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    variant: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    payload: Mapped[str] = mapped_column(Text)


class BatchRow(Base):
    """A range of deliveries.

    Attributes:
        lease_token: The token of the present lease. Writes of a worker whose lease was given to
            another one do not match it.
        due_at: When it may be sent next.
        leased_at: When it was last claimed.
        hinted_at: When a task for it was last published; None if none is outstanding.
        variant: The variant of its readers; see `MailingVariantRow`. All readers of a batch have
            the same. A batch on hold has no subject yet.
        dated_at: The Date header of its messages; None for the mailing's own.
        correction: The last correction that its copies include, as of the last lease.
        answered_at: When a relay's reply about one of its messages was last recorded; None before
            the first.
        records: How often outcomes were recorded under the present lease. If the worker has counted
            more, the database lost some.
    """

    __tablename__ = "batch"
    __table_args__ = (Index("ix_batch_state_due_at", "state", "due_at"),)

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_position: Mapped[int] = mapped_column(BigId)
    last_position: Mapped[int] = mapped_column(BigId)
    state: Mapped[BatchState] = mapped_column(Vocabulary(BatchState), default=BatchState.PENDING)
    due_at: Mapped[Instant]
    hinted_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    leased_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_expires_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    answered_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    records: Mapped[int] = mapped_column(default=0, server_default="0")
    variant: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    dated_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    correction: Mapped[int] = mapped_column(default=0, server_default="0")


#: States that are rare if all is well.
ATTENTION = "state IN ('deferred', 'failed', 'rejected', 'uncertain')"


class DeliveryRow(Base):
    """One subscriber in one mailing.

    Attributes:
        attempts: How often a relay replied for this recipient.
        breaks: How often a worker died while it composed this message.
        correction: The last correction that the latest copy includes; 0 for none.
        doubted: The same for an earlier copy that may have arrived; None without one.
        status: The enhanced status code (RFC 3463) of the last reply.
        reply: The relay's last reply, or the reason why it was skipped or failed.
        queue_id: The relay's queue id, if its reply contained one.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("mailing_id", "subscriber_id"),
        ForeignKeyConstraint(["mailing_id"], ["mailing.id"]),
        # For operators, who look at what went wrong; a partial index with few rows.
        Index(
            "ix_delivery_attention",
            "state",
            "mailing_id",
            sqlite_where=text(ATTENTION),
            postgresql_where=text(ATTENTION),
        ),
    )

    mailing_id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    state: Mapped[DeliveryState] = mapped_column(Vocabulary(DeliveryState))
    attempts: Mapped[int] = mapped_column(default=0)
    breaks: Mapped[int] = mapped_column(default=0, server_default="0")
    correction: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    doubted: Mapped[int | None] = mapped_column(SmallInteger)
    next_attempt_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    settled_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    status: Mapped[str | None] = mapped_column(String(16))
    reply: Mapped[str | None] = mapped_column(Text)
    queue_id: Mapped[str | None] = mapped_column(String(128))
    transport: Mapped[str | None] = mapped_column(String(128))


class MailingLinkRow(Base):
    """A link of a mailing; ``number`` counts from 1 in order of appearance.

    In a trial, each link has one number per subject, which ``subject`` names.
    """

    __tablename__ = "mailing_link"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    url: Mapped[str] = mapped_column(Text)
    subject: Mapped[int] = mapped_column(default=0, server_default="0")
    clicks: Mapped[int] = mapped_column(default=0, server_default="0")


class SubjectTrialRow(Base):
    """The trial of one mailing.

    Attributes:
        subjects: Title and preheader of each subject; the first is the issue's own.
        share: The size of the trial, in percent of the audience.
        decide_at: When the subject is chosen and the remaining messages are due.
        decided_at: When it was chosen; None before.
        chosen: The index of the chosen subject, from 0.
        decided_by: The person who decided by hand.
        results: Recipients, clicks and probability of each subject at the decision.
    """

    __tablename__ = "subject_trial"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    subjects: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    share: Mapped[int]
    decide_at: Mapped[Instant]
    decided_at: Mapped[Instant | None] = mapped_column(UtcDateTime(), index=True)
    chosen: Mapped[int | None]
    verdict: Mapped[TrialVerdict | None] = mapped_column(Vocabulary(TrialVerdict))
    decided_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    results: Mapped[list[dict[str, float]] | None] = mapped_column(JSON(none_as_null=True))


class ApprovalRow(Base):
    """Approval of an issue as it would be sent; other content needs another.

    Attributes:
        digest: SHA-256 of the rendered mail and its sender, in hexadecimal.
        issue_version: The issue's version at the request.
        content: The content, for comparison with later versions.
        plan: The intended audience, time and trial at the request; see `SendingPlan`.
        asked: The accounts asked; empty for all who may approve.
        approved_by: The approver, another account than ``requested_by``; None before approval.
        returned_by: The account that returned it, with the comment ``returned_because``; a later
            request sets it to waiting again.
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
    #: Loaded together: an approval is void if its account was disabled.
    approver: Mapped[AccountRow | None] = relationship(
        foreign_keys=[approved_by], lazy="joined", viewonly=True
    )


class MailingOrderRow(Base):
    """The order of a mailing; its unique key prevents a second mailing if a form is sent twice.

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
    """A named group of addresses for test mails, one address per line."""

    __test__ = False
    __tablename__ = "test_group"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(64))
    addresses: Mapped[str] = mapped_column(Text)


class IssueCommentRow(Base):
    """A comment on a part of an issue.

    Attributes:
        thread_id: The first comment of the thread; None for that comment itself.
        anchor: The part's anchor in mail and editor, or ``lead``; empty for the whole issue.
        heading: The part's heading at that time, since anchors change when parts move.
        resolved_at: When the thread was resolved; set on its first comment only.
        mailed_at: When it was mailed to the people concerned.
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
