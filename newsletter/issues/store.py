"""Issues in the database."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.library.uses import record_uses
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.search import Indexed, index_words, words_of
from newsletter.issues.sent import first_of_kind, refuse_change
from newsletter.issues.sources.reading import ReadIssue

#: An issue as it is kept.
StoredIssue = IssueRow


def save_issue(
    session: Session, newsletter_id: int, read: ReadIssue, *, slug: str = ""
) -> IssueRow:
    """Keep an issue under ``slug`` (its date when empty), in place of an earlier one there.

    Raises:
        IssueSentError: The earlier one was sent, or is about to be, and says something else.
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
    """Return the issue that one would be kept in place of."""
    content = session.scalar(
        select(IssueRow.content).where(
            IssueRow.newsletter_id == newsletter_id, IssueRow.slug == default_slug(issue)
        )
    )
    return None if content is None else issue_from_json(content)


def default_slug(issue: Issue) -> str:
    """Return what an issue is called in URLs: its date and, if it has one, its number."""
    number = re.sub(r"[^a-z0-9]+", "-", issue.number.lower()).strip("-")
    return "-".join(filter(None, (issue.issue_date.isoformat(), number)))


def find_issue(session: Session, newsletter_id: int, slug: str | None) -> IssueRow:
    """Return an issue by its slug, or the newest when ``slug`` is None.

    Raises:
        NotFoundError: There is none.
    """
    query = select(IssueRow).where(IssueRow.newsletter_id == newsletter_id)
    # What corrects another issue has to be named.
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


#: Issues without a number since the last one with one, from which on numbers have ceased.
_UNNUMBERED = 9


def last_edition(session: Session, newsletter_id: int) -> IssueRow | None:
    """Return the issue that the next one follows; None where there is none yet.

    Where issues are numbered, it is the newest with a number: a notice that goes out between two
    of them has none, and nothing is its continuation.
    """
    newest = session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None))
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
        .limit(_UNNUMBERED)
    ).all()
    return first_of_kind(newest, numbered=True)


def get_issue(session: Session, newsletter_id: int, number: int) -> StoredIssue:
    """Return a newsletter's issue by its number.

    Raises:
        NotFoundError: The newsletter has none of that number.
    """
    row = session.get(IssueRow, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such issue."))
    return row


def list_issues(session: Session, newsletter_id: int) -> Sequence[IssueRow]:
    """Return a newsletter's issues, newest first, without corrections that are still written."""
    return session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None))
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
    ).all()
