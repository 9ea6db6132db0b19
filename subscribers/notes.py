"""Notes of the staff about a person; they are never in mails, but included in requests of access.

Audit entries do not contain the text, since they are kept when the person is erased.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import NoteRow, SubscriptionRow
from newsletter.database.types import now
from newsletter.errors import SEE_ANEW, ConflictError, ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from subscribers.people import hold_person

LONGEST_NOTE = 2000
#: The maximum number of notes per person.
_MOST = 200


def list_notes(session: Session, newsletter_id: int, subscriber_id: int) -> Sequence[NoteRow]:
    """Return a newsletter's notes about a person, the newest first."""
    return session.scalars(
        select(NoteRow)
        .where(NoteRow.newsletter_id == newsletter_id, NoteRow.subscriber_id == subscriber_id)
        .order_by(NoteRow.id.desc())
    ).all()


def add_note(
    session: Session, actor: Actor, newsletter_id: int, subscriber_id: int, text: str
) -> int:
    """Add a note about a person; return its id.

    Raises:
        ListError: The text is empty or too long.
        NotFoundError: The person was erased, or is not on the list.
        ConflictError: The person has the maximum number of notes.
    """
    _hold(session, newsletter_id, subscriber_id)
    cleaned = _clean(text)
    if len(list_notes(session, newsletter_id, subscriber_id)) >= _MOST:
        raise ConflictError(
            msg("A person can have {count} notes at most.", count=_MOST),
            remedy=msg("Delete notes that are no longer needed."),
        )
    row = NoteRow(
        newsletter_id=newsletter_id,
        subscriber_id=subscriber_id,
        text=cleaned,
        author=actor.name,
    )
    session.add(row)
    session.flush()
    _record(session, actor, Action.SUBSCRIBER_NOTE, row)
    return row.id


def change_note(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    note_id: int,
    text: str,
    *,
    revision: int,
) -> None:
    """Change a note; ``revision`` is the revision that was edited.

    Raises:
        ListError: The text is empty or too long.
        NotFoundError: There is no such note.
        ConflictError: Another person changed it meanwhile.
    """
    row = _find(session, newsletter_id, note_id)
    _hold(session, newsletter_id, row.subscriber_id)
    cleaned = _clean(text)
    changed = session.scalars(
        update(NoteRow)
        .where(NoteRow.id == note_id, NoteRow.revision == revision)
        .values(text=cleaned, revision=revision + 1, changed_at=now())
        .returning(NoteRow.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not changed:
        raise _changed_meanwhile()
    _record(session, actor, Action.SUBSCRIBER_NOTE_CHANGE, row)


def delete_note(
    session: Session, actor: Actor, newsletter_id: int, note_id: int, *, revision: int | None = None
) -> None:
    """Delete a note; ``revision`` is the revision that was read, None for any.

    Raises:
        NotFoundError: There is no such note any more.
        ConflictError: Another person changed it meanwhile.
    """
    row = _find(session, newsletter_id, note_id)
    statement = delete(NoteRow).where(NoteRow.id == note_id)
    if revision is not None:
        statement = statement.where(NoteRow.revision == revision)
    deleted = session.scalars(
        statement.returning(NoteRow.id).execution_options(synchronize_session=False)
    ).all()
    if not deleted:
        raise _changed_meanwhile()
    _record(session, actor, Action.SUBSCRIBER_NOTE_DELETE, row)


def _find(session: Session, newsletter_id: int, note_id: int) -> NoteRow:
    row = session.scalars(
        select(NoteRow).where(NoteRow.id == note_id, NoteRow.newsletter_id == newsletter_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no such note."))
    return row


def _hold(session: Session, newsletter_id: int, subscriber_id: int) -> None:
    person = hold_person(session, subscriber_id)
    if person is None or session.get(SubscriptionRow, (newsletter_id, subscriber_id)) is None:
        raise NotFoundError(
            msg("There is no subscriber {subscriber} on this list.", subscriber=subscriber_id)
        )


def _changed_meanwhile() -> ConflictError:
    return ConflictError(
        msg("Somebody else changed or deleted this note meanwhile."),
        remedy=SEE_ANEW,
    )


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    cleaned = "\n".join("".join(filter(str.isprintable, line)) for line in lines)
    if not cleaned or len(cleaned) > LONGEST_NOTE:
        raise ListError(
            msg("A note has between 1 and {count} characters.", count=LONGEST_NOTE),
            place=Place(field="text"),
        )
    return cleaned


def _record(session: Session, actor: Actor, action: Action, row: NoteRow) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"subscriber {row.subscriber_id}",
        newsletter_id=row.newsletter_id,
        details={"note": row.id},
    )
