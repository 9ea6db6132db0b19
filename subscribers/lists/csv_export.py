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
from contextlib import closing
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

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

from newsletter.database.engine import reading
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import FieldType, SubscriptionState
from newsletter.spreadsheets import BEGINNINGS, CUTS, FORMULA_WITHIN
from subscribers.fields.json_access import AttributeText, Position
from subscribers.fields.model import Field, field_to_json
from subscribers.fields.store import list_fields
from subscribers.lists.exports import ListPage
from subscribers.lists.formats import DEFINITIONS
from subscribers.lists.read_ahead import read_ahead
from subscribers.segments.compile import segment_clause

#: People in memory at once.
_PAGE = 5000
#: Arguments of one function: PostgreSQL and SQLite take at most 100.
_ARGUMENTS = 40
_LINE_END = "\r\n"
#: What is between tags, or would be read as their quotes.
_PART_SIGNS = (",", "、", ";", "，", "；", '"')
#: The code points of what begins a formula, and the apostrophe's: most texts are asked for their
#: first alone. `newsletter.spreadsheets.defuse` is the same in Python.
_CODES: Sequence[ColumnElement[int]] = [literal_column(str(ord(sign))) for sign in f"{BEGINNINGS}'"]
#: Without statistics PostgreSQL would read and sort everybody for each page; instants come in UTC.
_IN_ORDER = select(
    *(
        func.set_config(name, value, literal(True))  # noqa: FBT003 - an argument of SQL
        for name, value in (
            *((f"enable_{way}", "off") for way in ("sort", "bitmapscan", "hashjoin", "mergejoin")),
            ("TimeZone", "UTC"),
        )
    )
)
_INSTANTS = ("consented_at", "confirmed_at", "unsubscribed_at", "paused_until")

_Text: TypeAlias = SQLColumnExpression[Any]


class _Form(Enum):
    """What a cell's text needs before it can stand in a line, as SQLite's printf has it."""

    ANY = '"%w"'
    """Its quotes doubled, and some around it."""
    WORD = '"%s"'
    """Quotes around it: it holds none."""
    DONE = "%s"
    """Nothing."""


class _Cell(NamedTuple):
    """A cell of each line.

    Attributes:
        name: Of its column.
        text: Never NULL.
        more: The columns of further cells that the text holds.
    """

    name: str
    text: _Text
    form: _Form = _Form.ANY
    more: tuple[str, ...] = ()


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
    yield ListPage(_header([name for cell in cells for name in (cell.name, *cell.more)]), 0)
    definitions = json.dumps([field_to_json(each) for each in fields], ensure_ascii=False)
    pages = _read(engine, whole, definitions if fields else "")
    with closing(read_ahead(pages)) as ahead:
        yield from ahead


def _read(engine: Engine, page: Select[Any], definitions: str) -> Iterator[ListPage]:
    last, size = 0, 1
    while True:
        with reading(engine) as session:
            if engine.dialect.name == "postgresql":
                session.execute(_IN_ORDER)
            values = {"last": last, "size": size, "definitions": definitions}
            count, last, text = session.execute(page, values).one()
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

    def cells(self, fields: Sequence[Field], *, has_tags: bool) -> Sequence[_Cell]:
        """Return a line's cells."""
        row = SubscriptionRow
        return [
            _Cell("email", self._guarded(SubscriberRow.address)),
            _Cell("name", self._guarded(row.name)),
            _Cell("language", row.language),
            _Cell("time_zone", row.time_zone),
            _Cell("format", row.format, _Form.WORD),
            _Cell("frequency", type_coerce(row.frequency, String), _Form.WORD),
            _Cell("state", type_coerce(row.state, String), _Form.WORD),
            _Cell("tags", self._tags() if has_tags else literal("")),
            _Cell("consent_basis", self._guarded(row.consent_basis)),
            _Cell("consent_source", self._guarded(row.consent_source)),
            _Cell("consent_wording", self._guarded(row.consent_wording)),
            *(_Cell(name, self._instant(getattr(row, name)), _Form.DONE) for name in _INSTANTS),
            self._suppression(),
            *(_Cell(each.key, self._value(each)) for each in fields),
            _Cell(DEFINITIONS, bindparam("definitions", type_=String)),
        ]

    def page(self, cells: Sequence[_Cell], clause: ColumnElement[bool]) -> Select[Any]:
        """Return the query of a page's numbers and lines, from number ``last`` on."""
        row, key = SubscriptionRow, SubscriberRow.address_key
        columns: list[_Text] = [row.subscriber_id.label("number"), self._line(cells).label("line")]
        query: Select[Any] = select(*columns).join(
            SubscriberRow, SubscriberRow.id == row.subscriber_id
        )
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

    def _line(self, cells: Sequence[_Cell]) -> _Text:
        parts = [cells[first : first + _ARGUMENTS] for first in range(0, len(cells), _ARGUMENTS)]
        line = self._joined(parts[0])
        for part in parts[1:]:
            line = line + "," + self._joined(part)
        return line

    def _joined(self, cells: Sequence[_Cell]) -> _Text:
        """Return cells with commas between them."""
        if not self.is_postgres:
            form = ",".join(cell.form.value for cell in cells)
            return func.printf(form, *(cell.text for cell in cells), type_=String)
        texts: list[_Text] = []
        fixed = ""
        for cell in cells:
            is_done = cell.form is _Form.DONE
            doubled = func.replace(cell.text, '"', '""')
            texts += [
                literal(fixed if is_done else f'{fixed}"'),
                doubled if cell.form is _Form.ANY else cell.text,
            ]
            fixed = "," if is_done else '",'
        return func.concat(*texts, literal(fixed.removesuffix(",")), type_=String)

    def _guarded(self, text: _Text) -> _Text:
        """Return a text that no spreadsheet takes for a formula, and empty for NULL."""
        code = (func.ascii if self.is_postgres else func.unicode)(text)
        first = func.substr(func.ltrim(text, "'"), 1, 1)
        is_formula = and_(code.in_(_CODES), first.in_(_literals(BEGINNINGS)))
        # Few texts have what a spreadsheet may cut at: only these are looked at letter by letter.
        if self.is_postgres:
            is_cut: ColumnElement[bool] = text.op("~", is_comparison=True)(f"[{CUTS}]")
            within = func.regexp_replace(text, FORMULA_WITHIN, r"\1'", "g", type_=String)
            whole: _Text = case((is_formula, literal("'") + within), else_=within)
        else:
            is_cut = func.glob(f"*[{CUTS}]*", text) > 0
            whole = func.defuse_cell(text, type_=String)
        guarded = case((is_cut, whole), (is_formula, literal("'") + text), else_=text)
        return func.coalesce(guarded, "", type_=String)

    def _instant(self, moment: _Text) -> _Text:
        """Return the cell of an instant in UTC as ISO 8601 has it, or an empty one."""
        text: _Text
        if self.is_postgres:
            text = func.to_json(moment).cast(String)
        else:
            day = func.replace(type_coerce(moment, String), " ", "T")
            whole = func.replace(day, ".000000", "", type_=String)
            text = literal('"') + whole + '+00:00"'
        return func.coalesce(text, '""', type_=String)

    def _suppression(self) -> _Cell:
        """Return the cells of why an address gets no mail, by the newsletter's own reason first."""
        own = SuppressionRow.newsletter_id == self._newsletter_id
        shared = SuppressionRow.newsletter_id.is_(None)
        reason = _Cell("suppressed", type_coerce(SuppressionRow.reason, String), _Form.WORD)
        since = _Cell("suppressed_at", self._instant(SuppressionRow.created_at), _Form.DONE)
        # Why all newsletters leave an address alone may be another's to know.
        shown = case((own, SuppressionRow.evidence), else_="")
        evidence = _Cell("suppression_evidence", self._guarded(shown))
        found = (
            select(self._joined([reason, since, evidence]))
            .where(SuppressionRow.address_key == SubscriberRow.address_key, or_(own, shared))
            # The newsletter's own first, as the index of addresses has them: nothing is sorted.
            .order_by(func.coalesce(SuppressionRow.newsletter_id, literal_column("0")).desc())
            .limit(1)
            .correlate(SubscriberRow)
            .scalar_subquery()
        )
        names = ("suppressed_at", "suppression_evidence")
        return _Cell("suppressed", func.coalesce(found, '"","",""'), _Form.DONE, names)

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
