"""Real Celery processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: A worker that also runs beat, so one process group is the whole of the engine.
_COMMAND = (
    *("-m", "celery", "--quiet", "-A", "workers.app", "worker", "--beat", "--queues=control,bulk"),
    *("--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=WARNING"),
)


class Workers:
    """A Celery worker with its pool, in a process group of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = os.environ | environment
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, *_COMMAND], env=self._environment, start_new_session=True
        )

    def kill(self) -> None:
        """SIGKILL the parent, the pool and beat at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        self._process = self._start()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def celery_workers(
    *, database_url: str, redis_url: str, smtp_url: str, folder: Path, batch_size: int = 25
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
        }
    )
    try:
        yield workers
    finally:
        workers.stop()
