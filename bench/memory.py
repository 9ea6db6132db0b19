"""Memory of the sending processes after a short list and after a long one: it must be the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
from sqlalchemy import Engine

from bench import content
from bench.measure import Row
from bench.sending import run_mailing, smtp_sink
from tests.support.celery import Workers, celery_workers


def peak_memory(
    engine: Engine, *, url: str, redis_url: str, folder: Path, people: int
) -> tuple[float, float]:
    """Send one mailing; return the peak MiB of the largest process that sends, and that plans.

    The message is a short one: what is measured is what grows with the list, if anything does.
    """
    with (
        smtp_sink() as port,
        celery_workers(
            database_url=url,
            redis_url=redis_url,
            smtp_url=f"smtp://127.0.0.1:{port}?connections=8&messages=100000",
            folder=folder,
            WORKER_PROCESSES="1",
        ) as workers,
    ):
        run_mailing(engine, people, slug=content.SHORT)
        return _largest(workers, "bulk"), _largest(workers, "control")


def _largest(workers: Workers, role: str) -> float:
    return max(_peak(process) for process in workers.pool(role))


def _peak(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def memory(
    short: tuple[int, tuple[float, float]], long: tuple[int, tuple[float, float]]
) -> Iterator[Row]:
    """Compare the peaks of two lengths."""
    few, before = short
    many, after = long
    for name, small, large in zip(("sends", "plans"), before, after, strict=True):
        yield Row(
            row=f"peak memory of what {name}, {many:,} beside {few:,}",
            ours=large,
            reference=small,
            unit="MiB",
            aim="<=1.1",
        )
