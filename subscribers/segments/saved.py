"""Saved segments: named questions, with a count and a sample before anybody is mailed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import (
    NewsletterRow,
    SegmentRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ConflictError, ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from subscribers.fields.store import list_fields
from subscribers.segments.compile import segment_clause
from subscribers.segments.model import fields_of, format_query
from subscribers.segments.names import LONGEST_NAME, is_segment_name, segment_name
from subscribers.segments.parse import parse_query
from subscribers.segments.uses import demand_unused
from subscribers.suppression import is_suppressed


def save_segment(session: Session, newsletter_id: int, *, name: str, query: str) -> SegmentRow:
    """Save a segment in its normal form.

    Raises:
        ListError: The name or the query is none.
        ConflictError: The name is taken.
    """
    row = SegmentRow(newsletter_id=newsletter_id)
    _write(session, row, name=name, query=query)
    session.add(row)
    session.flush()
    return row


def change_segment(
    session: Session, newsletter_id: int, former: str, *, name: str, query: str, before: str
) -> SegmentRow:
    """Give a saved segment another name or query; mailings keep the text they were made with.

    Args:
        session: Within the transaction that changes it.
        newsletter_id: Whose segment it is.
        former: Its name until now.
        name: Its name from now on.
        query: Whom it asks for.
        before: Whom it asked for when it was opened.

    Raises:
        ListError: The name or the query is none.
        NotFoundError: There is no segment of the former name any more.
        ConflictError: Somebody else changed it meanwhile, or the name is taken.
    """
    row = session.scalars(
        select(SegmentRow)
        .where(SegmentRow.newsletter_id == newsletter_id, SegmentRow.name == former)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no segment “{name}”.", name=former))
    if row.query != before:
        raise ConflictError(
            msg("Somebody else changed the segment “{name}” meanwhile.", name=former),
            remedy=msg("Open it again, and make your change there."),
        )
    _write(session, row, name=name, query=query)
    session.flush()
    return row


def _write(session: Session, row: SegmentRow, *, name: str, query: str) -> None:
    name = segment_name(name)
    if not is_segment_name(name):
        raise ListError(
            msg("“{name}” cannot be the name of a segment.", name=name),
            place=Place(source=msg("segment"), field="name"),
            remedy=msg(
                "Use up to {limit} letters, digits, blanks and hyphens, beginning with a letter or"
                " a digit.",
                limit=LONGEST_NAME,
            ),
        )
    if not query.strip():
        raise ListError(
            msg("A segment needs a condition."),
            place=Place(source=msg("segment")),
            remedy=msg("Add one, or choose everybody where you send."),
        )
    row.query = format_query(parse_query(query, list_fields(session, row.newsletter_id)))
    if name == row.name:
        return
    taken = select(SegmentRow.id).where(
        SegmentRow.newsletter_id == row.newsletter_id, SegmentRow.name == name
    )
    if session.scalar(taken) is not None:
        raise ConflictError(
            msg("There is already a segment “{name}”.", name=name),
            place=Place(source=msg("segment"), field="name"),
            remedy=msg("Choose another name."),
        )
    row.name = name


def list_segments(session: Session, newsletter_id: int) -> Sequence[SegmentRow]:
    """Return a newsletter's segments by name."""
    return session.scalars(
        select(SegmentRow)
        .where(SegmentRow.newsletter_id == newsletter_id)
        .order_by(SegmentRow.name)
    ).all()


def named_segment(session: Session, newsletter_id: int, name: str) -> SegmentRow | None:
    """Return the saved segment of a name, however it is spaced and composed; None for none."""
    sought = segment_name(name)
    rows = list_segments(session, newsletter_id)
    return next((row for row in rows if segment_name(row.name) == sought), None)


def find_segment(session: Session, newsletter_id: int, name: str) -> SegmentRow:
    """Return a saved segment.

    Raises:
        NotFoundError: There is none of that name.
    """
    if (row := named_segment(session, newsletter_id, name)) is not None:
        return row
    names = ", ".join(row.name for row in list_segments(session, newsletter_id)) or "none yet"
    raise NotFoundError(
        msg("There is no segment “{name}”.", name=segment_name(name)),
        remedy=msg("The choices are: {names}.", names=names),
    )


def segment_text(session: Session, newsletter_id: int, name_or_query: str) -> str:
    """Return the query of a saved segment, or the text itself when it names none.

    Raises:
        ListError: It is neither.
    """
    if (row := named_segment(session, newsletter_id, name_or_query)) is not None:
        return row.query
    if not name_or_query.strip():
        return ""
    return format_query(parse_query(name_or_query, list_fields(session, newsletter_id)))


def names_of_queries(session: Session, newsletter_id: int) -> Mapping[str, str]:
    """Return what the saved segments are called, by what they ask for.

    A mailing keeps what its segment asked for; where that asks for something else since, or is no
    more, the query has no name.
    """
    return {row.query: row.name for row in reversed(list_segments(session, newsletter_id))}


def demand_fields(session: Session, newsletter_id: int, queries: Iterable[str]) -> None:
    """Refuse queries that ask for a field which was deleted since they were written.

    Nobody has a value of it: such a query would find nobody, or with ``not`` everybody.

    Raises:
        ListError: One does, or is none.
    """
    known = {field.key for field in list_fields(session, newsletter_id)}
    for query in filter(str.strip, queries):
        if missing := sorted(fields_of(parse_query(query)) - known):
            raise ListError(
                msg("There is no field “{name}”.", name=missing[0]),
                remedy=msg("It was deleted. Choose other recipients, and order the sending again."),
            )


def delete_segment(session: Session, newsletter_id: int, name: str) -> None:
    """Delete a saved segment; mailings keep the text they were made with.

    Raises:
        NotFoundError: There is none of that name.
        ConflictError: Something that is yet to be sent names it; the remedy says where.
    """
    row = find_segment(session, newsletter_id, name)
    demand_unused(session, newsletter_id, row)
    session.execute(delete(SegmentRow).where(SegmentRow.id == row.id))


def count_segment(session: Session, newsletter: NewsletterRow, query: str) -> int:
    """Return how many confirmed, mailable subscribers a segment has now."""
    people = _people(newsletter, query).subquery()
    return session.scalar(select(func.count()).select_from(people)) or 0


def sample_segment(
    session: Session, newsletter: NewsletterRow, query: str, *, size: int
) -> Sequence[str]:
    """Return some of a segment's addresses."""
    rows = session.execute(_people(newsletter, query).order_by(SubscriberRow.id).limit(size))
    return [row.address or "" for row in rows]


def _people(newsletter: NewsletterRow, query: str) -> Select[str | None]:
    return (
        select(SubscriberRow.address)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == newsletter.id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            SubscriberRow.address_key.is_not(None),
            ~is_suppressed(SubscriberRow.address_key, newsletter.id),
            segment_clause(query, newsletter.id, time_zone=newsletter.time_zone),
        )
    )
