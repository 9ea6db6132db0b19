"""Actions of administrators on fields, each with its checks and its entry in the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, delete, exists, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event, rights_of_actor
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.accounts.permissions import Permission
from newsletter.database.tables import (
    AuditEventRow,
    DraftRow,
    FieldRow,
    FormRow,
    SegmentRow,
    SeriesRow,
    SnippetRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import SeriesTrigger
from newsletter.errors import ConflictError, ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing, Number
from subscribers.fields.model import (
    MOST_FIELDS,
    Field,
    check_definition,
    field_to_json,
    fold_label,
)
from subscribers.fields.purging import count_values
from subscribers.fields.store import (
    field_of_row,
    hold_group,
    list_field_rows,
    list_fields,
    newsletters_of_group,
    no_such_field,
)
from subscribers.lists.words.formats import guess_field, is_weak
from subscribers.segments.model import fields_of
from subscribers.segments.parse import parse_query


def add_field(session: Session, actor: Actor, newsletter_id: int, draft: Field) -> Field:
    """Add a field after the others, for all newsletters of the group.

    Raises:
        ListError: The definition is wrong.
        ConflictError: The key or a label is taken, or there are too many fields.
        ForbiddenError: The actor does not administer every newsletter of the group.
    """
    group = _hold(session, actor, newsletter_id)
    field = check_definition(draft)
    _refuse_taken_key(session, group, field)
    known = list_fields(session, newsletter_id)
    _refuse_names(field, known)
    if len(known) >= MOST_FIELDS:
        raise ConflictError(
            msg("There are {limit} fields already.", limit=Number(MOST_FIELDS)),
            remedy=msg("Delete one that is not needed."),
        )
    last = session.scalar(select(func.max(FieldRow.position)).where(FieldRow.group_id == group))
    session.add(FieldRow(group_id=group, position=(last or 0) + 1, **_columns(field)))
    session.flush()
    _record(session, actor, Action.FIELD_ADD, newsletter_id, field.key, field_to_json(field))
    return field


def add_fields(session: Session, actor: Actor, newsletter_id: int, fields: Iterable[Field]) -> None:
    """Add several fields, all or none; see `add_field`."""
    for field in fields:
        add_field(session, actor, newsletter_id, field)


def change_field(session: Session, actor: Actor, newsletter_id: int, changed_field: Field) -> Field:
    """Change the field with the same key; omitted options are deleted, also from people's values.

    Raises:
        ListError: The definition is wrong.
        NotFoundError: There is no such field.
        ConflictError: A label is taken, or the type changes while people have values.
        ForbiddenError: The actor does not administer every newsletter of the group.
    """
    _hold(session, actor, newsletter_id)
    row = _find_row(session, newsletter_id, changed_field.key)
    before, field = field_of_row(row), check_definition(changed_field)
    others = [each for each in list_fields(session, newsletter_id) if each.key != field.key]
    _refuse_names(field, others)
    if field.type is not before.type and count_values(session, newsletter_id, field.key):
        raise ConflictError(
            msg("People have values of “{field}”; its type stays.", field=before.named),
            remedy=msg("Add another field of the type you need."),
            place=Place(field="type"),
        )
    kept = {option.value for option in field.options}
    removed = [
        dict(option) | {"removed": True} for option in row.options if option["value"] not in kept
    ]
    for name, value in _columns(field).items():
        setattr(row, name, value)
    row.options = [*row.options, *removed]
    session.flush()
    old, new = field_to_json(before), field_to_json(field)
    changed = {name: [old[name], new[name]] for name in new if old[name] != new[name]}
    if changed:
        _record(session, actor, Action.FIELD_CHANGE, newsletter_id, field.key, changed)
    return field


def order_fields(session: Session, actor: Actor, newsletter_id: int, keys: Sequence[str]) -> None:
    """Set the order of the fields; fields that are not named follow in their present order.

    Raises:
        NotFoundError: There is no such field.
        ForbiddenError: The actor does not administer every newsletter of the group.
    """
    _hold(session, actor, newsletter_id)
    rows = {row.key: row for row in list_field_rows(session, newsletter_id)}
    if missing := [key for key in keys if key not in rows]:
        raise no_such_field(list_fields(session, newsletter_id), missing[0])
    ordered = list(dict.fromkeys([*keys, *rows]))
    if ordered == list(rows):
        return
    for position, key in enumerate(ordered, start=1):
        rows[key].position = position
    session.flush()
    _record(session, actor, Action.FIELD_ORDER, newsletter_id, "", {"order": ordered})


def delete_field(session: Session, actor: Actor, newsletter_id: int, key: str) -> int:
    """Delete a field; return the number of people with a value, which workers delete.

    Raises:
        NotFoundError: There is no such field.
        ConflictError: Saved segments use it.
        ForbiddenError: The actor does not administer every newsletter of the group.
    """
    _hold(session, actor, newsletter_id)
    row = _find_row(session, newsletter_id, key)
    if used := segments_with(session, newsletter_id, key):
        raise ConflictError(
            msg("Segments use this field: {names}.", names=Listing(tuple(used))),
            remedy=msg("Delete these segments first."),
        )
    count = count_values(session, newsletter_id, key)
    if count:
        row.deleted_at = now()
    else:
        session.execute(delete(FieldRow).where(FieldRow.id == row.id))
    session.flush()
    _record(session, actor, Action.FIELD_DELETE, newsletter_id, key, {"values": count})
    return count


def segments_with(session: Session, newsletter_id: int, key: str) -> Sequence[str]:
    """Return the names of the group's saved segments that use a field."""
    rows = session.scalars(
        select(SegmentRow)
        .where(SegmentRow.newsletter_id.in_(newsletters_of_group(session, newsletter_id)))
        .order_by(SegmentRow.name)
    )
    return [row.name for row in rows if key in fields_of(parse_query(row.query))]


def _hold(session: Session, actor: Actor, newsletter_id: int) -> int:
    group = hold_group(session, newsletter_id, alone=True)
    rights = rights_of_actor(session, actor)
    for number in newsletters_of_group(session, newsletter_id):
        rights.require(Permission.ADMINISTER, number)
    return group


def _find_row(session: Session, newsletter_id: int, key: str) -> FieldRow:
    rows = list_field_rows(session, newsletter_id)
    found = next((row for row in rows if row.key == key), None)
    if found is None:
        raise no_such_field(tuple(map(field_of_row, rows)), key)
    return found


def _columns(field: Field) -> dict[str, Any]:
    """Return the values of a field's columns."""
    return field_to_json(field) | {"type": field.type}


def _refuse_taken_key(session: Session, group: int, field: Field) -> None:
    taken = session.scalars(
        select(FieldRow).where(FieldRow.group_id == group, FieldRow.key == field.key)
    ).one_or_none()
    if taken is not None and taken.deleted_at is not None:
        raise ConflictError(
            msg("The values of the deleted field “{key}” are still being removed.", key=field.key),
            remedy=msg("Wait a minute, or choose another key."),
            place=Place(field="key"),
        )
    if taken is not None:
        raise ConflictError(
            msg("There is already a field “{key}”.", key=field.key),
            remedy=msg("Choose another key."),
            place=Place(field="key"),
        )


def _refuse_names(field: Field, others: Sequence[Field]) -> None:
    """Refuse names by which the column of a list could not be identified."""
    if guess_field(field.key) and not is_weak(field.key):
        raise ListError(
            msg("“{key}” has a meaning of its own already.", key=field.key),
            place=Place(field="key"),
            remedy=msg("Choose another key."),
        )
    folded = {fold_label(label): label for label in field.labels.values()}
    for other in others:
        names = {other.key, *map(fold_label, other.labels.values())}
        if same := names & (set(folded) | {field.key}):
            raise ConflictError(
                msg("Another field is called “{label}”.", label=folded.get(min(same), field.key)),
                remedy=msg("Choose another label."),
                place=Place(field="labels"),
            )


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    newsletter_id: int,
    key: str,
    details: dict[str, Any],
) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"field {key}" if key else "fields",
        newsletter_id=newsletter_id,
        details=details_of(details),
    )


def is_field_used(session: Session, newsletter_id: int, key: str, *, since: datetime) -> bool:
    """Return whether a field is used, or was changed since it was created.

    It is used if a person has a value, if a form asks for it, or if a segment, a series, a draft or
    a snippet refers to it.
    """
    group = newsletters_of_group(session, newsletter_id)
    forms = session.scalars(select(FormRow.fields).where(FormRow.newsletter_id.in_(group)))
    # The quotation marks of JSON make sure that no other key matches.
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
