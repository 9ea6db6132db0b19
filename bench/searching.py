"""Any part of an address, a name or a field, looked for in a list as a city hall has it."""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Engine, text

from bench.measure import Row
from bench.realistic import people
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import FieldType
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.fields.actions import add_field
from subscribers.fields.model import Field
from subscribers.listing import NEWEST, ListOrder
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.column_guesses import is_header
from subscribers.lists.parsers.tables import csv_records
from subscribers.search import PeopleFilter, search_people
from subscribers.search_index import index_people

_LIMIT = 100.0
_TIMES = 5
_TOWNS = ("千代田区", "札幌市中央区", "大阪市北区", "横浜市", "京都市左京区", "Nagoya")
#: Of so many people, one lives in a village that few know.
_RARE, _VILLAGE = 5003, "音威子府村"
_DRAFT = NewsletterDraft(
    slug="hall", name="Hall", from_address="hall@example.jp", postal_address="-"
)
_PARTS = {
    "a part that few have": "anaka1234",
    "a part that very many have": "gmail",
    "a part that nobody has": "zzqq",
    "two letters that nobody has": "qz",
    "one letter": "o",
    "a name of two kanji": "佐藤",
    "kana of half width": "ﾊﾅ",
    "a name that few have together": "﨑山 一二三",
    "a value that few have": "威子府",
}


_BY_NAME, _BY_DATE = ListOrder(name="name"), ListOrder(name="confirmed_at", descending=True)
#: What is searched for, and in which order.
_ORDERED = (
    ("everybody by address", "", ListOrder(name="address")),
    ("everybody by name", "", _BY_NAME),
    ("everybody by name, in reverse", "", replace(_BY_NAME, descending=True)),
    ("a part that very many have, by name", "gmail", _BY_NAME),
    ("a part that very many have, by name in reverse", "gmail", replace(_BY_NAME, descending=True)),
    ("a name of two kanji, by name", "佐藤", _BY_NAME),
    ("a part that few have, by name", "anaka1234", _BY_NAME),
    ("everybody by date", "", _BY_DATE),
    ("a part that very many have, by date", "gmail", _BY_DATE),
)


def searching(engine: Engine, count: int) -> Iterator[Row]:
    """Measure a search for each part, in milliseconds, and what the index costs."""
    newsletter = _fill(engine, count)
    name = engine.dialect.name
    before = _octets(engine)
    began = time.perf_counter()
    while not index_people(engine, seconds=60):
        pass
    spent = time.perf_counter() - began
    _settle(engine)
    yield Row(
        row=f"people indexed, {count:,}, {name}", ours=count / spent, reference=None, unit="/s"
    )
    yield Row(
        row=f"index of a person, {count:,}, {name}",
        ours=(_octets(engine) - before) / count,
        reference=None,
        unit="octets",
    )
    for what, part in _PARTS.items():
        yield Row(
            row=f"search for {what}, {count:,}, {name}",
            ours=statistics.median(_searched(engine, newsletter, part) for _ in range(_TIMES)),
            reference=_LIMIT,
            unit="ms",
            aim="<=1",
        )

    for what, part, order in _ORDERED:
        yield Row(
            row=f"{what}, {count:,}, {name}",
            ours=statistics.median(
                _searched(engine, newsletter, part, order) for _ in range(_TIMES)
            ),
            reference=_LIMIT,
            unit="ms",
            aim="<=1",
        )


def _searched(
    engine: Engine, newsletter: NewsletterRow, part: str, order: ListOrder = NEWEST
) -> float:
    began = time.perf_counter()
    with reading(engine) as session:
        criteria = PeopleFilter(text=part, within=bool(part))
        search_people(session, newsletter, criteria, order=order)
    return 1000 * (time.perf_counter() - began)


def _fill(engine: Engine, count: int) -> NewsletterRow:
    with transaction(engine) as session:
        newsletter = create_newsletter(session, _DRAFT)
        town = Field(key="town", type=FieldType.TEXT, labels={"en": "Town"})
        add_field(session, COMMAND_LINE, newsletter.id, town)
    records = csv_records(_lines(count), source="list.csv", is_header=is_header)
    options = ImportOptions(source="list.csv", basis="form")
    report = import_records(engine, newsletter.id, records, options)
    if report.added != count:
        raise RuntimeError(f"{report.added} of {count} added: {report.refused[:3]}")
    _settle(engine)
    return newsletter


def _lines(count: int) -> Iterator[str]:
    yield "email,name,town\n"
    for number, (address, name) in enumerate(people(count)):
        line = io.StringIO()
        town = _TOWNS[number % len(_TOWNS)] if number % _RARE else _VILLAGE
        csv.writer(line).writerow((address, name, town))
        yield line.getvalue()


def _settle(engine: Engine) -> None:
    """Let PostgreSQL write what waits, and statistics, as it does by itself within minutes."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _octets(engine: Engine) -> int:
    """Return how large the database is."""
    size = (
        "SELECT pg_database_size(current_database())"
        if engine.dialect.name == "postgresql"
        else "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    )
    with engine.connect() as connection:
        return int(connection.scalar(text(size)) or 0)
