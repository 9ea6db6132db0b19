"""Lists at scale: tags, saved segments, imports, and what undoes an import as a whole."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from newsletter.database.tables.base import Base
from newsletter.database.types import (
    BigId,
    Instant,
    JsonObject,
    PrimaryKey,
    UtcDateTime,
    Vocabulary,
    now,
)
from newsletter.database.vocabulary import ImportedKind, ListUploadState, SubscriptionState


class TagRow(Base):
    """A word by which one newsletter marks a subscriber."""

    __tablename__ = "subscription_tag"
    __table_args__ = (
        ForeignKeyConstraint(
            ["newsletter_id", "subscriber_id"],
            ["subscription.newsletter_id", "subscription.subscriber_id"],
            ondelete="CASCADE",
        ),
        Index("ix_subscription_tag_tag", "newsletter_id", "tag", "subscriber_id"),
    )

    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)


class TaggingRow(Base):
    """An order to give many people a tag, or to take it from them, and how far it has come.

    Attributes:
        given: Whether it is given; else it is taken away.
        terms: Whom it reaches, see `subscribers.tagging`; empty once it is finished.
        last: Nobody of a greater number is reached: they came later.
        after: The greatest number that was reached.
        people: How many it was to reach when it was ordered.
        done: How many it reached, of whom ``changed`` had not what they were to have.
        ordered_by: Who ordered it, as the audit log names them.
    """

    __tablename__ = "tagging"
    __table_args__ = (
        Index(
            "ix_tagging_waiting",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
    tag: Mapped[str] = mapped_column(String(64))
    given: Mapped[bool]
    terms: Mapped[JsonObject] = mapped_column(JSON(), default=dict)
    last: Mapped[int] = mapped_column(BigId)
    after: Mapped[int] = mapped_column(BigId, default=0)
    people: Mapped[int] = mapped_column(BigId, default=0)
    done: Mapped[int] = mapped_column(BigId, default=0)
    changed: Mapped[int] = mapped_column(BigId, default=0)
    ordered_by: Mapped[str] = mapped_column(String(320), default="", server_default="")
    ordered_at: Mapped[Instant] = mapped_column(default=now)
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class TaggingPageRow(Base):
    """Whom an order changed of the people that it reached in one transaction, for their histories.

    Attributes:
        last: The greatest number that was reached.
        people: The numbers of those who were changed, between commas and with one at each end: a
            tenth of what a row for each would take.
    """

    __tablename__ = "tagging_page"

    tagging_id: Mapped[int] = mapped_column(BigId, ForeignKey("tagging.id"), primary_key=True)
    last: Mapped[int] = mapped_column(BigId, primary_key=True)
    people: Mapped[str] = mapped_column(Text)
    done_at: Mapped[Instant] = mapped_column(default=now)


class SegmentRow(Base):
    """A saved query over a newsletter's subscribers, in the language of docs/lists.md."""

    __tablename__ = "segment"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(64))
    query: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=now)


class ListImportRow(Base):
    """How far one file's import has come; written in the transaction of the rows it counts.

    Attributes:
        digest: SHA-256 of the file's octets and of how it is to be read.
        records: How many records of the file are done.
        counts: What became of them.
        undo_ordered_at: When somebody had it undone; the same list is then a new import.
        undo_counts: What became of the people whom it added or changed, and of its fields.
        made_fields: The keys of the fields that were made for it.
    """

    __tablename__ = "list_import"
    __table_args__ = (
        Index(
            "uq_list_import_newsletter_id_digest",
            "newsletter_id",
            "digest",
            unique=True,
            sqlite_where=text("undo_ordered_at IS NULL"),
            postgresql_where=text("undo_ordered_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    digest: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(Text)
    records: Mapped[int] = mapped_column(BigId, default=0)
    counts: Mapped[JsonObject]
    started_at: Mapped[Instant] = mapped_column(default=now)
    finished_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    undo_ordered_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    undone_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    undo_counts: Mapped[JsonObject] = mapped_column(JSON(), default=dict)
    made_fields: Mapped[list[str]] = mapped_column(JSON(), default=list)


class ListUploadRow(Base):
    """A list that somebody brought by a browser, until it is imported and a week longer.

    Attributes:
        name: The file's own name, for people.
        lines: How many it has; ``pieces`` in how many rows it is kept, 0 once it is forgotten.
        content: SHA-256 of its octets.
        terms: How it is to be taken; None until somebody said so.
        digest: Of the checkpoint, see `ListImportRow`.
        trial: What became of the check of a long list, or how far it is; None where there is none.
        asked: Columns that workers found to ask of; None where there is none.
        error: Why it could not be imported, or checked, to its end: a message as JSON.
        tries: How often a worker took it up since the last rows were done.
        hinted_at: When a task for it was last published.
    """

    __tablename__ = "list_upload"
    __table_args__ = (Index("ix_list_upload_state", "state", "ordered_at"),)

    id: Mapped[PrimaryKey]
    token: Mapped[str] = mapped_column(String(32), unique=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    lines: Mapped[int] = mapped_column(BigId, default=0)
    pieces: Mapped[int] = mapped_column(default=0)
    content: Mapped[str] = mapped_column(String(64), default="")
    terms: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    trial: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    asked: Mapped[list[JsonObject] | None] = mapped_column(JSON(none_as_null=True))
    digest: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[ListUploadState] = mapped_column(
        Vocabulary(ListUploadState), default=ListUploadState.BROUGHT
    )
    error: Mapped[str] = mapped_column(Text, default="")
    tries: Mapped[int] = mapped_column(default=0)
    hinted_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_expires_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    ordered_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    created_at: Mapped[Instant] = mapped_column(default=now)


class ListPieceRow(Base):
    """Some octets of a list, deflated; all but the last piece are of one size."""

    __tablename__ = "list_piece"

    upload_id: Mapped[int] = mapped_column(BigId, ForeignKey("list_upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    octets: Mapped[bytes] = mapped_column(LargeBinary)


class ListProblemsRow(Base):
    """What was wrong in one chunk of a list, as deflated JSON.

    Attributes:
        number: How many records of the list were done with the chunk.
    """

    __tablename__ = "list_problems"

    upload_id: Mapped[int] = mapped_column(BigId, ForeignKey("list_upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, primary_key=True)
    problems: Mapped[bytes] = mapped_column(LargeBinary)


class ImportAddedRow(Base):
    """Rows that an import added, as a range of numbers: a million take some hundred ranges.

    Attributes:
        first: The number of the first subscriber or suppression; every number up to ``last`` is
            one that this import added.
    """

    __tablename__ = "import_added"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    kind: Mapped[ImportedKind] = mapped_column(Vocabulary(ImportedKind), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class ImportChangeRow(Base):
    """A subscription as it was before an import changed it.

    Attributes:
        written_at: The subscription's ``changed_at`` by the import: another one says that somebody
            changed it since.
        changed_at: The one of before.
    """

    __tablename__ = "import_change"
    __table_args__ = (Index("ix_import_change_subscriber_id", "subscriber_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    written_at: Mapped[Instant] = mapped_column(UtcDateTime())
    state: Mapped[SubscriptionState] = mapped_column(Vocabulary(SubscriptionState))
    consent_basis: Mapped[str] = mapped_column(String(64))
    consent_source: Mapped[str] = mapped_column(Text)
    consent_wording: Mapped[str] = mapped_column(Text)
    consented_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    confirmed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    unsubscribed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    name: Mapped[str] = mapped_column(String(200))
    language: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(String(8))
    time_zone: Mapped[str] = mapped_column(String(64))
    frequency: Mapped[str] = mapped_column(String(32))
    attributes: Mapped[JsonObject] = mapped_column(JSON())
    changed_at: Mapped[Instant | None] = mapped_column(UtcDateTime())


class ImportSpreadRow(Base):
    """The values of somebody's fields in another newsletter of the group, before an import's.

    Attributes:
        newsletter_id: The other newsletter.
        attributes: The values of before.
        written: Those that the import spread: others say that somebody changed them since.
    """

    __tablename__ = "import_spread"
    __table_args__ = (Index("ix_import_spread_subscriber_id", "subscriber_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    attributes: Mapped[JsonObject] = mapped_column(JSON())
    written: Mapped[JsonObject] = mapped_column(JSON())


class ImportTagRow(Base):
    """A tag that an import gave to somebody who was on the list before."""

    __tablename__ = "import_tag"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    given_at: Mapped[Instant] = mapped_column(UtcDateTime())
