"""Queries for the fields of a group of newsletters."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import FieldRow, NewsletterRow, PeopleGroupRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from subscribers.fields.model import Field, field_of, options_from_json


def list_fields(session: Session, newsletter_id: int) -> tuple[Field, ...]:
    """Return the fields of a newsletter's people in their order."""
    return tuple(map(field_of_row, list_field_rows(session, newsletter_id)))


def find_field(session: Session, newsletter_id: int, key: str) -> Field:
    """Return a field of a newsletter's people.

    Raises:
        NotFoundError: There is no field with this key.
    """
    known = list_fields(session, newsletter_id)
    field = field_of(known, key)
    if field is None:
        raise no_such_field(known, key)
    return field


def no_such_field(known: Sequence[Field], key: str) -> NotFoundError:
    """Return the error that none of these fields has this key."""
    return NotFoundError(
        msg("There is no field “{name}”.", name=key[:60]),
        remedy=msg("The fields are: {names}.", names=Listing(tuple(each.key for each in known))),
    )


def list_field_rows(session: Session, newsletter_id: int) -> Sequence[FieldRow]:
    """Return the rows of a newsletter's fields in their order, without deleted fields."""
    return session.scalars(
        select(FieldRow)
        .join(NewsletterRow, NewsletterRow.group_id == FieldRow.group_id)
        .where(NewsletterRow.id == newsletter_id, FieldRow.deleted_at.is_(None))
        .order_by(FieldRow.position, FieldRow.id)
    ).all()


def field_of_row(row: FieldRow) -> Field:
    """Return the field of a row."""
    return Field(
        key=row.key,
        type=row.type,
        labels=row.labels,
        options=tuple(
            options_from_json(option for option in row.options if not option.get("removed"))
        ),
        required=row.required,
        ask_on_joining=row.ask_on_joining,
        reader_may_change=row.reader_may_change,
        purpose=row.purpose,
        retention_days=row.retention_days,
    )


def hold_group(session: Session, newsletter_id: int, *, alone: bool = False) -> int:
    """Lock a group's fields until this transaction ends; return the id of the group.

    Code that writes values takes a shared lock, code that changes fields an exclusive one
    (``alone``). Therefore no value is written for a field that is deleted at the same time.
    """
    return session.scalars(
        select(PeopleGroupRow.id)
        .join(NewsletterRow, NewsletterRow.group_id == PeopleGroupRow.id)
        .where(NewsletterRow.id == newsletter_id)
        .with_for_update(read=not alone, key_share=alone, of=PeopleGroupRow)
    ).one()


def newsletters_of_group(session: Session, newsletter_id: int) -> Sequence[int]:
    """Return the ids of the newsletters that share the fields of one, including itself."""
    return session.scalars(
        select(NewsletterRow.id)
        .where(
            NewsletterRow.group_id
            == select(NewsletterRow.group_id)
            .where(NewsletterRow.id == newsletter_id)
            .scalar_subquery()
        )
        .order_by(NewsletterRow.id)
    ).all()
