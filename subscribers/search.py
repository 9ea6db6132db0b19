"""Searching a list of a million people: each page is read from an index, after the previous page.

A search for any part of an address, a name or a value checks the newest people first, which is
enough for common parts; then the candidates of `subscribers.search_index`. Each candidate is
checked for the part itself, so the index changes the speed of a search and never its result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    false,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.addresses import as_kept
from newsletter.database.folding import fold_case, forms_of
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import SubscriptionState
from subscribers.listing import (
    NEWEST,
    PLAIN_COLUMNS,
    Key,
    ListOrder,
    goes_on_after,
    indexed_stretch,
    list_columns,
    order_keys,
)
from subscribers.search_index import SearchPart, part_of
from subscribers.segments.compile import segment_clause
from subscribers.suppression import is_suppressed

#: Appended to a prefix, it sorts after every text with this prefix.
_LAST = "\U0010ffff"
#: Greater than every person's id.
_NOBODY = 1 << 40
#: Seconds after which a search for a part returns the people found so far, and where to continue.
_PATIENCE = 5.0
#: Number of the newest people that are checked one by one before the index is used.
_NEWEST = 2000
#: Numbers of candidates of the index that are checked together; the last number repeats.
_NAMED = (500, 4000)
#: People checked together where no index can be used.
_EVERYBODY = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleFilter:
    """The criteria of a search; an empty field restricts nothing.

    Attributes:
        text: The beginning of an address or, if no address begins so, of a name; otherwise any part
            of either, or of a field's value.
        within: Whether any part matches, even if an address or name begins with the text.
        segment: A query (docs/lists.md).
        suppressed: Whether only people with a suppressed address are found, in whichever state.
    """

    text: str = ""
    within: bool = False
    tag: str = ""
    segment: str = ""
    state: SubscriptionState | None = None
    suppressed: bool = False


class MatchedBy(StrEnum):
    """The part of the data in which a search found its people."""

    #: The search had no text.
    NO_WORDS = ""
    ADDRESS = "address"
    NAME = "name"
    ANY_PART = "part"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One person in a list.

    Attributes:
        known: The values of the columns of `subscribers.listing`, by name.
        attributes: The values of the fields, including deleted fields.
    """

    subscriber_id: int
    address: str
    suppressed: bool
    known: Mapping[str, Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPage:
    """A page of people.

    Attributes:
        after: The id after which the next page continues; None on the last page.
        match: The part of the data in which the people were found.
        cut: Whether the search ran out of time before the page was full and everybody checked.
    """

    people: Sequence[Found]
    after: int | None
    match: MatchedBy = MatchedBy.NO_WORDS
    cut: bool = False

    @property
    def within(self) -> bool:
        """Whether the text was searched in any part of address, name and fields."""
        return self.match is MatchedBy.ANY_PART


def search_people(
    session: Session,
    newsletter: NewsletterRow,
    criteria: PeopleFilter,
    *,
    order: ListOrder = NEWEST,
    after: int | None = None,
    limit: int = 50,
) -> FoundPage:
    """Return a page of a newsletter's people: the newest first, or in the order of the search.

    Beginnings are found by an index. If no address or name begins with the text, or if any part may
    match, another index returns candidates (docs/people.md).

    Raises:
        ListError: The segment is invalid.
    """
    page = _Page(session=session, newsletter=newsletter, order=order, after=after, limit=limit)
    text = criteria.text.strip()
    if not text:
        return page.read(criteria)
    if not criteria.within:
        for match, prefix in _prefixes(text).items():
            found = page.read(criteria, prefix)
            if found.people:
                return replace(found, match=match)
    return replace(page.read(replace(criteria, within=True)), match=MatchedBy.ANY_PART)


def find_match(session: Session, newsletter: NewsletterRow, criteria: PeopleFilter) -> MatchedBy:
    """Return the part of the data in which `search_people` finds its people.

    Raises:
        ListError: The segment is invalid.
    """
    return search_people(session, newsletter, criteria, limit=1).match


def matching_people(
    session: Session, newsletter: NewsletterRow, criteria: PeopleFilter, match: MatchedBy
) -> Select[int]:
    """Select the ids of all people that a search finds in this part of the data, unordered.

    Raises:
        ListError: The segment is invalid.
    """
    query = _query(newsletter, criteria).with_only_columns(SubscriptionRow.subscriber_id)
    text = criteria.text.strip()
    if match is MatchedBy.ANY_PART:
        part = part_of(session, newsletter, text)
        candidates = part.candidates(session, newsletter)
        return query.where(part.held, *([] if candidates is None else [candidates.clause()]))
    if match is MatchedBy.NO_WORDS:
        return query
    return query.where(_begins(_prefixes(text)[match]))


def found_among(
    session: Session, newsletter: NewsletterRow, criteria: PeopleFilter
) -> Select[int] | None:
    """Select the ids of the people that a search finds; None if an export needs no such subquery.

    Raises:
        ListError: The segment is invalid.
    """
    if not (criteria.text.strip() or criteria.tag.strip() or criteria.suppressed):
        return None
    return matching_people(session, newsletter, criteria, find_match(session, newsletter, criteria))


#: A column, and the prefixes that match in it.
_Prefix = tuple[InstrumentedAttribute[str] | InstrumentedAttribute[str | None], Sequence[str]]


def _prefixes(text: str) -> Mapping[MatchedBy, _Prefix]:
    """Return the columns that can begin with a text, in the order in which they are searched."""
    folded = fold_case(text)
    return {
        MatchedBy.ADDRESS: (
            SubscriberRow.address_key,
            [as_kept(folded) if "@" in folded else folded],
        ),
        MatchedBy.NAME: (SubscriptionRow.name, forms_of(text)),
    }


def _begins(prefix: _Prefix) -> ColumnElement[bool]:
    column, texts = prefix
    return or_(*(and_(column >= text, column < text + _LAST) for text in texts))


def begins_with(text: str) -> ColumnElement[bool]:
    """Return the condition that an address or a name begins with a text."""
    return or_(*map(_begins, _prefixes(text).values()))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """One page of a list, and the order of the list."""

    session: Session
    newsletter: NewsletterRow
    order: ListOrder
    after: int | None
    limit: int

    def read(self, criteria: PeopleFilter, prefix: _Prefix | None = None) -> FoundPage:
        """Return the page of the people who match a filter and, if given, a prefix."""
        session, newsletter = self.session, self.newsletter
        within = criteria.text.strip() if prefix is None and criteria.within else ""
        part = part_of(session, newsletter, within) if within else None
        if part is not None and not self.order.name:
            return self._read_newest(criteria, part)
        offered = list_columns(session, newsletter.id) if self.order.name else ()
        keys: Sequence[Key] = order_keys(self.order, offered)
        if prefix is not None and not self.order.name:
            keys = [(prefix[0], False), (SubscriptionRow.subscriber_id, False)]
        candidates = part.candidates(session, newsletter) if part is not None else None
        # For few candidates, sorting is faster than scanning the index in order.
        are_many = candidates is None or candidates.are_many
        if self.order.has_index and are_many and not self._has_index(criteria, prefix):
            return self._read_by_index(criteria, prefix, part)
        # For SQLite only; PostgreSQL could not use its statistics for such an expression. A tag and
        # few candidates have their own index.
        scans_addresses = (
            keys[0][0] is SubscriberRow.address_key
            and session.get_bind().dialect.name == "sqlite"
            and (part is None or (candidates is not None and candidates.are_many))
            and not criteria.tag.strip()
        )
        query = _query(newsletter, criteria, scans_addresses=scans_addresses)
        if prefix is not None:
            query = query.where(_begins(prefix))
        elif part is not None:
            query = query.where(part.held, *self._among(part))
        if self.after is not None:
            rest = goes_on_after(session, newsletter.id, keys, self.after)
            query = query.where(*([] if rest is None else [rest]))
        query = query.order_by(*(key.desc() if down else key for key, down in keys))
        rows = session.execute(query.limit(self.limit + 1)).all()
        people = _people(session, newsletter, rows[: self.limit])
        after = people[-1].subscriber_id if len(rows) > self.limit else None
        return FoundPage(people=people, after=after)

    def _has_index(self, criteria: PeopleFilter, prefix: _Prefix | None) -> bool:
        """Return whether an index other than that of the date finds the people, who are sorted."""
        return self.order.is_by_date and (prefix is not None or bool(criteria.tag.strip()))

    def _read_by_index(
        self, criteria: PeopleFilter, prefix: _Prefix | None, part: SearchPart | None
    ) -> FoundPage:
        """Return the page of an order with an index: people with a value, then those without.

        These are two statements, since the database would sort everybody for a single one.
        """
        session, newsletter = self.session, self.newsletter
        query = _query(newsletter, criteria)
        if prefix is not None:
            query = query.where(_begins(prefix))
        elif part is not None:
            query = query.where(part.held)
        last = session.get(SubscriptionRow, (newsletter.id, self.after)) if self.after else None
        is_last_valued = last is not None and bool(getattr(last, self.order.name))
        candidates = None if part is None else part.candidates(session, newsletter)
        rows: list[Row[Any]] = []
        for is_valued in (True, False):
            if is_valued and last is not None and not is_last_valued:
                # Previous pages showed all people with a value.
                continue
            before = last if is_valued is is_last_valued else None
            here, order = indexed_stretch(self.order, is_valued=is_valued, last=before)
            most = self.limit + 1 - len(rows)
            found: Sequence[Row[Any]] = ()
            if candidates is not None:
                # People who match are likely among the first ones.
                first = (
                    select(SubscriptionRow.subscriber_id)
                    .where(SubscriptionRow.newsletter_id == newsletter.id, *here)
                    .order_by(*order)
                    .limit(_NEWEST)
                )
                among = SubscriptionRow.subscriber_id.in_(first)
                found = session.execute(query.where(among).order_by(*order).limit(most)).all()
                here.append(candidates.clause())
            if len(found) < most:
                found = session.execute(query.where(*here).order_by(*order).limit(most)).all()
            rows += found
            if len(rows) > self.limit:
                break
        people = _people(session, newsletter, rows[: self.limit])
        after = people[-1].subscriber_id if len(rows) > self.limit else None
        return FoundPage(people=people, after=after)

    def _among(self, part: SearchPart) -> Sequence[ColumnElement[bool]]:
        """Return conditions that narrow a search whose order is not that of the ids."""
        candidates = part.candidates(self.session, self.newsletter)
        if candidates is None:
            return []
        # A scan in the order of an index finds a common part soon.
        if self.order.name == "address" and candidates.are_many:
            return []
        return [candidates.clause()]

    def _read_newest(self, criteria: PeopleFilter, part: SearchPart) -> FoundPage:
        """Return the page of the people who match a part, the newest first, within the time."""
        session, newsletter, number = self.session, self.newsletter, SubscriptionRow.subscriber_id
        query = _query(newsletter, criteria).where(part.held).order_by(number.desc())
        until = time.monotonic() + _PATIENCE
        rows: list[Row[Any]] = []
        last = None
        for some, looked_at in self._stretches(part):
            last = looked_at
            wanted = query.where(some).limit(self.limit + 1 - len(rows))
            rows += session.execute(wanted).all()
            if len(rows) > self.limit or time.monotonic() > until:
                break
        people = _people(session, newsletter, rows[: self.limit])
        if len(rows) > self.limit:
            return FoundPage(people=people, after=people[-1].subscriber_id)
        return FoundPage(people=people, after=last, cut=last is not None)

    def _stretches(self, part: SearchPart) -> Iterator[tuple[ColumnElement[bool], int | None]]:
        """Yield conditions of the people to check next, each with its last id; None at the end."""
        number = SubscriptionRow.subscriber_id
        before = _NOBODY if self.after is None else self.after
        candidates, size = None, _NEWEST
        while candidates is None:
            first = self.session.scalar(
                select(number)
                .where(SubscriptionRow.newsletter_id == self.newsletter.id, number < before)
                .order_by(number.desc())
                .offset(size - 1)
                .limit(1)
            )
            if first is None:
                yield number < before, None
                return
            yield and_(number < before, number >= first), first
            if size == _NEWEST:
                candidates = part.candidates(self.session, self.newsletter)
            before, size = first, _EVERYBODY
        for numbers in candidates.all_before(before, sizes=_NAMED):
            yield number.in_(numbers), numbers[-1]
        yield false(), None


def _people(
    session: Session, newsletter: NewsletterRow, rows: Sequence[Row[Any]]
) -> Sequence[Found]:
    """Return the people of rows of `_query`, with their tags."""
    tags: dict[int, list[str]] = {}
    tagged = session.execute(
        select(TagRow.subscriber_id, TagRow.tag)
        .where(
            TagRow.newsletter_id == newsletter.id,
            TagRow.subscriber_id.in_([row.subscriber_id for row in rows]),
        )
        .order_by(TagRow.tag)
    )
    for number, tag in tagged:
        tags.setdefault(number, []).append(tag)
    names = [column.key for column in _SHOWN]
    return [
        Found(
            subscriber_id=row.subscriber_id,
            address=row.address or "",
            suppressed=bool(row.suppressed),
            known={name: getattr(row, name) for name in names}
            | {"tags": tags.get(row.subscriber_id, [])},
            attributes=row.attributes,
        )
        for row in rows
    ]


#: The columns of a list that are columns of the subscription.
_SHOWN = tuple(getattr(SubscriptionRow, name) for name in PLAIN_COLUMNS if name != "tags")


def _query(
    newsletter: NewsletterRow, criteria: PeopleFilter, *, scans_addresses: bool = False
) -> Select[*tuple[Any, ...]]:
    conditions: list[ColumnElement[bool]] = [
        SubscriptionRow.newsletter_id == newsletter.id,
        SubscriberRow.address_key.is_not(None),
    ]
    # "+ 0" prevents the use of an index; otherwise SQLite reads and sorts the whole list to return
    # the few people of a page.
    person = SubscriberRow.id + 0 if scans_addresses else SubscriberRow.id
    query = (
        select(
            SubscriptionRow.subscriber_id,
            SubscriberRow.address,
            *_SHOWN,
            SubscriptionRow.attributes,
            is_suppressed(SubscriberRow.address_key, newsletter.id).label("suppressed"),
        )
        .select_from(SubscriberRow)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == person)
    )
    if criteria.state is not None:
        conditions.append(SubscriptionRow.state == criteria.state)
    if criteria.suppressed:
        conditions.append(is_suppressed(SubscriberRow.address_key, newsletter.id))
    if criteria.tag.strip():
        query = query.join(
            TagRow,
            (TagRow.subscriber_id == SubscriptionRow.subscriber_id)
            & (TagRow.newsletter_id == newsletter.id),
        )
        conditions.append(TagRow.tag == criteria.tag.strip())
    if criteria.segment.strip():
        conditions.append(
            segment_clause(criteria.segment, newsletter.id, time_zone=newsletter.time_zone)
        )
    return query.where(*conditions)


def list_people(
    session: Session, newsletter_id: int, *, limit: int
) -> Sequence[tuple[str, str, SubscriptionState]]:
    """Return the address (empty if erased), name and state of the first people of a list."""
    rows = session.execute(
        select(SubscriberRow.address, SubscriptionRow.name, SubscriptionRow.state)
        .join(SubscriptionRow, SubscriptionRow.subscriber_id == SubscriberRow.id)
        .where(SubscriptionRow.newsletter_id == newsletter_id)
        .order_by(SubscriberRow.id)
        .limit(limit)
    )
    return [(address or "", name, state) for address, name, state in rows]


def find_people(
    session: Session, newsletter: NewsletterRow, text: str, *, limit: int
) -> Sequence[tuple[str, str, SubscriptionState]]:
    """Return the same of the people that a search finds, as on the page of subscribers."""
    people = search_people(session, newsletter, PeopleFilter(text=text), limit=limit).people
    return [(one.address, one.known["name"] or "", one.known["state"]) for one in people]
