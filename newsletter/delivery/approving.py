"""Approval: a second person's word for exactly the mail that will be sent."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.database.insert import insert_missing
from newsletter.database.tables import ApprovalRow, IssueRow, NewsletterRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, ForbiddenError
from newsletter.rendering.model import RenderedIssue


def content_digest(newsletter: NewsletterRow, rendered: RenderedIssue) -> str:
    """Return what tells one mail's content and sender from every other's."""
    sender: tuple[object, ...]
    sender = (newsletter.from_name, newsletter.from_address, newsletter.reply_to)
    if newsletter.count_clicks:
        sender = (*sender, "counts clicks")
    parts = (rendered.subject, rendered.html, rendered.text, sender)
    return sha256(repr(parts).encode()).hexdigest()


def find_approval(session: Session, issue_id: int, digest: str) -> ApprovalRow | None:
    """Return the approval of this content, given or asked for."""
    return session.scalars(
        select(ApprovalRow).where(ApprovalRow.issue_id == issue_id, ApprovalRow.digest == digest)
    ).one_or_none()


def request_approval(session: Session, actor: Actor, issue: IssueRow, digest: str) -> None:
    """Ask for approval; asking twice is asking once."""
    row = {
        "issue_id": issue.id,
        "digest": digest,
        "requested_by": actor.account_id,
        "requested_at": now(),
    }
    if find_approval(session, issue.id, digest) is None:
        insert_missing(session, ApprovalRow, [row])
        _record(session, actor, "issue.approval-requested", issue, digest)


def approve(session: Session, actor: Actor, issue: IssueRow, digest: str) -> None:
    """Approve this content.

    Raises:
        ConflictError: Nobody asked for it: what is to be approved has changed.
        ForbiddenError: Whoever asked cannot be the second person.
    """
    found = find_approval(session, issue.id, digest)
    if found is None:
        raise ConflictError(
            "The issue changed since approval was asked for.", remedy="Ask for it again."
        )
    if found.requested_by == actor.account_id:
        raise ForbiddenError("Another person than the one who asked must approve.")
    given = session.scalar(
        update(ApprovalRow)
        .where(ApprovalRow.id == found.id, ApprovalRow.approved_by.is_(None))
        .values(approved_by=actor.account_id, approved_at=now())
        .returning(ApprovalRow.id)
    )
    if given is not None:
        _record(session, actor, "issue.approved", issue, digest)


def demand_approval(
    session: Session, newsletter: NewsletterRow, issue: IssueRow, digest: str
) -> None:
    """Refuse an issue that a second person must approve and has not.

    Raises:
        ConflictError: It lacks approval, or changed since it was approved.
    """
    if not newsletter.approval_required:
        return
    found = find_approval(session, issue.id, digest)
    if found is None or found.approved_by is None:
        raise ConflictError(
            "A second person has not approved this issue as it is now.",
            remedy="Ask for approval on the issue's sending page.",
        )


def _record(session: Session, actor: Actor, action: str, issue: IssueRow, digest: str) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"issue {issue.slug}",
        newsletter_id=issue.newsletter_id,
        details={"digest": digest},
    )
