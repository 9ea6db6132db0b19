"""What readers have had already: a subject or a text that an earlier issue was sent with."""

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

#: So many issues back texts are compared; a text is hardly begun with from an older one.
_COMPARED = 12
#: The share of a text from which it was sent before. What stands in each issue of a newsletter
#: (contacts, standing items) is less; an issue begun with from the last, and a word changed, more.
_NEARLY_ALL = 0.9
_TEXT = frozenset({IssueField.LEAD, IssueField.HEADING, IssueField.BODY})
#: Pieces below which a text says too little to tell it from another: two words stand in many.
_FEWEST = 20
#: Letters of a piece that texts are compared by; of any language, and wherever a word stands.
_PIECE = 4


def find_repeats(
    session: Session,
    newsletter_id: int,
    issue: Issue,
    *,
    besides: int | None,
    is_correction: bool = False,
) -> tuple[Finding, ...]:
    """Return warnings of a subject or a text that was sent, or is about to be, as another issue.

    Args:
        session: To read with.
        newsletter_id: Whose issues are compared.
        issue: As it is now.
        besides: The stored issue that it is, which may be sent to others again; None for none.
        is_correction: Whether it corrects that issue: what was begun from it since repeats it, and
            not the other way about.
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
    """Return the pieces of a text that readers see, without what parts words and lines."""
    text = "".join(words for place, words in walk_texts(issue) if place.field in _TEXT)
    letters = "".join(text.split())
    return frozenset(letters[at : at + _PIECE] for at in range(len(letters) - _PIECE + 1))
