"""A newsletter's subscribers as CSV, whose lines are written by the database.

Each field is a column under its key. Several values, such as tags and choices, are separated by
commas; quoted values may contain commas. The last column, ``fields``, contains in its first line
the definitions of the fields. An instance without these fields creates them from it, so that the
values are imported with the same types (`subscribers.lists.columns.new_fields`).
"""

from __future__ import annotations

import csv
import io
import json
import operator
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from enum import Enum
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Engine,
    LargeBinary,
    Select,
    SQLColumnExpression,
    String,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from newsletter.database.driver import driver_of
from newsletter.database.engine import reading
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.types import UtcDateTime, Vocabulary
from newsletter.database.vocabulary import FieldType, SubscriptionState
from newsletter.spreadsheets import defuse_lines
from subscribers.fields.model import Field, field_to_json
from subscribers.fields.store import AttributeText, Position, list_fields
from subscribers.lists.exports.exports import COLUMNS, ListPage
from subscribers.lists.read_ahead import read_ahead
from subscribers.lists.words.formats import DEFINITIONS
from subscribers.segments.compile import segment_clause

#: People per page; one page is in memory at a time.
_PAGE = 10_000
#: The largest number of suppressed people kept in memory; otherwise each page queries for them.
_FEW = 1000
#: Arguments per function call; SQLite allows 100.
_ARGUMENTS = 40
_LINE_END = "\r\n"
#: Characters that separate tags or would be parsed as quotation marks.
_PART_SIGNS = (",", "、", ";", "，", "；", '"')
#: Options of PostgreSQL: without statistics it would scan and sort everybody for each page; moments
#: are in UTC.
_IN_ORDER = select(
    *(
        func.set_config(name, value, literal(True))  # noqa: FBT003 - an argument of SQL
        for name, value in (
            *((f"enable_{way}", "off") for way in ("sort", "bitmapscan", "hashjoin")),
            ("TimeZone", "UTC"),
        )
    )
)
#: Parameters that are lists of ids.
_LISTS = ("numbers", "suppressed")

_Text: TypeAlias = SQLColumnExpression[Any]


class _Form(Enum):
    """How a cell's text is escaped, as a format of SQLite's printf."""

    ANY = '"%w"'
    """Its quotes doubled, and some around it."""
    WORD = '"%s"'
    """Quotes around it: it holds none."""
    PLAIN = "%s"
    """Nothing."""


class _Cell(NamedTuple):
    """A cell of each line; NULL is an empty cell, except for unescaped text, which has no NULL."""

    name: str
    text: _Text
    form: _Form = _Form.ANY


def csv_pages(
    engine: Engine,
    newsletter: NewsletterRow,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
    among: Select[int] | None = None,
) -> Iterator[ListPage]:
    """Yield a newsletter's subscribers as CSV (RFC 4180) in the order of their ids.

    Args:
        engine: The database; each page is a separate query, so that a long export blocks nothing.
        newsletter: The newsletter.
        segment: A query that selects people; empty for everybody.
        state: The state of the subscriptions; None for any.
        among: The ids of people, as a further restriction.

    Raises:
        ListError: The segment is invalid.
    """
    with reading(engine) as session:
        fields = list_fields(session, newsletter.id)
        has_tags = session.scalar(
            select(TagRow.tag).where(TagRow.newsletter_id == newsletter.id).limit(1)
        )
    people = select(SubscriptionRow.subscriber_id).where(
        SubscriptionRow.newsletter_id == newsletter.id
    )
    is_whole = not segment.strip() and state is None and among is None
    if not is_whole:
        people = people.join(SubscriberRow).where(
            SubscriberRow.address_key.is_not(None),
            segment_clause(segment, newsletter.id, time_zone=newsletter.time_zone),
        )
    if state is not None:
        people = people.where(SubscriptionRow.state == state)
    if among is not None:
        people = people.where(SubscriptionRow.subscriber_id.in_(among))
    writer = _Writer(engine.dialect.name == "postgresql", newsletter.id)
    cells, plain_cells = (
        writer.cells(fields, has_tags=has_tags is not None, has_suppressed=has_suppressed)
        for has_suppressed in (True, False)
    )
    yield ListPage(_header([*(cell.name for cell in cells), DEFINITIONS]), 0)
    reader = _Reader(
        engine,
        newsletter.id,
        people,
        writer.lines(cells, is_whole=is_whole),
        writer.lines(plain_cells, is_whole=is_whole),
    )
    definitions = json.dumps([field_to_json(each) for each in fields], ensure_ascii=False)
    pages = reader.pages(1 if fields else _PAGE, is_whole=is_whole)
    with closing(read_ahead(pages)) as ahead:
        for number, (lines, count) in enumerate(ahead):
            octets = defuse_lines(lines, count)
            if fields and not number:
                octets = octets.removesuffix(b"\r\n") + _header([definitions])
            yield ListPage(octets, count)


def _header(names: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=_LINE_END).writerow(names)
    return text.getvalue().encode()


class _Reader:
    """Reads the pages one by one, each in one consistent snapshot."""

    def __init__(
        self,
        engine: Engine,
        newsletter_id: int,
        people: Select[Any],
        lines: Select[Any],
        plain_lines: Select[Any],
    ) -> None:
        """Store the queries; ``plain_lines`` is used for pages without suppressed people."""
        self._is_postgres = engine.dialect.name == "postgresql"
        self._engine = engine
        if self._is_postgres:
            self._engine = engine.execution_options(isolation_level="REPEATABLE READ")
        number = SubscriptionRow.subscriber_id
        self._people = (
            people.where(number > bindparam("after")).order_by(number).limit(bindparam("size"))
        )
        self._lines = {True: lines, False: plain_lines}
        self._copied = {
            suppressed: each.compile(dialect=engine.dialect)
            for suppressed, each in self._lines.items()
        }
        self._suppressed = (
            select(SubscriberRow.id)
            .join(SuppressionRow, SuppressionRow.address_key == SubscriberRow.address_key)
            .where(_holds_for(newsletter_id))
        )

    def pages(self, size: int, *, is_whole: bool) -> Iterator[tuple[bytes, int]]:
        """Yield the lines of each page and their number; the first page has ``size`` people."""
        with self._reading() as session:
            few = session.scalars(self._suppressed.limit(_FEW)).all()
        people = self._people
        if is_whole:
            people = select(func.max(people.subquery().c.subscriber_id))
        last = 0
        while True:
            after = last
            with self._reading() as session:
                numbers = session.scalars(people, {"after": after, "size": size}).all()
                if not numbers or numbers[-1] is None:
                    return
                last = numbers[-1]
                whom = {"after": after, "last": last} if is_whole else {"numbers": numbers}
                whom["suppressed"] = self._suppressed_among(session, few, after, last)
                lines, count = self._read(session, whom)
            if count:
                size = _PAGE
                yield lines, count

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with reading(self._engine) as session:
            if self._is_postgres:
                session.execute(_IN_ORDER)
            yield session

    def _suppressed_among(
        self, session: Session, few: Sequence[int], after: int, last: int
    ) -> Sequence[int]:
        """Return the ids of suppressed people after one id up to another."""
        if len(few) < _FEW:
            return [number for number in few if after < number <= last]
        number = SubscriberRow.id
        return session.scalars(self._suppressed.where(number > after, number <= last)).all()

    def _read(self, session: Session, whom: dict[str, Any]) -> tuple[bytes, int]:
        """Return lines, each with a line feed at the end, and their number."""
        has_suppressed = bool(whom["suppressed"])
        if not self._is_postgres:
            texts = {name: json.dumps(one) if name in _LISTS else one for name, one in whom.items()}
            count, octets = session.execute(self._lines[has_suppressed], texts).one()
            return octets + b"\n" if count else b"", count
        # Imported here, since SQLite does not need PostgreSQL's driver.
        from newsletter.database.driver import copied_out  # noqa: PLC0415

        copied = self._copied[has_suppressed]
        with driver_of(session.connection(), "COPY of a list") as driver:
            return copied_out(driver, str(copied), copied.params | whom)


def _holds_for(newsletter_id: int) -> ColumnElement[bool]:
    scope = SuppressionRow.newsletter_id
    return or_(scope == newsletter_id, scope.is_(None))


def _or_empty(text: _Text) -> _Text:
    """Return a text with NULL replaced, for which SQLite would write ``(NULL)`` in quotes."""
    return func.coalesce(text, literal_column("''"), type_=String)


class _Writer:
    """SQL expressions that write the cells of a newsletter's people."""

    def __init__(self, is_postgres: bool, newsletter_id: int) -> None:  # noqa: FBT001 - the dialect
        self.is_postgres = is_postgres
        self._newsletter_id = newsletter_id

    def cells(
        self, fields: Sequence[Field], *, has_tags: bool, has_suppressed: bool
    ) -> Sequence[_Cell]:
        """Return the cells of a line, followed by an empty one.

        If nobody has tags or is suppressed, these subqueries are omitted, since they take a tenth
        of the time.
        """
        tags = _Cell("tags", _or_empty(self._tags()) if has_tags else literal(""))
        return [
            _Cell("email", SubscriberRow.address),
            *(tags if name == "tags" else self._cell(name) for name in COLUMNS),
            *self._suppression(has_suppressed=has_suppressed),
            *(_Cell(each.key, _or_empty(self._value(each))) for each in fields),
        ]

    def _cell(self, name: str) -> _Cell:
        column = getattr(SubscriptionRow, name)
        if isinstance(column.type, UtcDateTime):
            return _Cell(name, self._instant(column), _Form.PLAIN)
        return _Cell(name, column, _Form.WORD if isinstance(column.type, Vocabulary) else _Form.ANY)

    def lines(self, cells: Sequence[_Cell], *, is_whole: bool) -> Select[Any]:
        """Return the query for the lines of a page; in SQLite one text and the number of lines.

        The people are those between two ids if all are wanted, or else those of a list of ids.
        """
        row = SubscriptionRow
        columns: list[_Text] = [self._line(cells).label("line")]
        if self.is_postgres:
            columns = [*(cell.text for cell in cells), null()]
        query: Select[Any] = select(*columns)
        query = query.join_from(row, SubscriberRow, SubscriberRow.id == row.subscriber_id).where(
            row.newsletter_id == self._newsletter_id, SubscriberRow.address_key.is_not(None)
        )
        # With both ids, PostgreSQL can merge the two tables in the order of their indexes.
        ids = [row.subscriber_id, SubscriberRow.id] if self.is_postgres else [row.subscriber_id]
        for number in ids if is_whole else ():
            query = query.where(
                number > bindparam("after", type_=BigInteger),
                number <= bindparam("last", type_=BigInteger),
            )
        if not is_whole:
            query = query.where(self._is_among(row.subscriber_id, "numbers"))
        query = query.order_by(row.subscriber_id)
        if self.is_postgres:
            return query
        line = query.subquery().c.line
        octets = cast(func.group_concat(line, "\n"), LargeBinary)
        columns = [func.count(), octets]
        return select(*columns)

    def _is_among(self, number: SQLColumnExpression[int], name: str) -> ColumnElement[bool]:
        """Return the condition that an id is in a list, which is a parameter."""
        if self.is_postgres:
            return number == any_(bindparam(name, type_=ARRAY(BigInteger)))
        many = func.json_each(bindparam(name, type_=String)).table_valued("value")
        return number.in_(select(many.c.value))

    def _line(self, cells: Sequence[_Cell]) -> _Text:
        parts = [cells[first : first + _ARGUMENTS] for first in range(0, len(cells), _ARGUMENTS)]
        texts = [
            func.printf(
                "".join(f"{cell.form.value}," for cell in part),
                *(cell.text for cell in part),
                type_=String,
            )
            for part in parts
        ]
        return reduce(operator.add, texts)

    def _instant(self, moment: _Text) -> _Text:
        """Return a moment in UTC in ISO 8601, but with a space before the time."""
        return moment if self.is_postgres else type_coerce(moment, String) + "+00:00"

    def _suppression(self, *, has_suppressed: bool) -> Sequence[_Cell]:
        """Return the cells about suppression, preferring the newsletter's own suppression."""
        if not has_suppressed:
            return [
                _Cell("suppressed", null(), _Form.WORD),
                _Cell("suppressed_at", null(), _Form.PLAIN),
                _Cell("suppression_evidence", literal("")),
            ]
        row = SuppressionRow
        # The reason for a suppression in all newsletters may be confidential to another one.
        shown = case((row.newsletter_id == self._newsletter_id, row.evidence))
        return [
            _Cell("suppressed", self._if_suppressed(row.reason), _Form.WORD),
            _Cell("suppressed_at", self._if_suppressed(self._instant(row.created_at)), _Form.PLAIN),
            _Cell("suppression_evidence", _or_empty(self._if_suppressed(shown))),
        ]

    def _if_suppressed(self, text: _Text) -> _Text:
        found = (
            select(text)
            .where(
                SuppressionRow.address_key == SubscriberRow.address_key,
                _holds_for(self._newsletter_id),
            )
            # The newsletter's own first, in the order of the index, so that nothing is sorted.
            .order_by(func.coalesce(SuppressionRow.newsletter_id, literal_column("0")).desc())
            .limit(1)
            .correlate(SubscriberRow)
            .scalar_subquery()
        )
        return case((self._is_among(SubscriptionRow.subscriber_id, "suppressed"), found))

    def _tags(self) -> _Text:
        tags = (
            select(TagRow.tag)
            .where(
                TagRow.newsletter_id == self._newsletter_id,
                TagRow.subscriber_id == SubscriptionRow.subscriber_id,
            )
            .order_by(TagRow.tag)
            .correlate(SubscriptionRow)
            .subquery()
        )
        return self._list(tags.c.tag)

    def _list(self, part: _Text, *clauses: ColumnElement[bool]) -> _Text:
        """Return the texts of a subquery, joined."""
        signs = [Position(part, literal(sign)) > 0 for sign in _PART_SIGNS]
        quoted = literal('"') + func.replace(part, '"', '""', type_=String) + '"'
        shown = case((or_(*signs), quoted), else_=part)
        join = func.string_agg if self.is_postgres else func.group_concat
        joined = select(join(shown, ", ", type_=String).label("text")).where(*clauses)
        return joined.correlate(SubscriptionRow).scalar_subquery()

    def _value(self, field: Field) -> _Text:
        options = _literals([option.value for option in field.options])
        attributes = SubscriptionRow.attributes
        text: _Text = AttributeText(attributes, literal(field.key))
        if field.type is FieldType.CHOICE:
            text = case((text.in_(options), text))
        if field.type is not FieldType.CHOICES:
            return text
        if self.is_postgres:
            held = type_coerce(attributes, String).op("->")(literal(field.key, String))
            is_list = func.json_typeof(held) == "array"
            lists = func.json_array_elements_text(
                case((is_list, held), else_=literal_column("'[]'::json"))
            )
            part = lists.table_valued("value").c.value
        else:
            lists = func.json_each(attributes, f'$."{field.key}"')
            part = lists.table_valued("value").c.value
        return self._list(type_coerce(part, String), part.in_(options))


def _literals(texts: Sequence[str]) -> list[ColumnElement[str]]:
    return [literal(text, String) for text in texts]
