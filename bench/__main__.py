"""``make bench``: all measurements, one after the other, on servers started for them."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from bench import content
from bench.bounces import bounces
from bench.composing import composing
from bench.fairness import fairness
from bench.importing import importing
from bench.measure import Row, report
from bench.memory import memory, peak_memory
from bench.pages import pages
from bench.planning import planning
from bench.searching import searching
from bench.sending import far_away, naive, sample_message, sending
from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.valkey import valkey_server

_PEOPLE = 20_000
_FEW = 10_000
#: The timeout of statements that fill a database; on a busy machine a million rows take minutes.
_FILLING_SECONDS = 3600.0
_MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Servers:
    """What measurements run against; lists are ``scale`` times as long as usual."""

    folder: Path
    postgres: PostgresServer
    redis_url: str
    scale: float
    growth: bool

    @property
    def people(self) -> int:
        return int(_PEOPLE * self.scale)

    @property
    def million(self) -> int:
        return int(_MILLION * self.scale)

    @contextmanager
    def postgresql(self, people: int) -> Iterator[tuple[str, Engine]]:
        """Fill a database with a list, for as long as it is measured on."""
        with self.postgres.database() as url, _filled(url, people) as engine:
            yield url, engine

    @contextmanager
    def sqlite(self, name: str, people: int) -> Iterator[tuple[str, Engine]]:
        """Do the same in a file."""
        url = f"sqlite:///{self.folder}/{name}.sqlite3"
        with _filled(url, people) as engine:
            yield url, engine

    def place(self, name: str) -> Path:
        """Make a folder for the files of one measurement."""
        folder = self.folder / name
        folder.mkdir()
        return folder


@contextmanager
def _filled(url: str, people: int) -> Iterator[Engine]:
    engine = open_engine(url, seconds=_FILLING_SECONDS)
    upgrade(engine)
    content.prepare(engine)
    content.subscribe(engine, people)
    try:
        yield engine
    finally:
        engine.dispose()


def _composing(on: _Servers) -> Iterator[Row]:
    with on.sqlite("composing", 1) as (_, engine):
        yield from composing(engine)


def _planning(on: _Servers) -> Iterator[Row]:
    with on.postgresql(on.million) as (_, engine):
        yield from planning(engine, on.million)
    with on.sqlite("planning", on.million) as (_, engine):
        yield from planning(engine, on.million)


def _importing(on: _Servers) -> Iterator[Row]:
    yield from importing(on.scale, growth=on.growth)


def _pages(on: _Servers) -> Iterator[Row]:
    with on.postgresql(on.million) as (_, engine):
        yield from pages(engine, on.million, on.folder)
    with on.sqlite("pages", on.million) as (_, engine):
        yield from pages(engine, on.million, on.folder)


def _searching(on: _Servers) -> Iterator[Row]:
    with on.postgresql(1) as (_, engine):
        yield from searching(engine, on.million)
    with on.sqlite("searching", 1) as (_, engine):
        yield from searching(engine, on.million)


def _sending(on: _Servers) -> Iterator[Row]:
    with on.postgresql(on.people) as (url, engine):
        place = on.place("sending-postgresql")
        yield from _end_to_end(on, url, engine, place)
        yield from far_away(engine, url=url, redis_url=on.redis_url, folder=place, people=on.people)
        yield from naive(engine, redis_url=on.redis_url, folder=place, people=on.people)
    with on.sqlite("sending", on.people) as (url, engine):
        yield from _end_to_end(on, url, engine, on.place("sending-sqlite"))


def _end_to_end(on: _Servers, url: str, engine: Engine, place: Path) -> Iterator[Row]:
    message = sample_message(engine, place)
    for processes in (1, 2):
        yield from sending(
            engine,
            url=url,
            redis_url=on.redis_url,
            folder=place,
            people=on.people,
            processes=processes,
            message=message,
        )


def _fairness(on: _Servers) -> Iterator[Row]:
    # The giant must outlast the rest, however short the other lists are.
    with on.postgresql(_PEOPLE) as (url, engine):
        place = on.place("fairness")
        yield from fairness(engine, url=url, redis_url=on.redis_url, folder=place, scale=on.scale)


def _memory(on: _Servers) -> Iterator[Row]:
    peaks = []
    for count in (_FEW, max(on.million, _FEW)):
        with on.postgresql(count) as (url, engine):
            place = on.place(f"memory-{count}")
            peak = peak_memory(engine, url=url, redis_url=on.redis_url, folder=place, people=count)
        peaks.append((count, peak))
    yield from memory(*peaks)


def _bounces(on: _Servers) -> Iterator[Row]:
    del on
    yield from bounces()


_PARTS: dict[str, Callable[[_Servers], Iterator[Row]]] = {
    "bounces": _bounces,
    "composing": _composing,
    "planning": _planning,
    "importing": _importing,
    "pages": _pages,
    "searching": _searching,
    "sending": _sending,
    "fairness": _fairness,
    "memory": _memory,
}


def _measure(scale: float, only: str, *, growth: bool) -> Iterator[Row]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        on = _Servers(
            folder=folder,
            postgres=stack.enter_context(postgres_server(folder / "postgres")),
            redis_url=stack.enter_context(valkey_server(folder)),
            scale=scale,
            growth=growth,
        )
        for name, measure in _PARTS.items():
            if only in {"", name}:
                yield from measure(on)


def main() -> None:
    """Measure all, print it, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the lists' lengths")
    parser.add_argument("--growth", action="store_true", help="of a list to 5,000,000 people")
    parser.add_argument("--only", choices=[*_PARTS], default="")
    options = parser.parse_args()
    # A fork shares its memory with what it came from, and would be measured as smaller.
    os.environ["COLD"] = "1"
    rows = []
    for row in _measure(options.scale, options.only, growth=options.growth):
        print(f"{row.row}: {row.ours:,.1f} {row.unit}", flush=True)
        rows.append(row)
    report(rows, Path("build/bench.json"))


if __name__ == "__main__":
    main()
