"""A new issue from one that there is: its content in a draft of its own, as the next edition."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import DraftRow, IssueRow
from newsletter.issues.drafts.editions import Edition, following
from newsletter.issues.drafts.saving import Draft, create_draft
from newsletter.issues.model import Issue


def start_from(
    session: Session,
    newsletter_id: int,
    issue: Issue,
    *,
    author: str,
    template: str = "",
    day: date | None = None,
) -> Draft:
    """Begin a draft with an issue's content, its date, number and title moved on.

    See `following` for how; the table of contents and the template stay. ``day`` is its date where
    that is known already.
    """
    moved = following(issue, _editions(session, newsletter_id), day=day)
    return create_draft(session, newsletter_id, moved, author=author, template=template)


def moved_on(before: Issue, after: Issue) -> tuple[str, ...]:
    """Return which of date, number and title are others than in the issue begun from."""
    pairs = {
        "date": (before.issue_date, after.issue_date),
        "number": (before.number, after.number),
        "title": (before.title, after.title),
    }
    return tuple(name for name, (old, new) in pairs.items() if old != new)


def _editions(session: Session, newsletter_id: int) -> list[Edition]:
    """Return the editions that there are; a draft of an issue stands for it while it is unsent."""
    contents = [
        *session.scalars(
            select(IssueRow.content).where(
                IssueRow.newsletter_id == newsletter_id, IssueRow.corrects.is_(None)
            )
        ),
        *session.scalars(
            select(DraftRow.content).where(
                DraftRow.newsletter_id == newsletter_id,
                DraftRow.issue_id.is_(None),
                DraftRow.corrects.is_(None),
            )
        ),
    ]
    return [
        Edition(
            date=date.fromisoformat(str(content["issue_date"])),
            number=str(content.get("number") or ""),
        )
        for content in contents
    ]
