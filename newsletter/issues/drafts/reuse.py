"""Starting new issues from an existing issue, or from a saved pattern."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.control_characters import plain_name
from newsletter.database.tables import DraftRow, IssuePatternRow, IssueRow, RecurrenceRow
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import ConflictError, ListError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.editions import Edition, following
from newsletter.issues.drafts.saving import Draft, create_draft
from newsletter.issues.library.uses import forget_uses, record_uses
from newsletter.issues.model import Issue, issue_to_json

#: A stored pattern.
Pattern = IssuePatternRow
_LONGEST = 200


def keep_pattern(
    session: Session,
    newsletter_id: int,
    name: str,
    issue: Issue,
    *,
    author: str,
    template: str = "",
    replace: bool = False,
) -> Pattern:
    """Save an issue as a pattern.

    Raises:
        ConflictError: A pattern with the same name exists, and ``replace`` is not set.
        ListError: The name is empty or too long.
    """
    called = plain_name(name)
    if not 0 < len(called) <= _LONGEST:
        raise ListError(msg("Give the pattern a name of at most {most} characters.", most=_LONGEST))
    row = session.scalars(
        select(Pattern)
        .where(Pattern.newsletter_id == newsletter_id, Pattern.name == called)
        .with_for_update()
    ).one_or_none()
    if row is None:
        row = Pattern(newsletter_id=newsletter_id, name=called)
        session.add(row)
    elif not replace:
        raise ConflictError(
            msg(
                "{author} saved a pattern called “{name}” already.", author=row.author, name=called
            ),
            remedy=msg("Use another name, or confirm that it is to be replaced."),
        )
    row.content, row.template, row.author = issue_to_json(issue), template, author
    session.flush()
    record_uses(session, newsletter_id, ContentUser.PATTERN, row.id, row.content)
    return row


def list_patterns(session: Session, newsletter_id: int) -> Sequence[Pattern]:
    """Return a newsletter's patterns by name."""
    return session.scalars(
        select(Pattern).where(Pattern.newsletter_id == newsletter_id).order_by(Pattern.name)
    ).all()


def get_pattern(session: Session, newsletter_id: int, number: int) -> Pattern:
    """Return a newsletter's pattern.

    Raises:
        NotFoundError: The newsletter has no such pattern.
    """
    row = session.get(Pattern, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such pattern."))
    return row


def find_pattern(session: Session, newsletter_id: int, name: str) -> Pattern:
    """Return a newsletter's pattern by its name.

    Raises:
        NotFoundError: The newsletter has no such pattern.
    """
    row = session.scalars(
        select(Pattern).where(Pattern.newsletter_id == newsletter_id, Pattern.name == name)
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no such pattern."))
    return row


def delete_pattern(session: Session, pattern: Pattern) -> None:
    """Delete a pattern; a recurrence that used it uses the last issue from then on."""
    session.execute(
        update(RecurrenceRow).where(RecurrenceRow.pattern_id == pattern.id).values(pattern_id=None)
    )
    session.execute(delete(Pattern).where(Pattern.id == pattern.id))
    forget_uses(session, ContentUser.PATTERN, pattern.id)


def start_from(
    session: Session,
    newsletter_id: int,
    issue: Issue,
    *,
    author: str,
    template: str = "",
    day: date | None = None,
) -> Draft:
    """Create a draft with an issue's content, and the next date, number and title.

    See `following`; the table of contents and the template are kept. ``day`` is the date, if known.
    """
    moved = following(issue, _editions(session, newsletter_id), day=day)
    return create_draft(session, newsletter_id, moved, author=author, template=template)


def moved_on(before: Issue, after: Issue) -> tuple[str, ...]:
    """Return which of date, number and title differ from the original issue."""
    pairs = {
        "date": (before.issue_date, after.issue_date),
        "number": (before.number, after.number),
        "title": (before.title, after.title),
    }
    return tuple(name for name, (old, new) in pairs.items() if old != new)


def _editions(session: Session, newsletter_id: int) -> list[Edition]:
    """Return all editions; for an unsent issue with a draft, the draft counts."""
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
