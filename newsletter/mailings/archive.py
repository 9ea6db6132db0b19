"""What the public may read: issues of which a mailing has begun, as it was approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from newsletter.database.tables import IssueRow, MailingRow, NewsletterRow
from newsletter.database.vocabulary import MailingKind
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.mailings.content import MailingContent, load_content


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One issue in the archive, as its latest mailing has it.

    Attributes:
        published_at: When its first mailing began.
    """

    slug: str
    title: str
    summary: str
    issue_date: date
    language: Language
    published_at: datetime
    mailing_id: int


def find_archive(session: Session, slug: str) -> NewsletterRow:
    """Return a newsletter whose archive may be read.

    Raises:
        NotFoundError: There is none of that name, or it is private: which of both is not said.
    """
    row = session.scalars(select(NewsletterRow).where(NewsletterRow.slug == slug)).one_or_none()
    if row is None or not row.visibility.readable:
        raise NotFoundError(msg("There is no newsletter “{slug}”.", slug=slug))
    return row


def list_archives(session: Session) -> Sequence[NewsletterRow]:
    """Return the newsletters that anybody may find, by slug."""
    rows = session.scalars(select(NewsletterRow).order_by(NewsletterRow.slug)).all()
    return [row for row in rows if row.visibility.listed]


def list_publications(
    session: Session, newsletter_id: int, *, limit: int, offset: int = 0, slug: str | None = None
) -> Sequence[Publication]:
    """Return what was published, newest first."""
    begun = (
        select(
            MailingRow.issue_id,
            func.min(MailingRow.id).label("first_id"),
            func.max(MailingRow.id).label("last_id"),
        )
        .where(
            MailingRow.newsletter_id == newsletter_id,
            MailingRow.kind == MailingKind.ISSUE,
            MailingRow.started_at.is_not(None),
        )
        .group_by(MailingRow.issue_id)
        .subquery()
    )
    first, latest = aliased(MailingRow), aliased(MailingRow)
    query = (
        select(IssueRow.slug, IssueRow.language, latest, first.started_at)
        .join(begun, begun.c.issue_id == IssueRow.id)
        .join(first, first.id == begun.c.first_id)
        .join(latest, latest.id == begun.c.last_id)
        .order_by(latest.issue_date.desc(), IssueRow.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if slug is not None:
        query = query.where(IssueRow.slug == slug)
    return [
        Publication(
            slug=issue_slug,
            title=mailing.title,
            summary=mailing.summary,
            issue_date=mailing.issue_date or mailing.created_at.date(),
            language=language,
            published_at=started_at or mailing.created_at,
            mailing_id=mailing.id,
        )
        for issue_slug, language, mailing, started_at in session.execute(query)
    ]


def find_publication(
    session: Session, newsletter_id: int, slug: str
) -> tuple[Publication, MailingContent]:
    """Return an issue with the content its latest mailing froze.

    Raises:
        NotFoundError: Nothing of that name was published.
    """
    found = list_publications(session, newsletter_id, limit=1, slug=slug)
    if not found:
        raise NotFoundError(msg("There is no issue “{slug}”.", slug=slug))
    return found[0], load_content(session, found[0].mailing_id)
