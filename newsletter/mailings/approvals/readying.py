"""Making a draft ready: store it as an issue, and request approval, in one transaction."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.database.tables import IssueRow, NewsletterRow
from newsletter.i18n.messages import msg
from newsletter.issues.corrections import note_of, require_note
from newsletter.issues.drafts.publishing import UnfitDraftError
from newsletter.issues.drafts.saving import Draft
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.approvals.requests import request_approval
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.newsletters.issue_actions import publish_draft
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings


def ready_draft(
    session: Session, actor: Actor, draft: Draft, settings: Settings
) -> tuple[IssueRow, Preflight]:
    """Store a draft's content as its issue, after preflight; return the issue and the preflight.

    Raises:
        UnfitDraftError: Preflight found errors, or another issue has the same date and number.
        ConflictError: A correction has no note, or the draft belongs to a series.
        DraftConflictError: The draft was saved after ``draft`` was read.
        IssueSentError: The issue was sent or ordered, with other content.
    """
    issue = publish_draft(session, actor, draft)
    require_note(session, issue)
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    known = stored_findings(
        session,
        newsletter,
        draft.issue,
        besides=draft.stands_for or issue.id,
        is_correction=draft.corrects is not None,
    )
    preflight = check_stored(issue, newsletter, settings, ask_dns=False, known=known)
    if preflight.blocked:
        raise UnfitDraftError(
            msg("Preflight found errors."), remedy=msg("Correct them first; they are listed below.")
        )
    return issue, preflight


def ask_approval_of_draft(
    session: Session,
    actor: Actor,
    draft: Draft,
    settings: Settings,
    *,
    post: Post,
    plan: SendingPlan,
    asked: Collection[int] = (),
) -> IssueRow:
    """Make a draft ready, and request approval of exactly this content.

    Raises:
        ConflictError: As for `ready_draft`; or the subjects of the plan cannot be compared.
        ListError: A person in ``asked`` may not approve.
    """
    issue, preflight = ready_draft(session, actor, draft, settings)
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    rendered = preflight.rendered
    note = note_of(session, issue)
    digest = content_digest(newsletter, rendered, note=note) if rendered else ""
    request_approval(session, actor, issue, rendered, digest, post=post, plan=plan, asked=asked)
    return issue
