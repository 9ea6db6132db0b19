"""Fields while a list is written: held as they are, and their values spread within the group.

Fields belong to a group of newsletters, and so do their values: what a list says of somebody holds
in every newsletter of the group, and who is new in one brings along what the others know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, select, text

from newsletter.database.tables import FieldRow, NewsletterRow, PeopleGroupRow
from newsletter.database.vocabulary import FieldType
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from subscribers.fields.model import Field

#: Keys and types of fields, and the options of each: all by which values are judged.
FieldChoices: TypeAlias = frozenset[tuple[str, FieldType, str]]

_MERGED = {
    "postgresql": "CAST(CAST({first} AS jsonb) || CAST({last} AS jsonb) AS json)",
    "sqlite": "json_patch({first}, {last})",
}
_SAME = {
    "postgresql": "CAST({one} AS jsonb) = CAST({other} AS jsonb)",
    "sqlite": "json({one}) = json({other})",
}
#: What one of the others knows; they all know the same.
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


def choices_of(fields: Iterable[Field]) -> FieldChoices:
    """Return by what the values of fields are judged."""
    return frozenset(
        (field.key, field.type, value)
        for field in fields
        for value in ("", *(option.value for option in field.options))
    )


def hold_fields(connection: Connection, newsletter_id: int) -> Sequence[int]:
    """Keep the fields as they are until the transaction ends; return who shares them.

    Lists of newsletters that share write to each other's subscriptions: one chunk at a time.
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


def demand_fields(connection: Connection, newsletter_id: int, judged_by: FieldChoices) -> None:
    """Refuse to write values that were judged by what is no more.

    Raises:
        ConflictError: A field or an option was taken away since the import began.
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
    connection: Connection, newsletter_id: int, others: Sequence[int], *, update: bool
) -> None:
    """Bring along and spread the values of those on the stage; what is known stays unless updated.

    Args:
        connection: Within the transaction that wrote the chunk.
        newsletter_id: Whose list it is.
        others: The newsletters that share its fields.
        update: Whether the list's values go before those known.
    """
    dialect = connection.dialect.name
    ours, theirs = "subscription.attributes", "o.attributes"
    first, last = (theirs, ours) if update else (ours, theirs)
    merged = _MERGED[dialect].format(first=first, last=last)
    brought = _BROUGHT.format(merged=merged, same=_SAME[dialect].format(one=ours, other=merged))
    spread = _SPREAD.format(same=_SAME[dialect].format(one=ours, other=theirs))
    for statement in (brought, spread):
        connection.execute(
            text(statement).bindparams(bindparam("others", expanding=True)),
            {"newsletter": newsletter_id, "others": list(others)},
        )
