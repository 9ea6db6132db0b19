"""Real Celery processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support import warm


class Workers:
    """All workers with their pools and beat, as ``newsletter worker`` starts them."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        self._environment = os.environ | environment
        self._options = options
        self._process = self._start()

    def _start(self) -> warm.Started:
        return warm.start("newsletter.cli", "worker", *self._options, env=self._environment)

    @property
    def pid(self) -> int:
        return self._process.pid

    @contextmanager
    def another(self) -> Iterator[Workers]:
        """Run as many once more beside these, as on a second host."""
        second = Workers(self._environment)
        try:
            yield second
        finally:
            second.kill()

    def kill(self) -> None:
        """SIGKILL every process at once."""
        if self._process.poll() is not None:
            return
        for process in [*self.descendants(), psutil.Process(self._process.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def descendants(self) -> list[psutil.Process]:
        """Return Celery's processes, pools included."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def pool(self, role: str) -> list[psutil.Process]:
        """Return the processes that do the work of one role, ``control`` or ``bulk``."""
        found: list[psutil.Process] = []
        for one in self.descendants():
            # One that is gone since has no pool.
            with suppress(psutil.NoSuchProcess):
                if one.ppid() == self.pid and f"--hostname={role}@%h" in one.cmdline():
                    found += one.children()
        return found

    def kill_pool(self, role: str) -> None:
        """SIGKILL these processes, which come and go meanwhile."""
        for process in self.pool(role):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def restart(self) -> None:
        self._process = self._start()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def celery_workers(
    *,
    database_url: str,
    redis_url: str,
    smtp_url: str,
    folder: Path,
    batch_size: int = 25,
    role: str | None = None,
    **more: str,
) -> Iterator[Workers]:
    workers = Workers(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MAIL_TRANSPORTS": smtp_url,
            "DATA_DIR": str(folder),
            "PUBLIC_URL": "https://news.example.jp",
            "SECRET_KEYS": "k" * 40,
            "BATCH_SIZE": str(batch_size),
            "LOG_LEVEL": "WARNING",
            **more,
        },
        *([] if role is None else ["--role", role, "--no-beat"]),
    )
    try:
        yield workers
    finally:
        # How they end when they are asked to is tests/faults/test_deaths.py's to say.
        workers.kill()
