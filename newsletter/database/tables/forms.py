"""Forms and invitations by which people join, and how forms do."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, false, true
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
from newsletter.database.vocabulary import Frequency


class FormRow(Base):
    """A form of a newsletter, at ``/subscribe/NEWSLETTER/SLUG`` (`subscribers.forms.model`).

    Attributes:
        title: Its heading; empty for the usual one.
        introduction: What stands above the fields.
        button: What the button says; empty for the usual word.
        language: In which it speaks; empty for its reader's.
        asks_frequency: Whether it asks how often they want mail, where digests are offered.
        fields: The keys of the fields it asks, in its order.
        tags: What those who confirm are given.
        success_url: Where it leads once it was sent; empty for our page.
    """

    __tablename__ = "form"
    __table_args__ = (UniqueConstraint("newsletter_id", "slug"),)

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    slug: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200), default="")
    introduction: Mapped[str] = mapped_column(Text, default="")
    button: Mapped[str] = mapped_column(String(60), default="")
    language: Mapped[str] = mapped_column(String(64), default="")
    asks_name: Mapped[bool] = mapped_column(default=True, server_default=true())
    asks_frequency: Mapped[bool] = mapped_column(default=False, server_default=false())
    fields: Mapped[list[str]] = mapped_column(JSON(), default=list)
    tags: Mapped[list[str]] = mapped_column(JSON(), default=list)
    success_url: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[Instant] = mapped_column(default=now)


class FormSiteRow(Base):
    """A website, by its origin, on which a newsletter's forms may stand and to which they lead."""

    __tablename__ = "form_site"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(255), primary_key=True)


class FormTallyRow(Base):
    """How often a form was shown, sent and confirmed on a day (UTC): sums, nobody's steps.

    Attributes:
        form_id: A row of `FormRow`; 0 is the newsletter's own form, which has none.
    """

    __tablename__ = "form_tally"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    form_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    shown: Mapped[int] = mapped_column(default=0)
    asked: Mapped[int] = mapped_column(default=0)
    confirmed: Mapped[int] = mapped_column(default=0)


class JoinRequestRow(Base):
    """A request to join that is not confirmed yet, with what was filled in.

    Anybody can type anybody's address: nothing of it is the person's before they confirm it.

    Attributes:
        consent_id: The step of the consent record that the confirmation link is about.
        form_id: By which form it came; None for the newsletter's own, one deleted since, or a mail.
        is_counted: Whether its confirmation is its form's success: no mail's is, nor that of a form
            that was deleted since.
        answers: Values by the keys of fields.
        frequency: How often they want mail; None where they were not asked.
        name: How they want to be addressed; empty where they did not say, as are ``language`` (of
            their mail) and ``time_zone``.
    """

    __tablename__ = "join_request"

    consent_id: Mapped[int] = mapped_column(BigId, ForeignKey("consent.id"), primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"))
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscriber.id"), index=True)
    form_id: Mapped[int | None] = mapped_column(ForeignKey("form.id"), index=True)
    is_counted: Mapped[bool] = mapped_column(default=True, server_default=true())
    answers: Mapped[JsonObject] = mapped_column(JSON(), default=dict)
    tags: Mapped[list[str]] = mapped_column(JSON(), default=list)
    frequency: Mapped[Frequency | None] = mapped_column(Vocabulary(Frequency))
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    language: Mapped[str] = mapped_column(String(64), default="", server_default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")
    requested_at: Mapped[Instant] = mapped_column(default=now, index=True)


class JoinInvitationRow(Base):
    """A link that lets so many people ask to join, until a day.

    Attributes:
        token_hash: The link's secret is shown once, when it is made, and kept as a hash alone.
        note: For whom it is meant, as its maker wrote it.
        uses: How many requests may be made by it; ``used`` counts them.
        revoked_at: When somebody ended it; None while it holds.
        author: The account that made it, by its address.
    """

    __tablename__ = "join_invitation"

    id: Mapped[PrimaryKey]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletter.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    note: Mapped[str] = mapped_column(String(200), default="", server_default="")
    uses: Mapped[int]
    used: Mapped[int] = mapped_column(default=0, server_default="0")
    expires_at: Mapped[Instant] = mapped_column(UtcDateTime())
    revoked_at: Mapped[Instant | None] = mapped_column(UtcDateTime())
    author: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[Instant] = mapped_column(default=now)
