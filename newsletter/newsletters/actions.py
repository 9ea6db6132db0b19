"""Actions of administrators on newsletters, each with its audit entry."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event, rights_of_actor
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.accounts.permissions import Permission
from newsletter.database.tables import NewsletterRow
from newsletter.newsletters import publications
from newsletter.newsletters.publications import NewsletterDraft, NewsletterSettings


def create_newsletter(
    session: Session,
    actor: Actor,
    draft: NewsletterDraft,
    *,
    share_fields_with: str = "",
) -> NewsletterRow:
    """Create a newsletter.

    Args:
        session: The database session, in a transaction.
        actor: The administrator.
        draft: The settings.
        share_fields_with: The slug of a newsletter with which it shares people's fields; empty for
            none.

    Raises:
        ListError: A setting is not valid.
        ConflictError: The slug is taken.
        NotFoundError: There is no newsletter to share with.
        ForbiddenError: The actor does not administer all newsletters of the group.
    """
    sharing = None
    if share_fields_with:
        sharing = publications.find_newsletter(session, share_fields_with)
        rights = rights_of_actor(session, actor)
        for row in publications.list_sharing(session, sharing.id):
            rights.require(Permission.ADMINISTER, row.id)
    row = publications.create_newsletter(session, draft, sharing=sharing)
    record_event(
        session,
        actor,
        Action.NEWSLETTER_CREATE,
        object=row.slug,
        newsletter_id=row.id,
        details={"shares_fields_with": sharing.slug} if sharing else {},
    )
    return row


def change_settings(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    settings: NewsletterSettings,
    *,
    shown: str = "",
) -> None:
    """Change a newsletter's settings; see `publications.change_newsletter`.

    ``shown`` is the state that the form showed; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A setting is not valid.
        EditConflictError: Another person changed the same settings meanwhile.
    """
    row = session.get_one(
        NewsletterRow, newsletter_id, with_for_update={"key_share": True}, populate_existing=True
    )
    settings = publications.merge_settings(shown, settings, row).require()
    changed = publications.change_newsletter(row, settings)
    if changed:
        record_event(
            session,
            actor,
            Action.NEWSLETTER_SETTINGS,
            object=row.slug,
            newsletter_id=row.id,
            details=details_of(
                {name: [_recorded(old), _recorded(new)] for name, (old, new) in changed.items()}
            ),
        )


def _recorded(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | list) else str(value)


def set_click_rule(session: Session, actor: Actor, newsletter_id: int, *, counted: bool) -> None:
    """Set whether clicks are counted in future mailings of a newsletter."""
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
    """Set whether issues of a newsletter require approval by a second person."""
    row = session.get_one(NewsletterRow, newsletter_id)
    row.approval_required = required
    record_event(
        session,
        actor,
        Action.NEWSLETTER_APPROVAL_RULE,
        object=row.slug,
        newsletter_id=row.id,
        details={"approval_required": required},
    )
