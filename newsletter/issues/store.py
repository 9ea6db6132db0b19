"""Storing and finding issues in the database, and drafts of series' steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRow, IssueRow, SeriesRow, SeriesStepRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.library.uses import record_uses
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.search import Indexed, index_words, words_of
from newsletter.issues.sent import first_of_kind, refuse_change
from newsletter.issues.sources.reading import ReadIssue

#: A stored issue.
StoredIssue = IssueRow


def save_issue(
    session: Session, newsletter_id: int, read: ReadIssue, *, slug: str = ""
) -> IssueRow:
    """Store an issue under ``slug`` (by default, its date), replacing an earlier one.

    Raises:
        IssueSentError: The earlier one was sent or ordered, with other content.
    """
    slug = slug or default_slug(read.issue)
    row = session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, IssueRow.slug == slug)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        row = IssueRow(newsletter_id=newsletter_id, slug=slug)
        session.add(row)
    elif (row.content, row.template) == (issue_to_json(read.issue), read.template):
        return row
    else:
        refuse_change(session, row)
    row.title = read.issue.title
    row.issue_date = read.issue.issue_date
    row.language = read.issue.language
    row.template = read.template
    row.content = issue_to_json(read.issue)
    row.words = words_of(read.issue)
    row.source = read.text
    row.source_format = read.format.value
    row.updated_at = now()
    session.flush()
    record_uses(session, newsletter_id, ContentUser.ISSUE, row.id, row.content)
    index_words(session, Indexed.ISSUE, row.id, row.words)
    return row


def find_earlier(session: Session, newsletter_id: int, issue: Issue) -> Issue | None:
    """Return the stored issue that an issue would replace; None if there is none."""
    content = session.scalar(
        select(IssueRow.content).where(
            IssueRow.newsletter_id == newsletter_id, IssueRow.slug == default_slug(issue)
        )
    )
    return None if content is None else issue_from_json(content)


def default_slug(issue: Issue) -> str:
    """Return the default slug of an issue: its date, and its number if it has one."""
    number = re.sub(r"[^a-z0-9]+", "-", issue.number.lower()).strip("-")
    return "-".join(filter(None, (issue.issue_date.isoformat(), number)))


def find_issue(session: Session, newsletter_id: int, slug: str | None) -> IssueRow:
    """Return an issue by its slug, or the newest when ``slug`` is None.

    Raises:
        NotFoundError: There is no such issue.
    """
    query = select(IssueRow).where(IssueRow.newsletter_id == newsletter_id)
    # Corrections are found by their slug only.
    own = IssueRow.corrects.is_(None) if slug is None else IssueRow.slug == slug
    query = query.where(own)
    row = session.scalars(
        query.order_by(IssueRow.issue_date.desc(), IssueRow.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            msg("There is no issue “{slug}”.", slug=slug)
            if slug
            else msg("There is no issue yet."),
            command=msg(
                "List them with: newsletter issue list. Add one with: newsletter issue import FILE."
            ),
        )
    return row


#: After this many issues without a number, the newsletter counts as not numbered any more.
_UNNUMBERED = 9


def last_edition(session: Session, newsletter_id: int) -> IssueRow | None:
    """Return the issue that the next one follows; None if there is none.

    In a numbered newsletter, this is the newest issue with a number: special issues in between have
    none.
    """
    newest = session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None))
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
        .limit(_UNNUMBERED)
    ).all()
    return first_of_kind(newest, numbered=True)


def get_issue(session: Session, newsletter_id: int, number: int) -> StoredIssue:
    """Return a newsletter's issue by its id.

    Raises:
        NotFoundError: The newsletter has no such issue.
    """
    row = session.get(IssueRow, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such issue."))
    return row


def list_issues(session: Session, newsletter_id: int) -> Sequence[IssueRow]:
    """Return a newsletter's issues, the newest first, without unfinished corrections."""
    return session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None))
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
    ).all()


def series_of_draft(session: Session, draft_id: int) -> SeriesRow | None:
    """Return the series that a draft is a step of; None for other drafts."""
    return session.scalars(
        select(SeriesRow)
        .join(SeriesStepRow, SeriesStepRow.series_id == SeriesRow.id)
        .where(SeriesStepRow.draft_id == draft_id, SeriesStepRow.removed_at.is_(None))
        .limit(1)
    ).one_or_none()


def is_of_series() -> ColumnElement[bool]:
    """Return the condition that a draft is a step of a series."""
    return exists().where(SeriesStepRow.draft_id == DraftRow.id, SeriesStepRow.removed_at.is_(None))


def as_sent(session: Session, draft_id: int, issue: Issue) -> Issue:
    """Return a draft's issue as it is sent: steps of series are undated."""
    return issue if series_of_draft(session, draft_id) is None else replace(issue, undated=True)
