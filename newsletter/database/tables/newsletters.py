"""Newsletters: their settings, templates, snippets and dictionaries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, and_, false
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from newsletter.database.tables.base import Base
from newsletter.database.tables.lists import SegmentRow
from newsletter.database.tables.subscribers import FieldRow
from newsletter.database.types import BigId, Instant, JsonObject, PrimaryKey, Vocabulary, now
from newsletter.database.vocabulary import Joining, Visibility
from newsletter.i18n.language import Language

#: The maximum length of a word in characters.
LONGEST_WORD = 80


class DictionaryWordRow(Base):
    """One word of the newsletter's own dictionary.

    Attributes:
        folded: The form for comparison (`newsletter.issues.checks.spelling.folded_word`).
    """

    __tablename__ = "dictionary_word"

    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), primary_key=True)
    folded: Mapped[str] = mapped_column(String(LONGEST_WORD), primary_key=True)
    word: Mapped[str] = mapped_column(String(LONGEST_WORD))
    added_at: Mapped[Instant] = mapped_column(default=now)


class SnippetRow(Base):
    """One snippet; ``content`` has its blocks in the form of a lead's."""

    __tablename__ = "snippet"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(80))
    content: Mapped[JsonObject]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - declared so by SQLAlchemy


class TemplateRow(Base):
    """A template in its present version, which ``version`` counts."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("newsletter_id", "name"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    name: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[Instant] = mapped_column(default=now)
    updated_at: Mapped[Instant] = mapped_column(default=now)

    __mapper_args__: dict[str, Any] = {"version_id_col": version}  # noqa: RUF012 - declared so by SQLAlchemy


class TemplateVersionRow(Base):
    """An earlier version of a template."""

    __tablename__ = "template_version"

    template_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("template.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(320))
    saved_at: Mapped[Instant] = mapped_column(default=now)


class NewsletterRow(Base):
    """A publication.

    Attributes:
        group_id: The group of newsletters that share their people's fields.
        slug: Its name in URLs and on the command line.
        list_id: RFC 2919, without angle brackets, such as ``digest.example.jp``.
        bounce_address: Envelope sender (return path) of what it sends.
        unsubscribe_address: Mailbox that takes unsubscribe requests (RFC 2369).
        languages: Tags (BCP 47) of the languages that readers may choose besides its own, into
            which its issues are translated.
        time_zone: IANA name; dates and schedules are read in it.
        joining: Who may request to join.
        description: A description for people who consider joining.
        approval_required: Whether a second person must approve an issue before it is sent.
        visibility: Who may find and read it on the web.
        count_clicks: Whether clicks on links in its mail are counted, as sums.
        look: Its look as JSON (`newsletter.newsletters.look.model`), without default values.
    """

    __tablename__ = "newsletter"

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(ForeignKey("people_group.id"), index=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    from_name: Mapped[str] = mapped_column(String(200))
    from_address: Mapped[str] = mapped_column(String(320))
    reply_to: Mapped[str] = mapped_column(String(320), default="")
    postal_address: Mapped[str] = mapped_column(Text)
    list_id: Mapped[str] = mapped_column(String(255))
    bounce_address: Mapped[str] = mapped_column(String(320))
    unsubscribe_address: Mapped[str] = mapped_column(String(320))
    website_url: Mapped[str] = mapped_column(Text, default="")
    contact_url: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[Language] = mapped_column(Vocabulary(Language))
    languages: Mapped[list[str]] = mapped_column(JSON(), default=list, server_default="[]")
    time_zone: Mapped[str] = mapped_column(String(64))
    template: Mapped[str] = mapped_column(String(64))
    visibility: Mapped[Visibility] = mapped_column(
        Vocabulary(Visibility), default=Visibility.PRIVATE, server_default=Visibility.PRIVATE.value
    )
    joining: Mapped[Joining] = mapped_column(
        Vocabulary(Joining), default=Joining.UNLISTED, server_default=Joining.UNLISTED.value
    )
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    approval_required: Mapped[bool] = mapped_column(default=False, server_default=false())
    count_clicks: Mapped[bool] = mapped_column(default=False, server_default=false())
    look: Mapped[JsonObject] = mapped_column(default=dict, server_default="{}")
    created_at: Mapped[Instant] = mapped_column(default=now)
    #: Loaded with the newsletter: rendering needs them, and may run without a session.
    snippets: Mapped[list[SnippetRow]] = relationship(
        lazy="selectin", order_by=SnippetRow.name, viewonly=True
    )
    #: Loaded with the newsletter: merge fields are checked against them.
    fields: Mapped[list[FieldRow]] = relationship(
        lazy="selectin",
        primaryjoin=lambda: and_(
            foreign(FieldRow.group_id) == NewsletterRow.group_id, FieldRow.deleted_at.is_(None)
        ),
        order_by=lambda: (FieldRow.position, FieldRow.id),
        viewonly=True,
    )
    #: Loaded with the newsletter: its own templates.
    templates: Mapped[list[TemplateRow]] = relationship(
        lazy="selectin", order_by=TemplateRow.name, viewonly=True
    )

    #: Loaded with the newsletter: conditions of parts name them.
    segments: Mapped[list[SegmentRow]] = relationship(
        lazy="selectin", order_by=lambda: SegmentRow.name, viewonly=True
    )

    @property
    def is_hidden(self) -> bool:
        """Whether strangers can learn nothing of it: it is private, and requires invitations."""
        return not self.visibility.readable and self.joining is Joining.INVITATION
