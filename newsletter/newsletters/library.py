"""Actions of editors on a newsletter's library, each with its audit entry."""

from __future__ import annotations

from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.vocabulary import ContentUser
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ConflictError, ContentError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing
from newsletter.issues.library.images import LARGEST_PICTURE, encode_image, is_picture
from newsletter.issues.library.search import (
    ItemUse,
    ItemWords,
    LibraryItem,
    describe_item,
    find_row,
    get_item,
    hold_content,
    item_words,
    remove_item,
)
from newsletter.issues.library.stored_files import LARGEST_FILE, read_upload
from newsletter.newsletters.issue_actions import add_file, add_picture

#: The maximum size of a picture or file, in bytes.
LARGEST_CONTENT = max(LARGEST_PICTURE, LARGEST_FILE)
#: The number of uses that are named if an item cannot be deleted.
_NAMED = 3


def add_content(
    session: Session, actor: Actor, newsletter_id: int, data: bytes, *, name: str, alt: str = ""
) -> str:
    """Add a picture or file, and return its path; alternative text may be added later.

    Raises:
        ContentError: The file's type is not supported, or it is damaged or too large.
    """
    if is_picture(data):
        encoded = encode_image(data, source=name[:100])
        return add_picture(
            session, actor, newsletter_id, encoded, alt=alt, name=name, described=False
        )
    return add_file(session, actor, newsletter_id, read_upload(data, name=name))


def change_item(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    number: int,
    *,
    name: str,
    alt: str,
    shown: str = "",
) -> LibraryItem:
    """Change the name and alternative text of an item.

    Issues that show it keep their own text; the new one is proposed when it is inserted again.
    ``shown`` is the state that the form showed; see `newsletter.edit_conflicts`.

    Raises:
        ContentError: The name is empty.
        NotFoundError: There is no such item.
        EditConflictError: Another person changed the same values meanwhile.
    """
    row = find_row(session, newsletter_id, number)
    if not name.strip():
        raise ContentError(msg("Give it a name."), place=Place(source=row.name, field="name"))
    session.refresh(row, with_for_update=True)
    kept = ItemWords(name=row.name, alt=row.alt)
    words = merge_changes(shown, item_words(name=name, alt=alt), kept).require()
    if words == kept:
        return get_item(session, newsletter_id, number)
    describe_item(row, words)
    session.flush()
    record_event(
        session,
        actor,
        Action.LIBRARY_CHANGE,
        object=row.path,
        newsletter_id=newsletter_id,
        details={"name": row.name, "alt": row.alt},
    )
    return get_item(session, newsletter_id, number)


def delete_item(session: Session, actor: Actor, newsletter_id: int, number: int) -> None:
    """Delete an unused picture or file; its address is not found any more.

    Content that a mailing contains, or that another newsletter uses, is never deleted.

    Raises:
        ConflictError: The item is used; the message says by what.
        NotFoundError: There is no such item.
    """
    row = find_row(session, newsletter_id, number)
    hold_content(session, row.digest)
    uses = get_item(session, newsletter_id, number).uses
    if uses:
        places = Listing(tuple(named(use) for use in uses[:_NAMED]))
        fixed = any(use.used_by in {ContentUser.MAILING, ContentUser.NOTICE} for use in uses)
        raise ConflictError(
            msg("“{name}” is in use: {places}.", name=row.name or row.alt, places=places),
            remedy=msg("What was sent keeps its pictures and files, so this one stays.")
            if fixed
            else msg("Remove it there first."),
        )
    record_event(
        session,
        actor,
        Action.LIBRARY_DELETE,
        object=row.path,
        newsletter_id=newsletter_id,
        details={"name": row.name},
    )
    remove_item(session, row)


def named(use: ItemUse) -> Message:
    """Return the name of a use."""
    match use.used_by:
        case ContentUser.LOOK:
            return msg("the look")
        case ContentUser.NOTICE:
            return msg("emails about subscribing and approval")
        case ContentUser.PATTERN:
            return msg("pattern “{title}”", title=use.title)
        case ContentUser.SNIPPET:
            return msg("snippet “{title}”", title=use.title)
        case ContentUser.DRAFT:
            return msg("draft “{title}”", title=use.title)
        case _:
            return msg("“{title}”", title=use.title)
