"""Staging of a chunk in a temporary table, and creation of its people.

PostgreSQL gets one text by COPY. SQLite gets some thousand values per statement, since
``executemany`` would take the interpreter's lock for each row while the next chunk is read. Columns
that are empty in all rows are omitted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from newsletter.database.driver import driver_of
from newsletter.database.vocabulary import SubscriptionState
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns.entries import ListEntry
from subscribers.lists.columns.plain_rows import PlainRows
from subscribers.subscription_columns import CHOSEN
from subscribers.suppression import erased_by_hash

_INSTANT = "timestamp with time zone"
#: The collation of the compared addresses, by which sorting takes a fraction of the time.
_BY_OCTETS = ' COLLATE "C"'
#: The columns of an entry: type and default value.
_COLUMNS: dict[str, tuple[str, str | None]] = {
    "line": ("bigint", None),
    "address": ("varchar(320)", ""),
    "address_key": ("varchar(320)", ""),
    "domain": ("varchar(255)", ""),
    **dict.fromkeys(CHOSEN, ("text", "")),
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
_chosen = attrgetter(*CHOSEN)
#: Columns whose values differ for each row.
_OWN = frozenset({"line", "address", "address_key", "domain", "name"})
#: Values per statement for SQLite; its limit of 32,766 would need another 10 MiB of memory.
_VALUES = 5000
#: Additional columns: ``person`` is the id of the person, for new people one reserved for them.
_MORE = {
    "postgresql": "person bigint DEFAULT nextval('subscriber_id_seq'), known boolean DEFAULT false",
    "sqlite": "person integer PRIMARY KEY, known boolean DEFAULT false",
}
#: SQL for SQLite's next id, which is greater than all previous ones.
_NUMBERED = (
    """INSERT INTO list_stage (person, line)
    SELECT coalesce(max(seq), 0), 0 FROM sqlite_sequence WHERE name = 'subscriber'""",
    "DELETE FROM list_stage WHERE line = 0",
)
_TABLE = "CREATE TEMPORARY TABLE IF NOT EXISTS list_stage ({columns}, {more})"
#: Temporary tables are not vacuumed, so deleted rows would be scanned by each later chunk.
_EMPTIED = " ON COMMIT DELETE ROWS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A chunk in the form for the database.

    Attributes:
        columns: The columns that are not empty, by name.
        copied: The text for COPY; empty for SQLite, which uses the values.
        states: The states that occur in the chunk.
        hashed: The keys of addresses by keyed hash, if anybody was erased.
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
    """Return rows in the form for the database, in the order of their lines."""
    postgres = dialect == "postgresql"
    columns = dict(plain.columns)
    if entries:
        columns = _beside(columns, entries)
    if not columns.get("line"):
        return Staged(columns={"line": ()}, copied=b"", states=frozenset(), hashed={})
    used = {
        name: _values(columns[name], postgres=postgres)
        for name, (_, empty) in _COLUMNS.items()
        if name in columns and (name in _OWN or columns[name].count(empty) < len(columns[name]))
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
    """Return the values of an entry in the order of the columns."""
    address, consent, held = entry.address, entry.consent, entry.suppressed
    return (
        entry.line,
        address.address,
        address.key,
        address.domain,
        *_chosen(entry),
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
    """Return a column's values for raw SQL."""
    if postgres or datetime not in set(map(type, values)):
        return values
    return [None if value is None else instant(value, postgres=postgres) for value in values]


#: Characters that must be escaped in the text format of COPY.
_SIGNS = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_HAS_SIGNS = re.compile(r"[\\\n\r\t]")


def _copy_text(columns: Iterable[Sequence[Any]]) -> str:
    """Return the text format of PostgreSQL's COPY, which is faster than CSV."""
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
    """Return a moment for raw SQL; for SQLite, the text that SQLAlchemy writes."""
    if postgres:
        return value
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def empty_stage(connection: Connection) -> None:
    """Empty the temporary tables before the next chunk in the same transaction."""
    for table in ("list_stage", "list_before"):
        if connection.dialect.name == "postgresql" and connection.scalar(
            text("SELECT to_regclass(:name)"), {"name": f"pg_temp.{table}"}
        ):
            connection.execute(text(f"TRUNCATE {table}"))


def fill_stage(connection: Connection, staged: Staged) -> None:
    """Write entries to the staging table in the open transaction."""
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
    """Return a statement in which columns that are empty in all rows are replaced by constants.

    The database then evaluates them once instead of for each row.

    Args:
        statement: The statement, in which the staging table is ``s``.
        staged: The chunk in the staging table.
        dialect: The dialect of the database.
    """

    def value(found: re.Match[str]) -> str:
        kind, empty = _COLUMNS.get(found[1], ("", None))
        if not kind or found[1] in staged.columns:
            return found[0]
        if empty is not None:
            return f"'{empty}'"
        return f"CAST(NULL AS {kind})" if dialect == "postgresql" else "NULL"

    return _OF_STAGE.sub(value, statement)


#: A refused row of the staging table: line and address.
Refused: TypeAlias = tuple[int, str]

#: SQL that finds the existing people and locks them until the end of the transaction, so that no
#: erasure can be concurrent. Rows are addressed by position, since the staging table has no index.
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
#: Successive attempts in which a conflicting person may have been erased before being found.
_MOST_IN_VAIN = 3
#: SQL that adds people in the order of their addresses, so that two imports cannot deadlock.
_PEOPLE = text(
    """INSERT INTO subscriber (id, address, address_key, domain, created_at)
    SELECT person, address, address_key, domain, :moment FROM list_stage WHERE NOT known
    ORDER BY address_key"""
)


def find_known(connection: Connection) -> int:
    """Find existing people that were not found before; return their number."""
    return connection.execute(text(_KNOWN[connection.dialect.name])).rowcount


def add_people(
    connection: Connection,
    staged: Staged,
    pseudonyms: Pseudonyms | None,
    moment: object,
    refuse: Callable[[Sequence[Refused]], None],
) -> int:
    """Add new people except erased ones; return the number of people found to exist meanwhile.

    In PostgreSQL, other transactions can add and erase people at the same time. People who were
    added meanwhile are searched again. Erased people are searched last, when nobody in the chunk
    can be erased any more.

    Args:
        connection: The connection, in the transaction that writes the chunk.
        staged: The chunk in the staging table.
        pseudonyms: Compute the keyed hashes of erased addresses.
        moment: The time of the addition, as value for raw SQL.
        refuse: Removes rows from the staging table.

    Raises:
        IntegrityError: The database refuses the people for another reason.
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
                # The conflict is not about an existing person, but e.g. about an outdated sequence.
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
    """Return the rows of new people that were erased."""
    if pseudonyms is None:
        return ()
    keys: Collection[str] = erased_by_hash(
        connection, lambda: staged.hashed or pseudonyms.by_hash(staged.columns["address_key"])
    )
    if not keys:
        return ()
    found = connection.execute(_NEW_AMONG, {"keys": [*keys]})
    return [(row.line, row.address) for row in found]
