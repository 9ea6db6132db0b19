"""Tags, saved segments, uploaded lists, imports, and the data for undoing an import."""

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
    """A tag of a subscriber in one newsletter."""

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
    """An order to add a tag to many people, or to remove it, with its progress.

    Attributes:
        given: True to add, False to remove.
        terms: The selection of people, see `subscribers.tagging`; empty once finished.
        last: The greatest subscriber id at the time of the order; later ones are not included.
        after: The greatest subscriber id that was processed.
        people: The number of selected people at the time of the order.
        done: The number of processed people; ``changed`` of them were changed.
        ordered_by: The author, as named in the audit log.
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
    """The people whom one transaction of a tagging order changed, for their histories.

    Attributes:
        last: The greatest subscriber id in this transaction.
        people: The ids of the changed people, separated and enclosed by commas: this needs a tenth
            of the space of one row per person.
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
    """The progress of one file's import, updated in the transaction that imports the rows.

    Attributes:
        digest: SHA-256 of the file's bytes and of the import's settings.
        records: The number of processed records.
        counts: Their results.
        undo_ordered_at: When undoing it was ordered; the same file is then a new import.
        undo_counts: The results of undoing, for people and fields.
        made_fields: The keys of the fields that were created for it.
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
    """A list that was uploaded by a browser; it is kept until a week after the import.

    Attributes:
        name: The file's name.
        lines: The number of its lines.
        pieces: The number of rows in which it is stored; 0 after its content was deleted.
        content: SHA-256 of its bytes.
        terms: The settings of the import; None before they were chosen.
        digest: The digest of the import, see `ListImportRow`.
        trial: The result or progress of checking a long list; None without a check.
        asked: Columns about which the workers have questions; None without questions.
        error: Why import or check failed: a message as JSON.
        tries: How often a worker began it since rows were last processed.
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
    """A part of an uploaded list, compressed; all parts but the last have the same size."""

    __tablename__ = "list_piece"

    upload_id: Mapped[int] = mapped_column(BigId, ForeignKey("list_upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    octets: Mapped[bytes] = mapped_column(LargeBinary)


class ListProblemsRow(Base):
    """The problems in one chunk of a list, as compressed JSON.

    Attributes:
        number: The number of processed records at the end of the chunk.
    """

    __tablename__ = "list_problems"

    upload_id: Mapped[int] = mapped_column(BigId, ForeignKey("list_upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigId, primary_key=True)
    problems: Mapped[bytes] = mapped_column(LargeBinary)


class ImportAddedRow(Base):
    """Rows that an import added, as a range of ids: a million need some hundred ranges.

    Attributes:
        first: The first id of a subscriber or suppression; all ids up to ``last`` were added by
            this import.
    """

    __tablename__ = "import_added"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    kind: Mapped[ImportedKind] = mapped_column(Vocabulary(ImportedKind), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class ImportChangeRow(Base):
    """A subscription as it was before an import changed it.

    Attributes:
        written_at: The subscription's ``changed_at`` set by the import; if it differs now, the
            subscription was changed since.
        changed_at: Its value before the import.
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
    """A person's fields in another newsletter of the group, before an import changed them.

    Attributes:
        newsletter_id: The other newsletter.
        attributes: The values before the import.
        written: The values that the import wrote; if they differ now, they were changed since.
    """

    __tablename__ = "import_spread"
    __table_args__ = (Index("ix_import_spread_subscriber_id", "subscriber_id"),)

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    attributes: Mapped[JsonObject] = mapped_column(JSON())
    written: Mapped[JsonObject] = mapped_column(JSON())


class ImportTagRow(Base):
    """A tag that an import added to an existing subscriber."""

    __tablename__ = "import_tag"

    import_id: Mapped[int] = mapped_column(ForeignKey("list_import.id"), primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    given_at: Mapped[Instant] = mapped_column(UtcDateTime())
