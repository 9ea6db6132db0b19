"""Checks for repeated content: subjects and texts of earlier issues."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, MailingRow
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Day
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import keeps_its_issue
from newsletter.issues.walking import walk_texts

#: Number of earlier issues whose texts are compared; older ones are rarely copied.
_COMPARED = 12
#: The share of common text from which an issue is regarded as repeated. Recurring parts of a
#: newsletter (contacts, standing items) are less; a copied issue with a few changes is more.
_NEARLY_ALL = 0.9
_TEXT = frozenset({IssueField.LEAD, IssueField.HEADING, IssueField.BODY})
#: Pieces of the shortest compared text; shorter texts occur by chance in many issues.
_FEWEST = 20
#: Letters of a piece in the comparison, which is independent of language and position.
_PIECE = 4


def find_repeats(
    session: Session,
    newsletter_id: int,
    issue: Issue,
    *,
    besides: int | None,
    is_correction: bool = False,
) -> tuple[Finding, ...]:
    """Return warnings about a subject or text of another issue that was sent or is ordered.

    Args:
        session: The database session.
        newsletter_id: The newsletter.
        issue: The present content of the issue.
        besides: The id of the same issue, which is not compared; None if it is not stored.
        is_correction: Whether it corrects that issue; then issues after it are not compared, since
            these repeat the corrected one and not vice versa.
    """
    return tuple(_repeats(session, newsletter_id, issue, besides, is_correction=is_correction))


def _repeats(
    session: Session, newsletter_id: int, issue: Issue, besides: int | None, *, is_correction: bool
) -> Iterator[Finding]:
    kept = select(MailingRow.issue_id).where(
        MailingRow.newsletter_id == newsletter_id, keeps_its_issue()
    )
    sent = (
        select(IssueRow)
        .where(
            IssueRow.newsletter_id == newsletter_id,
            IssueRow.id.in_(kept),
            IssueRow.id != (besides or 0),
        )
        .order_by(IssueRow.id.desc())
    )
    if is_correction and besides:
        sent = sent.where(IssueRow.id < besides)
    same = session.scalars(sent.where(IssueRow.title == issue.title).limit(1)).one_or_none()
    if same is not None and issue.title:
        yield Finding(
            code="title-sent",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.TITLE),
            about=issue.title,
            message=msg(
                "The issue of {day} was sent with the same subject.", day=Day(same.issue_date)
            ),
            remedy=msg("Change the subject, so that readers can tell the two apart."),
        )
    own = _pieces(issue)
    if len(own) < _FEWEST:
        return
    for row in session.scalars(sent.limit(_COMPARED)):
        share = len(own & _pieces(issue_from_json(row.content))) / len(own)
        if share < _NEARLY_ALL:
            continue
        if share == 1:
            message = msg(
                "The text is the same as that of “{title}”, which was sent.", title=row.title
            )
        else:
            message = msg(
                "Nearly all of the text is that of “{title}”, which was sent.", title=row.title
            )
        yield Finding(
            code="text-sent",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.BODY),
            message=message,
            remedy=msg("Replace it with the text of this issue."),
        )
        return


def _pieces(issue: Issue) -> frozenset[str]:
    """Return the pieces of the visible text, without separators of words and lines."""
    text = "".join(words for place, words in walk_texts(issue) if place.field in _TEXT)
    letters = "".join(text.split())
    return frozenset(letters[at : at + _PIECE] for at in range(len(letters) - _PIECE + 1))
