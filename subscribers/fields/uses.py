"""Where a field is used, besides the people who have a value of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, cast, exists, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.database.tables import (
    AuditEventRow,
    DraftRow,
    FormRow,
    SeriesRow,
    SnippetRow,
)
from newsletter.database.vocabulary import SeriesTrigger
from subscribers.fields.actions import segments_with
from subscribers.fields.purging import count_values
from subscribers.fields.store import newsletters_of_group


def is_field_used(session: Session, newsletter_id: int, key: str, *, since: datetime) -> bool:
    """Tell whether anybody needs a field, or changed what it is since it was made.

    Somebody has a value, a form asks for it, a segment or a series goes by it, a draft or a snippet
    says it.
    """
    group = newsletters_of_group(session, newsletter_id)
    forms = session.scalars(select(FormRow.fields).where(FormRow.newsletter_id.in_(group)))
    # As JSON is written: of no two fields the one's key is within the other's so.
    said = f'"field": "{key}"'
    conditions = (
        exists().where(
            AuditEventRow.action == Action.FIELD_CHANGE.value,
            AuditEventRow.object == f"field {key}",
            AuditEventRow.newsletter_id.in_(group),
            AuditEventRow.occurred_at >= since,
        ),
        exists().where(
            SeriesRow.newsletter_id.in_(group),
            SeriesRow.trigger == SeriesTrigger.DATE,
            SeriesRow.subject == key,
        ),
        *(
            exists().where(
                table.newsletter_id.in_(group),
                cast(table.content, Text).contains(said, autoescape=True),
            )
            for table in (DraftRow, SnippetRow)
        ),
    )
    return (
        count_values(session, newsletter_id, key) > 0
        or any(key in fields for fields in forms)
        or bool(segments_with(session, newsletter_id, key))
        or any(session.scalar(select(condition)) for condition in conditions)
    )
