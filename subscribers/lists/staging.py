"""A chunk of a list on its way into the database: one text, made ahead, and the table it fills.

The text is CSV for COPY, or JSON for SQLite, whose ``executemany`` would ask for Python's lock at
each row while the next chunk is read. Columns that are empty in all rows are left to the table.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.entries import Entry

_INSTANT = "timestamp with time zone"
#: The columns that an entry fills: type, and value where it says nothing.
_COLUMNS: dict[str, tuple[str, str | None]] = {
    "line": ("bigint", None),
    "address": ("varchar(320)", ""),
    "address_key": ("varchar(320)", ""),
    "domain": ("varchar(255)", ""),
    "name": ("varchar(200)", ""),
    "language": ("varchar(64)", ""),
    "time_zone": ("varchar(64)", ""),
    "format": ("varchar(8)", ""),
    "attributes": ("text", "{}"),
    "tags": ("text", "[]"),
    "state": ("varchar(32)", "confirmed"),
    "basis": ("varchar(64)", ""),
    "source": ("text", ""),
    "wording": ("text", ""),
    "consented_at": (_INSTANT, None),
    "confirmed_at": (_INSTANT, None),
    "unsubscribed_at": (_INSTANT, None),
    "paused_until": (_INSTANT, None),
    "suppressed": ("varchar(32)", ""),
    "suppressed_at": (_INSTANT, None),
    "evidence": ("text", ""),
}
_NAMES = tuple(_COLUMNS)
#: The first columns are each row's own.
_OWN = 5
#: ``person`` is whose row it is; a number of their own awaits those who are not known.
_MORE = {
    "postgresql": "person bigint DEFAULT nextval('subscriber_id_seq'), known boolean DEFAULT false",
    "sqlite": "person bigint, known boolean DEFAULT false",
}
_TABLE = "CREATE TEMPORARY TABLE IF NOT EXISTS list_stage ({columns}, {more})"
#: Nothing vacuums a temporary table: rows deleted from it would be read again by each chunk.
_EMPTIED = " ON COMMIT DELETE ROWS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """Entries as one text.

    Attributes:
        columns: Those that the text has; the others are empty.
    """

    entries: Sequence[Entry]
    columns: tuple[str, ...]
    text: str
    states: frozenset[SubscriptionState]


def encode(entries: Sequence[Entry], dialect: str) -> Staged:
    """Return entries as the text that a database takes."""
    postgres = dialect == "postgresql"
    rows: Sequence[Sequence[object]] = [_values(entry, postgres=postgres) for entry in entries]
    columns = tuple(zip(*rows, strict=True))
    used = [
        number
        for number, values in enumerate(columns)
        if number < _OWN or values.count(_COLUMNS[_NAMES[number]][1]) < len(values)
    ]
    if len(used) < len(columns):
        rows = list(zip(*(columns[number] for number in used), strict=True))
    return Staged(
        entries=entries,
        columns=tuple(_NAMES[number] for number in used),
        text=_csv(rows) if postgres else json.dumps(rows, ensure_ascii=False),
        states=frozenset(entry.state for entry in entries),
    )


def _csv(rows: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _values(entry: Entry, *, postgres: bool) -> tuple[object, ...]:
    """Return an entry's values in the order of the columns."""
    line, address, name, language, attributes, time_zone, form, tags, consent, *_ = entry
    who = (line, address.address, address.key, address.domain, name)
    if entry[3:13] == _SILENT:
        return who + _EMPTY
    held = entry.suppressed
    return (
        *who,
        language,
        time_zone,
        form,
        json.dumps(attributes, ensure_ascii=False) if attributes else "{}",
        json.dumps(tags, ensure_ascii=False) if tags else "[]",
        entry.state.value,
        consent.basis,
        consent.source,
        consent.wording,
        instant(consent.consented_at, postgres=postgres),
        instant(consent.confirmed_at, postgres=postgres),
        instant(entry.unsubscribed_at, postgres=postgres),
        instant(entry.paused_until, postgres=postgres),
        held.reason.value if held else "",
        instant(held.since, postgres=postgres) if held else None,
        held.evidence if held else "",
    )


#: What an entry has, and what the table gets, where a list has addresses and names alone.
_SILENT = Entry(0, None, "", "", {})[3:13]  # type: ignore[arg-type]
_EMPTY = tuple(empty for _, empty in list(_COLUMNS.values())[_OWN:])


def instant(value: datetime | None, *, postgres: bool) -> datetime | str | None:
    """Return an instant as raw SQL takes it; SQLite keeps the text that SQLAlchemy writes."""
    if value is None or postgres:
        return value
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def fill_stage(connection: Connection, staged: Staged) -> None:
    """Put entries into the stage, within the transaction that is open."""
    postgres = connection.dialect.name == "postgresql"
    columns = ", ".join(
        f"{name} {kind}" + ("" if empty is None else f" DEFAULT '{empty}' NOT NULL")
        for name, (kind, empty) in _COLUMNS.items()
    )
    table = _TABLE.format(columns=columns, more=_MORE[connection.dialect.name])
    connection.execute(text(table + _EMPTIED if postgres else table))
    names = ", ".join(staged.columns)
    if not postgres:
        connection.execute(text("DELETE FROM list_stage"))
        cells = ", ".join(f"value ->> {number}" for number in range(len(staged.columns)))
        fill = f"INSERT INTO list_stage ({names}) SELECT {cells} FROM json_each(:rows)"  # noqa: S608
        connection.execute(text(fill), {"rows": staged.text})
        return
    texts = ", ".join(name for name in staged.columns if _COLUMNS[name][1] is not None)
    with (
        _driver(connection) as driver,
        driver.cursor() as cursor,
        cursor.copy(
            f"COPY list_stage ({names}) FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL ({texts}))"
        ) as copy,
    ):
        copy.write(staged.text)


@contextmanager
def _driver(connection: Connection) -> Iterator[Any]:
    """Yield the driver's own connection, whose errors are raised as SQLAlchemy's are.

    Raises:
        DBAPIError: See SQLAlchemy; without the values, which are people's addresses.
    """
    driver, dialect = connection.connection.driver_connection, connection.dialect
    assert driver is not None  # noqa: S101 - the connection is open
    errors = dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as error:
        is_gone = dialect.is_disconnect(error, driver, None)
        if is_gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "COPY list_stage",
            None,
            error,
            errors,
            hide_parameters=True,
            connection_invalidated=is_gone,
            dialect=dialect,
        ) from None
