"""Locking of fields during an import, and sharing of values within the group of newsletters.

Fields and their values belong to a group of newsletters: a list's values for a person apply to all
newsletters of the group, and a new subscription gets the values that the others have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, and_, bindparam, delete, func, select, text, update
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    FieldRow,
    ImportSpreadRow,
    NewsletterRow,
    PeopleGroupRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import FieldType
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from subscribers.fields.model import Field, FieldValue, current_values
from subscribers.fields.store import list_fields

#: Keys, types and options of fields, which determine the valid values.
FieldChoices: TypeAlias = frozenset[tuple[str, FieldType, str]]

_MERGED = {
    "postgresql": "CAST(CAST({first} AS jsonb) || CAST({last} AS jsonb) AS json)",
    "sqlite": "json_patch({first}, {last})",
}
_SAME = {
    "postgresql": "CAST({one} AS jsonb) = CAST({other} AS jsonb)",
    "sqlite": "json({one}) = json({other})",
}
#: SQL for the values in another newsletter of the group, which are the same in all of them.
_BROUGHT = """UPDATE subscription SET attributes = {merged}
    FROM list_stage AS s JOIN subscription AS o
        ON o.subscriber_id = s.person AND o.newsletter_id IN :others
    WHERE subscription.newsletter_id = :newsletter AND subscription.subscriber_id = s.person
        AND NOT {same}"""
_SPREAD = """UPDATE subscription SET attributes = o.attributes
    FROM list_stage AS s JOIN subscription AS o
        ON o.subscriber_id = s.person AND o.newsletter_id = :newsletter
    WHERE subscription.newsletter_id IN :others AND subscription.subscriber_id = s.person
        AND NOT {same}"""
#: SQL for recording values that an import will overwrite in other newsletters; the first counts.
_NOTED = """INSERT INTO import_spread
        (import_id, newsletter_id, subscriber_id, attributes, written)
    SELECT :import, x.newsletter_id, x.subscriber_id, x.attributes, o.attributes
    FROM list_stage AS s JOIN subscription AS o
        ON o.subscriber_id = s.person AND o.newsletter_id = :newsletter
    JOIN subscription AS x ON x.subscriber_id = s.person AND x.newsletter_id IN :others
    WHERE NOT {same}
    ON CONFLICT (import_id, newsletter_id, subscriber_id)
        DO UPDATE SET written = excluded.written"""


def choices_of(fields: Iterable[Field]) -> FieldChoices:
    """Return the properties of fields that determine the valid values."""
    return frozenset(
        (field.key, field.type, value)
        for field in fields
        for value in ("", *(option.value for option in field.options))
    )


def hold_fields(connection: Connection, newsletter_id: int) -> Sequence[int]:
    """Lock the fields until the end of the transaction; return the newsletters that share them.

    This also serializes the chunks of imports within a group, which write to the same rows.
    """
    group = select(NewsletterRow.group_id).where(NewsletterRow.id == newsletter_id)
    others = connection.scalars(
        select(NewsletterRow.id)
        .where(NewsletterRow.group_id == group.scalar_subquery(), NewsletterRow.id != newsletter_id)
        .order_by(NewsletterRow.id)
    ).all()
    connection.execute(
        select(PeopleGroupRow.id)
        .where(PeopleGroupRow.id == group.scalar_subquery())
        .with_for_update(read=not others, key_share=bool(others))
    )
    return others


def require_fields(connection: Connection, newsletter_id: int, judged_by: FieldChoices) -> None:
    """Refuse to write values that were validated with fields that changed since.

    Raises:
        ConflictError: A field or an option was deleted since the import started.
    """
    rows = connection.execute(
        select(FieldRow.key, FieldRow.type, FieldRow.options)
        .join(NewsletterRow, NewsletterRow.group_id == FieldRow.group_id)
        .where(NewsletterRow.id == newsletter_id, FieldRow.deleted_at.is_(None))
    )
    now = frozenset(
        (key, kind, value)
        for key, kind, options in rows
        for value in ("", *(each["value"] for each in options if not each.get("removed")))
    )
    if not judged_by <= now:
        raise ConflictError(
            msg("A field of this list was deleted or changed during the import."),
            remedy=msg("Start the import again; it continues where it stopped."),
        )


def share_values(
    connection: Connection,
    newsletter_id: int,
    others: Sequence[int],
    *,
    update: bool,
    import_id: int | None = None,
) -> None:
    """Share the values of a chunk's people within the group; known values stay unless updated.

    Args:
        connection: The connection, in the transaction that wrote the chunk.
        newsletter_id: The newsletter of the list.
        others: The other newsletters that share its fields.
        update: Whether the list's values replace existing ones.
        import_id: The import in whose journal the replaced values are recorded; None for none.
    """
    dialect = connection.dialect.name
    ours, theirs = "subscription.attributes", "o.attributes"
    first, last = (theirs, ours) if update else (ours, theirs)
    merged = _MERGED[dialect].format(first=first, last=last)
    brought = _BROUGHT.format(merged=merged, same=_SAME[dialect].format(one=ours, other=merged))
    spread = _SPREAD.format(same=_SAME[dialect].format(one=ours, other=theirs))
    noted = _NOTED.format(same=_SAME[dialect].format(one="x.attributes", other=theirs))
    values = {"newsletter": newsletter_id, "others": list(others), "import": import_id}
    for statement in (brought, *([] if import_id is None else [noted]), spread):
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        connection.execute(text(statement).bindparams(bindparam("others", expanding=True)), used)


def take_back(session: Session, import_id: int, newsletter_id: int, *, most: int) -> bool:
    """Restore the values of other newsletters in the group that an import replaced.

    Values that were changed since are kept; values of deleted fields are not restored.

    Args:
        session: The database session, in the transaction that undoes a page of the import.
        import_id: The import.
        newsletter_id: The newsletter of the list.
        most: The number of people in a page.

    Returns:
        Whether there were any people.
    """
    spread = ImportSpreadRow.import_id == import_id
    other = session.scalar(select(func.min(ImportSpreadRow.newsletter_id)).where(spread))
    if other is None:
        return False
    # The same lock as for imports of the group, which write to the same subscriptions.
    hold_fields(session.connection(), newsletter_id)
    of_other = and_(spread, ImportSpreadRow.newsletter_id == other)
    numbers = session.scalars(
        select(ImportSpreadRow.subscriber_id)
        .where(of_other)
        .order_by(ImportSpreadRow.subscriber_id)
        .limit(most)
    ).all()
    of_page = and_(of_other, ImportSpreadRow.subscriber_id.in_(numbers))
    held = session.execute(
        select(
            SubscriptionRow.subscriber_id,
            SubscriptionRow.attributes.label("held"),
            ImportSpreadRow.attributes,
            ImportSpreadRow.written,
        )
        .join(ImportSpreadRow, ImportSpreadRow.subscriber_id == SubscriptionRow.subscriber_id)
        .where(of_page, SubscriptionRow.newsletter_id == other)
        .order_by(SubscriptionRow.subscriber_id)
        .with_for_update(of=SubscriptionRow)
    ).all()
    known = list_fields(session, newsletter_id)
    write_values(
        session,
        other,
        {
            row.subscriber_id: current_values(known, row.attributes)
            for row in held
            if current_values(known, row.held) == current_values(known, row.written)
        },
    )
    session.execute(
        delete(ImportSpreadRow).where(of_page).execution_options(synchronize_session=False)
    )
    return True


def write_values(
    session: Session, newsletter_id: int, values: Mapping[int, Mapping[str, FieldValue]]
) -> None:
    """Write field values of people in a newsletter without updating the time of change."""
    if not values:
        return
    session.connection().execute(
        update(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id == bindparam("number"),
        )
        .values(
            attributes=bindparam("values", type_=SubscriptionRow.attributes.type),
            changed_at=SubscriptionRow.changed_at,
        ),
        [{"number": number, "values": dict(each)} for number, each in values.items()],
    )
