"""Mailings: their ledger and content, trials of their subjects, who approved and ordered them.

A batch is a range of positions; its lease is what one worker holds while it sends. Deliveries carry
no lease of their own: one in state ``sending`` belongs to whoever holds its batch.
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
        identity: Random, so that no mailing of a restored database is taken for another that had
            the same number; Message-IDs and workers' journals name it.
        priority: Higher goes first; a mailing has 0, a confirmation mail 9.
        halt_reason: Why it is paused, or flows no further by itself.
        restored: Whether it is held because the database lost what it knew of it.
        planned: How many deliveries its snapshot holds.
        served_at: When a batch of it was last taken, to about a second; None before its first turn.
        scheduled_at: When it is due; the first of all zones' hours when ``local_hour`` is set.
        local_hour: ``2026-12-01T08:00``, the time on each subscriber's own clock; empty for one
            instant for all.
        spread_seconds: Over how long its batches are spread; 0 sends as fast as can be.
        title: What its issue was called when it was made, as lists and the archive show it; the
            date, number and summary likewise. Here, not with the content, as lists read them by
            the dozen, and a row's later columns lie behind its long ones.
        urgent: Whether it goes at once to those, too, who chose a digest.
        correction: The number of the last correction of its issue that copies contain which are
            made from now on; 0 for none. Of a mail about a correction, that correction's.
        segment: The query that its audience is chosen by; empty for everybody.
        conditions: The queries of the conditions that parts of its issue carry, in their order;
            None where all parts are for everybody.
        notice: What a notice is about, such as ``approval-request``; empty of an issue.
        started_at: When it began; None too once it is cancelled before anything left.
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
    """What a mailing sends, frozen when it was approved: rendered once, with its slots.

    A correction of its issue adds a row, and changes none of which a copy may have been made.
    ``recipe`` is what variants of it are rendered from; None where parts are for everybody.
    """

    __tablename__ = "mailing_content"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    payload: Mapped[str] = mapped_column(Text)
    recipe: Mapped[str | None] = mapped_column(Text)


class MailingVariantRow(Base):
    """What those of a mailing's audience get who meet the same conditions and get the same subject.

    Attributes:
        variant: Of which conditions and subject; see `newsletter.mailings.planning.variants`.
            Variant 0 has no row here: it is the mailing's content.
    """

    __tablename__ = "mailing_variant"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    correction: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, default=0, server_default="0"
    )
    variant: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    payload: Mapped[str] = mapped_column(Text)


class BatchRow(Base):
    """A range of deliveries; ``lease_token`` fences whoever lost the lease.

    Attributes:
        due_at: When it may be sent next.
        leased_at: Since when its holder sends it; of one at rest, the last time.
        hinted_at: When a task for it was last published; None when none is under way.
        variant: Which parts its readers are shown, with which subject; see `MailingVariantRow`. A
            batch holds readers of one variant. One that is held has no subject yet.
        dated_at: The Date of its messages; None for the mailing's own.
        correction: The last correction of the issue that its copies contain, as of the last lease.
        answered_at: When a relay's last answer about one of its messages was written down, of
            whatever kind; None before the first.
        records: How often the holder of the present lease wrote outcomes down. A holder that finds
            fewer than it made knows that the database lost some.
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


#: States of which there are few, when all goes well.
ATTENTION = "state IN ('deferred', 'failed', 'rejected', 'uncertain')"


class DeliveryRow(Base):
    """One subscriber in one mailing.

    Attributes:
        attempts: How often the relay was asked and answered for this recipient.
        breaks: How often a worker died while it made this message.
        correction: The last correction of the issue that the copy contains which was taken in hand
            last; 0 for none.
        doubted: The same of an earlier copy that may have arrived; None where there was none.
        status: Enhanced status code (RFC 3463) of the last reply.
        reply: The relay's last words, or why it was skipped or failed.
        queue_id: What the relay calls the message, when its reply says.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("mailing_id", "subscriber_id"),
        ForeignKeyConstraint(["mailing_id"], ["mailing.id"]),
        # What operators watch: what did not go well. It holds few rows, so it costs little.
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
    """A link of a mailing; ``number`` counts from 1 in the order of reading.

    Where subjects are compared, a link has a number for each, and ``subject`` says for which.
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
        subjects: Title and preheader of each; the first is the issue's own.
        share: How many in a hundred of the audience are in it.
        decide_at: When the others' subject is decided and their mail is due.
        decided_at: When it was; None before.
        chosen: The others' subject, counted from 0.
        decided_by: Who decided by hand.
        results: Recipients, clicks and the probability of being best of each subject, as they were
            when it was decided.
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
    #: Read with it: an approval counts no longer than its account may sign in.
    approver: Mapped[AccountRow | None] = relationship(
        foreign_keys=[approved_by], lazy="joined", viewonly=True
    )


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
