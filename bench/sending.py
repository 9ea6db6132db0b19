"""End to end: ledger, Celery, SMTP, outcomes; beside smtp-source with the same octets."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from sqlalchemy import Engine

from bench import content
from bench.composing import frozen_content, sample
from bench.measure import Row
from bench.naive import composer, loop
from bench.task_each import one_task_each
from newsletter.database.engine import reading
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.rendering.slots import fill
from tests.support.celery import Workers, celery_workers
from tests.support.ports import await_condition, await_port, free_port
from tests.support.relay import counting_relay

_SESSIONS = 8
#: One alone is up to a tenth quicker or slower than the next.
_MAILINGS = 3
_FAR_CONNECTIONS = 64
_FAR_SECONDS = 0.05


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Yield the port of a postfix server that throws all mail away."""
    port = free_port()
    command = ["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "512"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - postfix's tool
    try:
        await_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _smtp_source(port: int, message: Path, count: int, sessions: int) -> tuple[float, float]:
    """Return messages a second, and its processor seconds a message."""
    spent = _children_seconds()
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - postfix's tool
        [
            *("smtp-source", "-d", "-s", str(sessions), "-m", str(count), "-F", str(message)),
            *("-f", "bounces@example.jp", "-t", "reader@example.jp", f"127.0.0.1:{port}"),
        ],
        check=True,
    )
    seconds = time.perf_counter() - began
    return count / seconds, (_children_seconds() - spent) / count


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    """Measure mailings to the whole list, their median, and what one costs those that send it."""
    with smtp_sink() as port:
        connections = max(1, _SESSIONS // processes)
        before, source_seconds = _smtp_source(port, message, people, _SESSIONS)
        with celery_workers(
            database_url=url,
            redis_url=redis_url,
            smtp_url=f"smtp://127.0.0.1:{port}?connections={connections}&messages=100000",
            folder=folder / "data",
            WORKER_PROCESSES=str(processes),
        ) as workers:
            # The first is not measured: it pays for the start of Celery.
            run_mailing(engine, people)
            spent = _bulk_seconds(workers)
            seconds = median(run_mailing(engine, people) for _ in range(_MAILINGS))
            spent = (_bulk_seconds(workers) - spent) / _MAILINGS
        after, _ = _smtp_source(port, message, people, _SESSIONS)
    database = engine.dialect.name
    yield Row(
        row=f"end to end, {people:,}, {processes} processes, {database}",
        ours=people / seconds,
        reference=(before + after) / 2,
        unit="messages/s",
        aim=">=0.8",
    )
    yield Row(
        row=f"processor time of workers, {processes} processes, {database}",
        ours=spent / people * 1e6,
        reference=source_seconds * 1e6,
        unit="µs/message",
    )


def _bulk_seconds(workers: Workers) -> float:
    """Return the processor seconds of the processes that send."""
    times = [one.cpu_times() for one in workers.pool("bulk")]
    return sum(each.user + each.system for each in times)


def run_mailing(engine: Engine, people: int, *, slug: str = "", batch_size: int = 1000) -> float:
    """Send one mailing to all; return the seconds between its start and its end."""
    mailing = content.mail(engine, slug=slug, batch_size=batch_size)

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
        run_mailing(engine, people, batch_size=5000)
        seconds = run_mailing(engine, people, batch_size=5000)
    yield Row(
        row=f"a relay 50 ms away, {_FAR_CONNECTIONS} connections, 1 process, {people:,}",
        ours=people / seconds,
        reference=_FAR_CONNECTIONS / _FAR_SECONDS,
        unit="messages/s",
        aim=">=0.9",
    )


def naive(engine: Engine, *, redis_url: str, folder: Path, people: int) -> Iterator[Row]:
    """Show beside ours what is often built: a loop, and a task for each recipient."""
    frozen = frozen_content(engine)
    html, text = fill(frozen.rendered.html, {}), fill(frozen.rendered.text, {})
    with smtp_sink() as port:
        alone = loop(port, composer(html, text), max(people // 20, 100))
        each = one_task_each(
            redis_url=redis_url,
            folder=folder,
            port=port,
            html=html,
            text=text,
            count=max(people // 20, 100),
            processes=2,
        )
        with celery_workers(
            database_url=engine.url.render_as_string(hide_password=False),
            redis_url=redis_url,
            smtp_url=f"smtp://127.0.0.1:{port}?connections={_SESSIONS}&messages=100000",
            folder=folder / "data",
            WORKER_PROCESSES="1",
        ):
            run_mailing(engine, people)
            ours = people / run_mailing(engine, people)
    yield Row(
        row="1 process, beside a loop of Jinja, EmailMessage and smtplib",
        ours=ours,
        reference=alone,
        unit="messages/s",
    )
    yield Row(
        row="1 process, beside 2 with one Celery task a recipient",
        ours=ours,
        reference=each,
        unit="messages/s",
    )
