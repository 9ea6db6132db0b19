"""The end of an import's undoing: fields that were made for it, and the entry in the audit log."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import AuditEventRow, FieldRow, ListImportRow, NewsletterRow
from newsletter.database.types import now
from subscribers.fields.store import field_of_row, list_field_rows
from subscribers.fields.uses import is_field_used


def end_undo(session: Session, row: ListImportRow) -> None:
    """Remove the fields that nobody uses, and write down what became of people and fields.

    Args:
        session: Within the transaction that ends it, which holds the fields alone.
        row: The import, of which nobody is left to be undone.
    """
    row.undo_counts = row.undo_counts | _remove_fields(session, row)
    row.undone_at = now()
    counts = row.undo_counts
    record_event(
        session,
        _who_ordered(session, row),
        Action.SUBSCRIBER_IMPORT_UNDONE,
        object=row.source,
        newsletter_id=row.newsletter_id,
        details={
            "import": row.id,
            "people_removed": counts["removed"],
            "people_restored": counts["restored"],
            "people_kept": counts["kept"],
            "fields_removed": counts["fields_removed"],
            "fields_kept": counts["fields_kept"],
        },
    )


def _remove_fields(session: Session, row: ListImportRow) -> dict[str, list[str]]:
    """Return what the fields were called that go, and that stay, in the newsletter's language."""
    language = session.get_one(NewsletterRow, row.newsletter_id).language
    became: dict[str, list[str]] = {"fields_removed": [], "fields_kept": []}
    for field in list_field_rows(session, row.newsletter_id):
        if field.key in row.made_fields:
            used = is_field_used(session, row.newsletter_id, field.key, since=row.started_at)
            named = field_of_row(field).label(language)
            became["fields_kept" if used else "fields_removed"].append(named)
            if not used:
                session.execute(delete(FieldRow).where(FieldRow.id == field.id))
    return became


def _who_ordered(session: Session, row: ListImportRow) -> Actor:
    """Return who wanted it, as the audit log has it."""
    ordered = session.scalars(
        select(AuditEventRow)
        .where(
            AuditEventRow.action == Action.SUBSCRIBER_IMPORT_UNDO.value,
            AuditEventRow.newsletter_id == row.newsletter_id,
            AuditEventRow.object == row.source[:255],
        )
        .order_by(AuditEventRow.id.desc())
    )
    by_nobody = Actor(account_id=None, name="", door="")
    return next(
        (
            replace(by_nobody, account_id=event.actor_id, name=event.actor, door=event.door)
            for event in ordered
            if event.details.get("import") == row.id
        ),
        by_nobody,
    )
