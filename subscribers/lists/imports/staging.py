"""A chunk of a list on its way into the database: the table it fills, and the people on it.

PostgreSQL gets one text by COPY. SQLite gets some thousand rows in a statement: ``executemany``
would ask for Python's lock at each row while the next chunk is read. Columns that are empty in all
rows are left to the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from newsletter.database.driver import driver_of
from newsletter.database.vocabulary import SubscriptionState
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns.entries import ListEntry
from subscribers.lists.columns.plain_rows import PlainRows
from subscribers.suppression import erased_by_hash

_INSTANT = "timestamp with time zone"
#: As the addresses that it is compared with: to sort so takes a fraction of the time.
_BY_OCTETS = ' COLLATE "C"'
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
    "frequency": ("varchar(32)", ""),
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
_OF_STAGE = re.compile(r"\bs\.(\w+)")
#: The first columns are each row's own.
_OWN = 5
#: Values of one statement of SQLite, which takes 32,766: so many would be another 10 MiB at once.
_VALUES = 5000
#: ``person`` is whose row it is; a number of their own awaits those who are not known.
_MORE = {
    "postgresql": "person bigint DEFAULT nextval('subscriber_id_seq'), known boolean DEFAULT false",
    "sqlite": "person integer PRIMARY KEY, known boolean DEFAULT false",
}
#: SQLite numbers on from the greatest number that there ever was.
_NUMBERED = (
    """INSERT INTO list_stage (person, line)
    SELECT coalesce(max(seq), 0), 0 FROM sqlite_sequence WHERE name = 'subscriber'""",
    "DELETE FROM list_stage WHERE line = 0",
)
_TABLE = "CREATE TEMPORARY TABLE IF NOT EXISTS list_stage ({columns}, {more})"
#: Nothing vacuums a temporary table: rows deleted from it would be read again by each chunk.
_EMPTIED = " ON COMMIT DELETE ROWS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A chunk as a database takes it.

    Attributes:
        columns: Those that it has, by name; the others are empty.
        copied: For COPY; empty for SQLite, which takes the columns' values themselves.
        states: Of anybody in it.
        hashed: Keys of addresses by what is kept of those who were erased, where anybody was.
    """

    columns: Mapping[str, Sequence[Any]]
    copied: bytes
    states: frozenset[SubscriptionState]
    hashed: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.columns["line"])

    def cells(self) -> Iterator[object]:
        """Yield all values, row by row."""
        return chain.from_iterable(zip(*self.columns.values(), strict=True))


def encode(
    plain: PlainRows,
    entries: Sequence[ListEntry],
    dialect: str,
    pseudonyms: Pseudonyms | None = None,
) -> Staged:
    """Return rows as a database takes them, in the order of their lines."""
    postgres = dialect == "postgresql"
    columns = dict(plain.columns)
    if entries:
        columns = _beside(columns, entries)
    if not columns.get("line"):
        return Staged(columns={"line": ()}, copied=b"", states=frozenset(), hashed={})
    used = {
        name: _values(columns[name], postgres=postgres)
        for number, (name, (_, empty)) in enumerate(_COLUMNS.items())
        if name in columns and (number < _OWN or columns[name].count(empty) < len(columns[name]))
    }
    return Staged(
        columns=used,
        copied=_copy_text(used.values()).encode() if postgres else b"",
        states=frozenset(map(SubscriptionState, {*columns.get("state", ("confirmed",))})),
        hashed=pseudonyms.by_hash(used["address_key"]) if pseudonyms else {},
    )


def _beside(
    plain: Mapping[str, Sequence[Any]], entries: Sequence[ListEntry]
) -> dict[str, Sequence[Any]]:
    """Return the columns of plain rows and entries, in the order of the lines."""
    count = len(plain.get("line", ()))
    rows = zip(*map(_row, entries), strict=True)
    columns = {
        name: [*plain.get(name, [empty] * count), *values]
        for (name, (_, empty)), values in zip(_COLUMNS.items(), rows, strict=True)
    }
    order = sorted(range(count + len(entries)), key=columns["line"].__getitem__)
    return {name: [values[row] for row in order] for name, values in columns.items()}


def _row(entry: ListEntry) -> tuple[object, ...]:
    """Return an entry's values in the order of the columns."""
    address, consent, held = entry.address, entry.consent, entry.suppressed
    return (
        entry.line,
        address.address,
        address.key,
        address.domain,
        entry.name,
        entry.language,
        entry.time_zone,
        entry.format,
        entry.frequency,
        json.dumps(entry.attributes, ensure_ascii=False) if entry.attributes else "{}",
        json.dumps(entry.tags, ensure_ascii=False) if entry.tags else "[]",
        entry.state.value,
        consent.basis,
        consent.source,
        consent.wording,
        consent.consented_at,
        consent.confirmed_at,
        entry.unsubscribed_at,
        entry.paused_until,
        held.reason.value if held else "",
        held.since if held else None,
        held.evidence if held else "",
    )


def _values(values: Sequence[Any], *, postgres: bool) -> Sequence[Any]:
    """Return a column's values as raw SQL takes them."""
    if postgres or datetime not in set(map(type, values)):
        return values
    return [None if value is None else instant(value, postgres=postgres) for value in values]


#: What COPY's text takes for its own signs.
_SIGNS = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_HAS_SIGNS = re.compile(r"[\\\n\r\t]")


def _copy_text(columns: Iterable[Sequence[Any]]) -> str:
    """Return the text format of PostgreSQL's COPY: read there in less time than CSV."""
    return "".join(
        f"{line}\n" for line in map("\t".join, zip(*map(_copy_cells, columns), strict=True))
    )


def _copy_cells(values: Sequence[Any]) -> Sequence[str]:
    if None in values:
        return ["\\N" if value is None else str(value).translate(_SIGNS) for value in values]
    cells = values if type(values[0]) is str else list(map(str, values))
    if _HAS_SIGNS.search("".join(cells)):
        return [cell.translate(_SIGNS) for cell in cells]
    return cells


def instant(value: datetime, *, postgres: bool) -> datetime | str:
    """Return an instant as raw SQL takes it; SQLite keeps the text that SQLAlchemy writes."""
    if postgres:
        return value
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def empty_stage(connection: Connection) -> None:
    """Empty what a commit would, before the next chunk of the same transaction."""
    for table in ("list_stage", "list_before"):
        if connection.dialect.name == "postgresql" and connection.scalar(
            text("SELECT to_regclass(:name)"), {"name": f"pg_temp.{table}"}
        ):
            connection.execute(text(f"TRUNCATE {table}"))


def fill_stage(connection: Connection, staged: Staged) -> None:
    """Put entries into the stage, within the transaction that is open."""
    postgres = connection.dialect.name == "postgresql"
    columns = ", ".join(
        f"{name} {kind}"
        + (_BY_OCTETS if postgres and name == "address_key" else "")
        + ("" if empty is None else f" DEFAULT '{empty}' NOT NULL")
        for name, (kind, empty) in _COLUMNS.items()
    )
    table = _TABLE.format(columns=columns, more=_MORE[connection.dialect.name])
    connection.execute(text(table + _EMPTIED if postgres else table))
    names = ", ".join(staged.columns)
    with driver_of(connection, "INTO list_stage") as driver, closing(driver.cursor()) as cursor:
        if postgres:
            with cursor.copy(f"COPY list_stage ({names}) FROM STDIN") as copy:
                copy.write(staged.copied)
            return
        first, last = _NUMBERED
        cursor.execute("DELETE FROM list_stage")
        cursor.execute(first)
        row = f"({', '.join('?' * len(staged.columns))})"
        most = _VALUES // len(staged.columns)
        cells = staged.cells()
        for done in range(0, len(staged), most):
            rows = [row] * min(most, len(staged) - done)
            cursor.execute(
                f"INSERT INTO list_stage ({names}) VALUES {', '.join(rows)}",  # noqa: S608 - ours
                tuple(islice(cells, len(rows) * len(staged.columns))),
            )
        cursor.execute(last)


def without_empty(statement: str, staged: Staged, dialect: str) -> str:
    """Return a statement with the value that a column has where it is empty in all rows.

    The database then judges it once, not for each row.

    Args:
        statement: Which calls the stage ``s``.
        staged: What is on it.
        dialect: The database's.
    """

    def value(found: re.Match[str]) -> str:
        kind, empty = _COLUMNS.get(found[1], ("", None))
        if not kind or found[1] in staged.columns:
            return found[0]
        if empty is not None:
            return f"'{empty}'"
        return f"CAST(NULL AS {kind})" if dialect == "postgresql" else "NULL"

    return _OF_STAGE.sub(value, statement)


#: A row of the stage that is refused: line and address.
Refused: TypeAlias = tuple[int, str]

#: Note who is known already, and hold them until the transaction ends: an erasure that is under way
#: is waited for, and none can end before it does. By their places: the stage has no index.
_KNOWN = {
    "postgresql": """UPDATE list_stage SET person = k.id, known = true
        FROM (SELECT s.ctid AS place, p.id
            FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
            WHERE NOT s.known ORDER BY p.id FOR KEY SHARE OF p) AS k
        WHERE list_stage.ctid = k.place""",
    "sqlite": """UPDATE list_stage SET person = p.id, known = true FROM subscriber AS p
        WHERE p.address_key = list_stage.address_key""",
}
_NEW_AMONG = text(
    "SELECT line, address FROM list_stage WHERE NOT known AND address_key IN :keys"
).bindparams(bindparam("keys", expanding=True))
#: So often in a row, who was refused may have been erased before being found.
_MOST_IN_VAIN = 3
#: In the order of their addresses, so that two lists at once do not wait for each other.
_PEOPLE = text(
    """INSERT INTO subscriber (id, address, address_key, domain, created_at)
    SELECT person, address, address_key, domain, :moment FROM list_stage WHERE NOT known
    ORDER BY address_key"""
)


def find_known(connection: Connection) -> int:
    """Note who is known already and was not before; return how many they are."""
    return connection.execute(text(_KNOWN[connection.dialect.name])).rowcount


def add_people(
    connection: Connection,
    staged: Staged,
    pseudonyms: Pseudonyms | None,
    moment: object,
    refuse: Callable[[Sequence[Refused]], None],
) -> int:
    """Add who is new, without those who were erased; return how many turned out to be known.

    PostgreSQL adds and erases at the same moment: somebody whom another adds is found again, and
    who was erased is asked for last, when nobody of the chunk can be erased any more.

    Args:
        connection: Within the transaction that writes the chunk.
        staged: What is on the stage.
        pseudonyms: By which erased addresses are known.
        moment: When they are added, as raw SQL takes it.
        refuse: Takes rows out of the stage.

    Raises:
        IntegrityError: The database refuses them for another reason.
    """
    late = in_vain = 0
    while True:
        before = connection.begin_nested()
        try:
            connection.execute(_PEOPLE, {"moment": moment})
        except IntegrityError:
            before.rollback()
            found = find_known(connection)
            late += found
            in_vain = 0 if found else in_vain + 1
            if in_vain == _MOST_IN_VAIN:
                # It was not somebody whom another added: a restored sequence that lags behind, say.
                raise
            continue
        erased = _erased(connection, staged, pseudonyms)
        if not erased:
            before.commit()
            return late
        before.rollback()
        refuse(erased)


def _erased(
    connection: Connection, staged: Staged, pseudonyms: Pseudonyms | None
) -> Sequence[Refused]:
    """Return who of those that are new was erased."""
    if pseudonyms is None:
        return ()
    keys: Collection[str] = erased_by_hash(
        connection, lambda: staged.hashed or pseudonyms.by_hash(staged.columns["address_key"])
    )
    if not keys:
        return ()
    found = connection.execute(_NEW_AMONG, {"keys": [*keys]})
    return [(row.line, row.address) for row in found]
