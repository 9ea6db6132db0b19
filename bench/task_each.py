"""One Celery task a recipient, as it is often built: its own rendering, its own connection."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path

from celery import Celery
from redis import Redis

from bench.naive import composer

_SENT = "bench:sent"
_BROKER = "BENCH_BROKER"
_FOLDER = "BENCH_FOLDER"
_PORT = "BENCH_PORT"

app = Celery("bench", broker=os.environ.get(_BROKER, ""), set_as_current=False)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)


@lru_cache(maxsize=1)
def _compose() -> Callable[[str], EmailMessage]:
    folder = Path(os.environ[_FOLDER])
    return composer((folder / "body.html").read_text(), (folder / "body.txt").read_text())


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(os.environ[_BROKER])


@app.task(name="bench.send")
def send(number: int) -> None:
    """Send one message."""
    with smtplib.SMTP("127.0.0.1", int(os.environ[_PORT])) as connection:
        connection.send_message(_compose()(f"reader{number}@example.jp"))
    _redis().incr(_SENT)


def one_task_each(
    *, redis_url: str, folder: Path, port: int, html: str, text: str, count: int, processes: int
) -> float:
    """Return messages a second of ``processes`` worker processes, once they are warm."""
    (folder / "body.html").write_text(html)
    (folder / "body.txt").write_text(text)
    environment = {_BROKER: redis_url, _FOLDER: str(folder), _PORT: str(port)}
    command = [
        *(sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "bench.task_each"),
        *("worker", f"--concurrency={processes}", "--loglevel=ERROR", "--queues=bench"),
        *("--without-gossip", "--without-mingle"),
    ]
    worker = subprocess.Popen(command, env=os.environ | environment)  # noqa: S603 - ours
    try:
        app.conf.update(broker_url=redis_url)
        seconds = 0.0
        with Redis.from_url(redis_url) as redis:
            for measured in (10 * processes, count):
                redis.set(_SENT, 0)
                began = time.perf_counter()
                for number in range(measured):
                    send.apply_async(args=(number,), queue="bench")
                while int(redis.get(_SENT) or 0) < measured:
                    time.sleep(0.01)
                seconds = time.perf_counter() - began
    finally:
        worker.terminate()
        worker.wait()
    return count / seconds
