"""Newsletters in the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import NewsletterRow
from newsletter.errors import ConflictError, ListError, NotFoundError, Place
from newsletter.language import Language
from subscribers.addresses import parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsletterDraft:
    """What must be known of a newsletter before it can send."""

    slug: str
    name: str
    from_address: str
    postal_address: str
    from_name: str = ""
    reply_to: str = ""
    website_url: str = ""
    contact_url: str = ""
    language: Language = Language.JAPANESE
    time_zone: str = "Asia/Tokyo"
    template: str = "digest"


def create_newsletter(session: Session, draft: NewsletterDraft) -> NewsletterRow:
    """Create a newsletter; mail about it goes to addresses on its sender's domain.

    Raises:
        ListError: An address, slug or time zone is wrong.
        ConflictError: The slug is taken.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", draft.slug):
        raise ListError(
            f"{draft.slug!r} cannot name a newsletter.",
            place=Place(source="newsletter", field="slug"),
            remedy="Use small letters, digits and hyphens.",
        )
    try:
        ZoneInfo(draft.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ListError(
            f"There is no time zone {draft.time_zone!r}.",
            place=Place(source="newsletter", field="time_zone"),
            remedy="Use an IANA name, such as Asia/Tokyo.",
        ) from None
    if session.scalar(select(NewsletterRow.id).where(NewsletterRow.slug == draft.slug)):
        raise ConflictError(f"There is a newsletter {draft.slug!r} already.")
    sender = parse_address(draft.from_address)
    row = NewsletterRow(
        slug=draft.slug,
        name=draft.name,
        from_name=draft.from_name or draft.name,
        from_address=sender.address,
        reply_to=parse_address(draft.reply_to).address if draft.reply_to else "",
        postal_address=draft.postal_address,
        list_id=f"{draft.slug}.{sender.domain}",
        bounce_address=f"bounces@{sender.domain}",
        unsubscribe_address=f"unsubscribe@{sender.domain}",
        website_url=draft.website_url,
        contact_url=draft.contact_url,
        language=draft.language,
        time_zone=draft.time_zone,
        template=draft.template,
    )
    session.add(row)
    session.flush()
    return row


def find_newsletter(session: Session, slug: str | None) -> NewsletterRow:
    """Return a newsletter by its slug, or the only one when ``slug`` is None.

    Raises:
        NotFoundError: There is none, or more than one to choose from.
    """
    rows = list_newsletters(session)
    wanted = [row for row in rows if slug is None or row.slug == slug]
    if len(wanted) == 1:
        return wanted[0]
    names = ", ".join(row.slug for row in rows)
    if not rows:
        raise NotFoundError("There is no newsletter yet.", remedy="Create one: newsletter init.")
    if slug is None:
        raise NotFoundError(
            "There is more than one newsletter.", remedy=f"Name one with --newsletter: {names}."
        )
    raise NotFoundError(f"There is no newsletter {slug!r}.", remedy=f"There are: {names}.")


def list_newsletters(session: Session) -> Sequence[NewsletterRow]:
    """Return all newsletters by slug."""
    return session.scalars(select(NewsletterRow).order_by(NewsletterRow.slug)).all()
