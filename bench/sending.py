"""End to end: ledger, Celery, SMTP, outcomes; beside smtp-source with the same octets."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from bench import content
from bench.composing import sample
from bench.measure import Row
from newsletter.database.engine import reading
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from tests.support.celery import celery_workers
from tests.support.ports import await_condition, await_port, free_port
from tests.support.relay import counting_relay

_SESSIONS = 8
_FAR_CONNECTIONS = 64
_FAR_SECONDS = 0.05


@contextmanager
def _sink() -> Iterator[int]:
    port = free_port()
    command = ["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "512"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - postfix's tool
    try:
        await_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _smtp_source(port: int, message: Path, count: int, sessions: int) -> float:
    """Return messages a second."""
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - postfix's tool
        [
            *("smtp-source", "-d", "-s", str(sessions), "-m", str(count), "-F", str(message)),
            *("-f", "bounces@example.jp", "-t", "reader@example.jp", f"127.0.0.1:{port}"),
        ],
        check=True,
    )
    return count / (time.perf_counter() - began)


def sample_message(engine: Engine, folder: Path) -> Path:
    """Write one message of the measured issue, as smtp-source wants it."""
    path = folder / "message.eml"
    path.write_bytes(sample(engine).replace(b"\r\n", b"\n"))
    return path


def sending(
    engine: Engine,
    *,
    url: str,
    redis_url: str,
    folder: Path,
    people: int,
    processes: int,
    message: Path,
) -> Iterator[Row]:
    """Measure one mailing to the whole list, and its workers' memory."""
    with _sink() as port:
        connections = max(1, _SESSIONS // processes)
        reference = _smtp_source(port, message, people, _SESSIONS)
        with celery_workers(
            database_url=url,
            redis_url=redis_url,
            smtp_url=f"smtp://127.0.0.1:{port}?connections={connections}&messages=100000",
            folder=folder / "data",
            WORKER_PROCESSES=str(processes),
        ) as workers:
            # The first is not measured: it pays for the start of Celery.
            _run(engine, people)
            seconds = _run(engine, people)
            memory = max(
                one.memory_info().rss
                for one in workers.descendants()
                if not one.children() and one.ppid() != workers.pid
            )
        again = _smtp_source(port, message, people, _SESSIONS)
    yield Row(
        row=f"end to end, {people:,}, {processes} processes, {engine.dialect.name}",
        ours=people / seconds,
        reference=(reference + again) / 2,
        unit="messages/s",
        aim=">=0.8",
    )
    yield Row(
        row=f"largest worker process after {people:,}, {engine.dialect.name}",
        ours=memory / 2**20,
        reference=None,
        unit="MiB",
    )


def _run(engine: Engine, people: int, *, batch_size: int = 1000) -> float:
    """Send one mailing; return the seconds between its first hint and its end."""
    mailing = content.mail(engine, batch_size=batch_size)

    def row() -> MailingRow:
        with reading(engine) as session:
            return session.get_one(MailingRow, mailing)

    await_condition(
        lambda: row().state is MailingState.FINISHED,
        seconds=60 + people / 100,
        what="the mailing to finish",
    )
    done = row()
    assert done.started_at is not None  # noqa: S101 - it is finished
    assert done.finished_at is not None  # noqa: S101
    return (done.finished_at - done.started_at).total_seconds()


def far_away(
    engine: Engine, *, url: str, redis_url: str, folder: Path, people: int
) -> Iterator[Row]:
    """Measure against a relay that answers after 50 ms: a message costs one round trip."""
    with (
        counting_relay(
            folder, options=f"connections={_FAR_CONNECTIONS}", delay=_FAR_SECONDS
        ) as relay,
        celery_workers(
            database_url=url,
            redis_url=redis_url,
            smtp_url=relay.url,
            folder=folder / "data",
            WORKER_PROCESSES="1",
            BATCH_SIZE="5000",
        ),
    ):
        _run(engine, people, batch_size=5000)
        seconds = _run(engine, people, batch_size=5000)
    yield Row(
        row=f"a relay 50 ms away, {_FAR_CONNECTIONS} connections, 1 process, {people:,}",
        ours=people / seconds,
        reference=_FAR_CONNECTIONS / _FAR_SECONDS,
        unit="messages/s",
        aim=">=0.9",
    )
