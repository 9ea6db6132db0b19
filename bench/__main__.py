"""``make bench``: all measurements, one after the other, on servers started for them."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine

from bench import content
from bench.composing import composing
from bench.importing import importing
from bench.measure import Row, report
from bench.pages import pages
from bench.planning import planning
from bench.sending import far_away, sample_message, sending
from newsletter.database.engine import open_engine
from newsletter.database.migrations import upgrade
from tests.support.postgres import postgres_server
from tests.support.valkey import valkey_server

_PEOPLE = 20_000
_MILLION = 1_000_000


@contextmanager
def _database(url: str, people: int) -> Iterator[Engine]:
    engine = open_engine(url)
    upgrade(engine)
    content.prepare(engine)
    content.subscribe(engine, people)
    try:
        yield engine
    finally:
        engine.dispose()


def _measure(scale: float, only: str) -> Iterator[Row]:
    people, million = int(_PEOPLE * scale), int(_MILLION * scale)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(postgres_server(folder / "postgres"))
        redis_url = stack.enter_context(valkey_server(folder))
        if only in {"", "composing"}:
            with _database(f"sqlite:///{folder}/composing.sqlite3", 1) as engine:
                yield from composing(engine)
        if only in {"", "importing"}:
            yield from importing(scale)
        if only in {"", "pages"}:
            with postgres.database() as url, _database(url, million) as engine:
                yield from pages(engine, million, folder)
            with _database(f"sqlite:///{folder}/pages.sqlite3", million) as engine:
                yield from pages(engine, million, folder)
        if only in {"", "planning"}:
            with postgres.database() as url, _database(url, million) as engine:
                yield from planning(engine, million)
            with _database(f"sqlite:///{folder}/planning.sqlite3", million) as engine:
                yield from planning(engine, million)
        if only in {"", "sending"}:
            urls = [
                stack.enter_context(postgres.database()),
                f"sqlite:///{folder}/sending.sqlite3",
            ]
            for number, url in enumerate(urls):
                with _database(url, people) as engine:
                    place = folder / f"sending{number}"
                    place.mkdir()
                    message = sample_message(engine, place)
                    for processes in (1, 2):
                        yield from sending(
                            engine,
                            url=url,
                            redis_url=redis_url,
                            folder=place,
                            people=people,
                            processes=processes,
                            message=message,
                        )
                    if not number:
                        yield from far_away(
                            engine, url=url, redis_url=redis_url, folder=place, people=people
                        )


def main() -> None:
    """Measure all, print it, write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the lists' lengths")
    parser.add_argument(
        "--only", choices=["composing", "importing", "pages", "planning", "sending"], default=""
    )
    options = parser.parse_args()
    rows = []
    for row in _measure(options.scale, options.only):
        print(f"{row.row}: {row.ours:,.1f} {row.unit}", flush=True)
        rows.append(row)
    report(rows, Path("build/bench.json"))


if __name__ == "__main__":
    main()
