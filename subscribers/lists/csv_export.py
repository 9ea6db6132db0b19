"""A newsletter's subscribers as CSV, whose lines the database writes: a page is one row of text.

Each field is a column under its key. What has several values, tags and choices, is separated by
commas; a value in quotes may hold commas. The last column, ``fields``, holds in the first line the
definitions of the fields: an instance that has none of them makes them by it, so that values come
back the same and of the same types (`subscribers.lists.new_fields`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import aliased

from newsletter.database.engine import reading
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import FieldType, SubscriptionState
from subscribers.fields.json_access import AttributeText, Position
from subscribers.fields.model import Field, field_to_json
from subscribers.fields.store import list_fields
from subscribers.lists.exports import ListPage
from subscribers.lists.formats import DEFINITIONS
from subscribers.segments.compile import segment_clause

#: People in memory at once.
_PAGE = 5000
#: Arguments of one function: PostgreSQL and SQLite take at most 100.
_ARGUMENTS = 40
_LINE_END = "\r\n"
#: OWASP, CSV injection: what begins like this, or so after apostrophes, is a formula to some
#: spreadsheet; `subscribers.lists.exports.defuse` is the same in Python.
_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: What is between tags, or would be read as their quotes.
_PART_SIGNS = (",", "、", ";", "，", "；", '"')
#: Without statistics PostgreSQL would read and sort everybody for each page.
_IN_ORDER = select(
    *(
        func.set_config(f"enable_{way}", "off", literal(True))  # noqa: FBT003 - an argument of SQL
        for way in ("sort", "bitmapscan", "hashjoin", "mergejoin")
    )
)
_INSTANTS = ("consented_at", "confirmed_at", "unsubscribed_at", "paused_until")

_Text: TypeAlias = SQLColumnExpression[Any]


def csv_pages(
    engine: Engine,
    newsletter: NewsletterRow,
    *,
    segment: str = "",
    state: SubscriptionState | None = None,
    among: Select[int] | None = None,
) -> Iterator[ListPage]:
    """Yield a newsletter's subscribers in order of their number as CSV (RFC 4180), header first.

    Args:
        engine: The database; each page is read by itself, so that a long export holds nothing up.
        newsletter: Whose people are wanted.
        segment: A query that they must fit; empty for everybody.
        state: Of their subscription; None for any.
        among: Their numbers, where not all are wanted whom the others let in.

    Raises:
        ListError: The segment is none.
    """
    with reading(engine) as session:
        fields = list_fields(session, newsletter.id)
        has_tags = session.scalar(
            select(TagRow.tag).where(TagRow.newsletter_id == newsletter.id).limit(1)
        )
    writer = _Writer(engine.dialect.name == "postgresql", newsletter.id)
    cells = writer.cells(fields, has_tags=has_tags is not None)
    page = writer.page(
        cells, segment_clause(segment, newsletter.id, time_zone=newsletter.time_zone)
    )
    if state is not None:
        page = page.where(SubscriptionRow.state == state)
    if among is not None:
        page = page.where(SubscriptionRow.subscriber_id.in_(among))
    whole = writer.joined(page)
    yield ListPage(_header([*cells, DEFINITIONS]), 0)
    definitions = json.dumps([field_to_json(each) for each in fields], ensure_ascii=False)
    last, size = 0, 1
    while True:
        with reading(engine) as session:
            if writer.is_postgres:
                session.execute(_IN_ORDER)
            values = {"last": last, "size": size, "definitions": definitions if fields else ""}
            count, last, text = session.execute(whole, values).one()
        if not count:
            return
        yield ListPage(text + _LINE_END, count)
        definitions, size = "", _PAGE


def _header(names: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=_LINE_END).writerow(names)
    return text.getvalue()


class _Writer:
    """Expressions of SQL that write the cells of one newsletter's people."""

    def __init__(self, is_postgres: bool, newsletter_id: int) -> None:  # noqa: FBT001 - the dialect
        self.is_postgres = is_postgres
        self._newsletter_id = newsletter_id
        self._own, self._shared = aliased(SuppressionRow), aliased(SuppressionRow)

    def cells(self, fields: Sequence[Field], *, has_tags: bool) -> dict[str, _Text]:
        """Return the columns by their names, none of them NULL."""
        row, own, shared = SubscriptionRow, self._own, self._shared
        return {
            "email": self._guarded(SubscriberRow.address),
            "name": self._guarded(row.name),
            "language": row.language,
            "time_zone": row.time_zone,
            "format": row.format,
            "frequency": type_coerce(row.frequency, String),
            "state": type_coerce(row.state, String),
            "tags": self._tags() if has_tags else literal(""),
            "consent_basis": self._guarded(row.consent_basis),
            "consent_source": self._guarded(row.consent_source),
            "consent_wording": self._guarded(row.consent_wording),
            **{name: self._instant(getattr(row, name)) for name in _INSTANTS},
            "suppressed": func.coalesce(
                type_coerce(own.reason, String), type_coerce(shared.reason, String), ""
            ),
            "suppressed_at": self._instant(func.coalesce(own.created_at, shared.created_at)),
            # Why all newsletters leave an address alone may be another's to know.
            "suppression_evidence": self._guarded(own.evidence),
            **{each.key: self._value(each) for each in fields},
        }

    def page(self, cells: dict[str, _Text], clause: ColumnElement[bool]) -> Select[Any]:
        """Return the query of a page's numbers and lines, from number ``last`` on."""
        row, key = SubscriptionRow, SubscriberRow.address_key
        line = self._line([*cells.values(), bindparam("definitions", type_=String)])
        columns: list[_Text] = [row.subscriber_id.label("number"), line.label("line")]
        query: Select[Any] = select(*columns).join(
            SubscriberRow, SubscriberRow.id == row.subscriber_id
        )
        for held, scope in ((self._own, self._newsletter_id), (self._shared, 0)):
            # As the unique index has it.
            of_scope = func.coalesce(held.newsletter_id, literal_column("0")) == scope
            query = query.outerjoin(held, and_(held.address_key == key, of_scope))
        return (
            query.where(
                row.newsletter_id == self._newsletter_id,
                row.subscriber_id > bindparam("last", type_=row.subscriber_id.type),
                key.is_not(None),
                clause,
            )
            .order_by(row.subscriber_id)
            .limit(bindparam("size", type_=row.subscriber_id.type))
        )

    def joined(self, page: Select[Any]) -> Select[Any]:
        """Return the query of a whole page: how many, the last number, the lines as one text."""
        lines = page.subquery()
        join = func.string_agg if self.is_postgres else func.group_concat
        return select(func.count(), func.max(lines.c.number), join(lines.c.line, _LINE_END))

    def _line(self, cells: Sequence[_Text]) -> _Text:
        parts = [cells[first : first + _ARGUMENTS] for first in range(0, len(cells), _ARGUMENTS)]
        line = self._quoted(parts[0])
        for part in parts[1:]:
            line = line + "," + self._quoted(part)
        return line

    def _quoted(self, cells: Sequence[_Text]) -> _Text:
        if self.is_postgres:
            doubled = (func.replace(cell, '"', '""') for cell in cells)
            return literal('"') + func.concat_ws('","', *doubled) + '"'
        # SQLite's %w doubles the quotes.
        return func.printf(",".join(['"%w"'] * len(cells)), *cells, type_=String)

    def _guarded(self, text: _Text) -> _Text:
        """Return a text that no spreadsheet takes for a formula, and empty for NULL."""
        first = func.substr(func.ltrim(text, "'"), 1, 1)
        guarded = case((first.in_(_literals(_SIGNS)), literal("'") + text), else_=text)
        return func.coalesce(guarded, "", type_=String)

    def _instant(self, moment: ColumnElement[Any]) -> _Text:
        """Return an instant in UTC as ISO 8601 has it, or nothing."""
        if self.is_postgres:
            text = func.to_char(
                func.timezone("UTC", moment), literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US'""")
            )
        else:
            text = func.replace(type_coerce(moment, String), " ", "T")
        whole = func.replace(text, ".000000", "", type_=String)
        return func.coalesce(whole + "+00:00", "", type_=String)

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
        """Return a subquery's texts as one, guarded once it is made."""
        signs = [Position(part, literal(sign)) > 0 for sign in _PART_SIGNS]
        quoted = literal('"') + func.replace(part, '"', '""', type_=String) + '"'
        shown = case((or_(*signs), quoted), else_=part)
        join = func.string_agg if self.is_postgres else func.group_concat
        joined = select(join(shown, ", ", type_=String).label("text")).where(*clauses)
        text = joined.correlate(SubscriptionRow).subquery().c.text
        return select(self._guarded(text)).scalar_subquery()

    def _value(self, field: Field) -> _Text:
        options = _literals([option.value for option in field.options])
        attributes = SubscriptionRow.attributes
        text: _Text = AttributeText(attributes, literal(field.key))
        if field.type is FieldType.CHOICE:
            text = case((text.in_(options), text))
        if field.type is not FieldType.CHOICES:
            return self._guarded(text)
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
