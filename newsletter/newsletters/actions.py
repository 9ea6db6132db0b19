"""What administrators do to a newsletter, each with its entry in the audit log."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.accounts.audit import Action, Actor, record_event
from newsletter.database.tables import NewsletterRow
from newsletter.newsletters import publications
from newsletter.newsletters.publications import NewsletterDraft, NewsletterSettings


def create_newsletter(session: Session, actor: Actor, draft: NewsletterDraft) -> NewsletterRow:
    """Create a newsletter.

    Raises:
        ListError: A setting is wrong.
        ConflictError: Its short name is taken.
    """
    row = publications.create_newsletter(session, draft)
    record_event(session, actor, Action.NEWSLETTER_CREATE, object=row.slug, newsletter_id=row.id)
    return row


def change_settings(
    session: Session, actor: Actor, newsletter_id: int, settings: NewsletterSettings
) -> None:
    """Change a newsletter's settings; see `publications.change_newsletter`.

    Raises:
        ListError: A setting is wrong.
    """
    row = session.get_one(NewsletterRow, newsletter_id)
    changed = publications.change_newsletter(row, settings)
    if changed:
        record_event(
            session,
            actor,
            Action.NEWSLETTER_SETTINGS,
            object=row.slug,
            newsletter_id=row.id,
            details={name: [str(old), str(new)] for name, (old, new) in changed.items()},
        )


def set_click_rule(session: Session, actor: Actor, newsletter_id: int, *, counted: bool) -> None:
    """Count clicks on links in the issues of a newsletter from now on, or count none."""
    row = session.get_one(NewsletterRow, newsletter_id)
    row.count_clicks = counted
    record_event(
        session,
        actor,
        Action.NEWSLETTER_CLICK_RULE,
        object=row.slug,
        newsletter_id=row.id,
        details={"counted": counted},
    )


def set_approval_rule(
    session: Session, actor: Actor, newsletter_id: int, *, required: bool
) -> None:
    """Let issues of a newsletter be sent only once a second person approved them, or without."""
    row = session.get_one(NewsletterRow, newsletter_id)
    row.approval_required = required
    record_event(
        session,
        actor,
        Action.NEWSLETTER_APPROVAL_RULE,
        object=row.slug,
        newsletter_id=row.id,
        details={"required": required},
    )
