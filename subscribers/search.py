"""Finding people among a million: a page is read from an index, from where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import SubscriptionState
from subscribers.segments.compile import segment_clause
from subscribers.suppression import is_suppressed

#: Sorts after every text that begins as the text before it does.
_LAST = "\U0010ffff"


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleFilter:
    """Who is wanted; an empty field asks nothing.

    Attributes:
        text: How an address begins, or else a name.
        segment: A query (docs/lists.md).
    """

    text: str = ""
    tag: str = ""
    segment: str = ""
    state: SubscriptionState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One person as a list shows them."""

    subscriber_id: int
    address: str
    name: str
    state: SubscriptionState
    confirmed_at: datetime | None
    suppressed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPage:
    """A page of people, and the number that the next page goes on after; None at the end."""

    people: Sequence[Found]
    after: int | None


def search_people(
    session: Session,
    newsletter: NewsletterRow,
    wanted: PeopleFilter,
    *,
    after: int | None = None,
    limit: int = 50,
) -> FoundPage:
    """Return a newsletter's people: the newest first, or by address or name when those are asked.

    Raises:
        ListError: The segment is none.
    """
    text = wanted.text.strip()
    if not text:
        return _page(session, newsletter, wanted, None, after, limit)
    by_address = _page(
        session, newsletter, wanted, (SubscriberRow.address_key, text.lower()), after, limit
    )
    if by_address.people or "@" in text:
        return by_address
    return _page(session, newsletter, wanted, (SubscriptionRow.name, text), after, limit)


def _page(
    session: Session,
    newsletter: NewsletterRow,
    wanted: PeopleFilter,
    prefix: tuple[InstrumentedAttribute[str] | InstrumentedAttribute[str | None], str] | None,
    after: int | None,
    limit: int,
) -> FoundPage:
    query = _wanted(newsletter, wanted)
    if prefix is None:
        query = query.order_by(SubscriptionRow.subscriber_id.desc())
        if after is not None:
            query = query.where(SubscriptionRow.subscriber_id < after)
    else:
        column, text = prefix
        number = SubscriptionRow.subscriber_id
        # PostgreSQL judges by its statistics, which a sum would hide; names have an index by list.
        hides_list = column is SubscriberRow.address_key and (
            session.get_bind().dialect.name == "sqlite"
        )
        query = _wanted(newsletter, wanted, by_list=not hides_list)
        query = query.where(column >= text, column < text + _LAST).order_by(column, number)
        if after is not None:
            value = session.scalar(
                select(column)
                .join_from(SubscriptionRow, SubscriberRow)
                .where(SubscriptionRow.newsletter_id == newsletter.id, number == after)
            )
            query = query.where(column >= (value or ""), (column > value) | (number > after))
    rows = session.execute(query.limit(limit + 1)).all()
    people = [
        Found(
            subscriber_id=row.id,
            address=row.address or "",
            name=row.name,
            state=row.state,
            confirmed_at=row.confirmed_at,
            suppressed=bool(row.suppressed),
        )
        for row in rows[:limit]
    ]
    return FoundPage(people=people, after=people[-1].subscriber_id if len(rows) > limit else None)


def _wanted(
    newsletter: NewsletterRow, wanted: PeopleFilter, *, by_list: bool = True
) -> Select[int, str | None, str, SubscriptionState, datetime | None, bool]:
    conditions: list[ColumnElement[bool]] = [
        # A sum has no index: else SQLite reads and sorts the whole list for the few asked.
        (SubscriptionRow.newsletter_id if by_list else SubscriptionRow.newsletter_id + 0)
        == newsletter.id,
        SubscriberRow.address_key.is_not(None),
    ]
    query = (
        select(
            SubscriberRow.id,
            SubscriberRow.address,
            SubscriptionRow.name,
            SubscriptionRow.state,
            SubscriptionRow.confirmed_at,
            is_suppressed(SubscriberRow.address_key, newsletter.id).label("suppressed"),
        )
        .select_from(SubscriberRow)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
    )
    if wanted.state is not None:
        conditions.append(SubscriptionRow.state == wanted.state)
    if wanted.tag.strip():
        query = query.join(
            TagRow,
            (TagRow.subscriber_id == SubscriptionRow.subscriber_id)
            & (TagRow.newsletter_id == newsletter.id),
        )
        conditions.append(TagRow.tag == wanted.tag.strip())
    if wanted.segment.strip():
        conditions.append(
            segment_clause(wanted.segment, newsletter.id, time_zone=newsletter.time_zone)
        )
    return query.where(*conditions)


def find_readers(
    session: Session, newsletter_id: int, text: str, *, limit: int
) -> Sequence[tuple[str, str]]:
    """Return names and addresses of confirmed subscribers whose address or name begins so."""
    rows = session.execute(
        select(SubscriptionRow.name, SubscriberRow.address)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            SubscriberRow.address.is_not(None),
            or_(
                SubscriberRow.address_key.startswith(text.lower(), autoescape=True),
                SubscriptionRow.name.startswith(text, autoescape=True),
            ),
        )
        .limit(limit)
    )
    return [(name, address or "") for name, address in rows]


def find_reader_by_key(
    session: Session, newsletter_id: int, address_key: str
) -> tuple[str, str] | None:
    """Return the name and the address of whoever is on a list with an address; None if nobody."""
    row = session.execute(
        select(SubscriptionRow.name, SubscriberRow.address)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriberRow.address_key == address_key,
        )
    ).one_or_none()
    return None if row is None else (row.name, row.address or "")


def name_and_address(session: Session, newsletter_id: int, subscriber_id: int) -> tuple[str, str]:
    """Return how a newsletter addresses somebody, and where; what is not known is empty."""
    person = session.get(SubscriberRow, subscriber_id)
    relation = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    return (relation.name if relation else "", (person.address or "") if person else "")


def list_people(
    session: Session, newsletter_id: int, *, limit: int
) -> Sequence[tuple[str, str, SubscriptionState]]:
    """Return address (empty once erased), name and state of a list's first people."""
    rows = session.execute(
        select(SubscriberRow.address, SubscriptionRow.name, SubscriptionRow.state)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter_id)
        .order_by(SubscriberRow.id)
        .limit(limit)
    )
    return [(address or "", name, state) for address, name, state in rows]
