"""Forms, invitations and requests to join, and statistics of forms."""

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
        title: Its heading; empty for the default.
        introduction: The text above the fields.
        button: The button's label; empty for the default.
        language: Its language; empty for the browser's.
        asks_frequency: Whether it asks for the frequency, if digests are offered.
        fields: The keys of its fields, in order.
        tags: The tags that people get when they confirm.
        success_url: The page that it leads to after submitting; empty for our own.
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
    """A website, by its origin, that may embed a newsletter's forms and be their success page."""

    __tablename__ = "form_site"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(255), primary_key=True)


class FormTallyRow(Base):
    """How often a form was shown, submitted and confirmed on a day (UTC), as sums.

    Attributes:
        form_id: The id of a `FormRow`; 0 for the newsletter's own form, which has no row.
    """

    __tablename__ = "form_tally"

    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletter.id"), primary_key=True)
    form_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    shown: Mapped[int] = mapped_column(default=0)
    asked: Mapped[int] = mapped_column(default=0)
    confirmed: Mapped[int] = mapped_column(default=0)


class JoinRequestRow(Base):
    """A request to join that is not confirmed yet, with the submitted data.

    Anybody can enter any address, so the data are applied to the person only after confirmation.

    Attributes:
        consent_id: The step of the consent record that the link confirms.
        form_id: The form; None for the newsletter's own form, a form deleted since, or a mail.
        is_counted: Whether its confirmation counts for its form; False for mails and for forms
            deleted since.
        answers: The values, by field key.
        frequency: The chosen frequency; None if the form did not ask.
        name: The person's name; empty if not given, like ``language`` (of their mail) and
            ``time_zone``.
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
    """A link by which a limited number of people may request to join, until a day.

    Attributes:
        token_hash: The hash of the link's secret, which is shown only when the link is created.
        note: For whom the link is meant.
        uses: The maximum number of requests; ``used`` counts them.
        revoked_at: When it was revoked; None while it is valid.
        author: The address of the account that created it.
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
