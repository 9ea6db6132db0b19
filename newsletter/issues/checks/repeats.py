"""What readers have had already: a subject or a text that an earlier issue was sent with."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import IssueRow, MailingRow
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.model import Issue, issue_to_json
from newsletter.issues.sent import keeps_its_issue

#: So many issues back texts are compared; a text is hardly begun with from an older one.
_COMPARED = 12
_TEXT = ("lead", "chapters")


def find_repeats(
    session: Session, newsletter_id: int, issue: Issue, *, besides: int | None
) -> tuple[Finding, ...]:
    """Return warnings of a subject or a text that was sent, or is about to be, as another issue.

    Args:
        session: To read with.
        newsletter_id: Whose issues are compared.
        issue: As it is now.
        besides: The stored issue that it is, which may be sent to others again; None for none.
    """
    return tuple(_repeats(session, newsletter_id, issue, besides))


def _repeats(
    session: Session, newsletter_id: int, issue: Issue, besides: int | None
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
    same = session.scalars(sent.where(IssueRow.title == issue.title).limit(1)).one_or_none()
    if same is not None and issue.title:
        yield Finding(
            code="title-sent",
            severity=Severity.WARNING,
            place=IssuePlace(field=IssueField.TITLE),
            about=issue.title,
            message=msg("Issue {issue} was sent with the same subject.", issue=same.slug),
            remedy=msg("Change the subject, so that readers can tell the two apart."),
        )
    own = issue_to_json(issue)
    text = [own.get(name) for name in _TEXT]
    if not any(text):
        return
    for row in session.scalars(sent.limit(_COMPARED)):
        if [row.content.get(name) for name in _TEXT] == text:
            yield Finding(
                code="text-sent",
                severity=Severity.WARNING,
                place=IssuePlace(field=IssueField.BODY),
                message=msg("The text is the same as that of issue {issue}.", issue=row.slug),
                remedy=msg("Replace it with the text of this issue."),
            )
            return
