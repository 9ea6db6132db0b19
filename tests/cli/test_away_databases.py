"""A database that is away for a moment, under commands that begin or wait."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from newsletter.cli.mailing_progress import watch_mailing
from newsletter.database.engine import open_engine
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ExitCode, UnavailableError
from tests.support import warm
from tests.support.locks import await_lock
from tests.support.orders import pause
from tests.support.ports import await_condition, free_port
from tests.support.proxy import silent_network
from tests.support.stage import set_stage


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    "words",
    [("status", "--json"), ("send", "--yes", "--json"), ("subscriber", "list", "--json")],
    ids=" ".join,
)
def test_a_command_waits_a_moment_for_the_database(
    words: Sequence[str], postgres_url: str, tmp_path: Path
) -> None:
    port = free_port()
    with silent_network(postgres_url, port) as network:
        url = network.url
    said = tmp_path / "said"
    with said.open("wb") as stream:
        command = warm.start(
            "newsletter.cli",
            *words,
            env=os.environ | {"DATABASE_URL": url, "NO_COLOR": "1"},
            stdout=stream,
            stderr=stream,
        )
    await_condition(
        lambda: "not responding" in said.read_text() or command.poll() is not None,
        seconds=60,
        what="a word about the database",
    )
    with silent_network(postgres_url, port):
        code = command.wait(timeout=60)
    # An empty database has nothing to send, which is a finding of its own.
    assert code in {ExitCode.OK, ExitCode.BAD_INPUT}, said.read_text()


@pytest.mark.usefixtures("own_folder", "_servers")
def test_a_database_that_stays_away_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    run = warm.run("newsletter.cli", "status", env=os.environ | {"NO_COLOR": "1"})
    assert run.returncode == ExitCode.UNAVAILABLE
    assert "Check that it is running, and check DATABASE_URL." in run.stderr


@pytest.mark.usefixtures("own_folder")
def test_a_database_that_refuses_the_connection_is_not_called_away(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = make_url(postgres_url).set(database="none_of_this_name")
    monkeypatch.setenv("DATABASE_URL", missing.render_as_string(hide_password=False))
    run = warm.run("newsletter.cli", "status", env=os.environ | {"NO_COLOR": "1"})
    assert run.returncode == ExitCode.UNAVAILABLE
    assert "The database refuses the connection" in run.stderr
    assert "the name of the database in DATABASE_URL" in run.stderr


def test_a_mailing_is_watched_on_after_the_database_cut_the_connection(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    mailing = stage.mail()
    with ThreadPoolExecutor(1) as pool:
        with engine.connect() as locking:
            locking.execute(text("LOCK TABLE mailing IN ACCESS EXCLUSIVE MODE"))
            watching = pool.submit(watch_mailing, engine, mailing, quiet=True)
            await_lock(engine, watching)
            locking.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
        pause(engine, mailing)
        assert watching.result(timeout=60).state is MailingState.PAUSED
    engine.dispose()


@pytest.mark.usefixtures("_servers")
def test_whoever_can_watch_no_more_is_told_that_the_mailing_is_ordered() -> None:
    engine = open_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(UnavailableError) as refused:
        watch_mailing(engine, 12, quiet=True)
    assert refused.value.exit_code == ExitCode.UNAVAILABLE
    assert "Check that it is running" in refused.value.remedy
    assert "Mailing 12 was ordered" in refused.value.remedy


def test_whoever_stops_watching_is_told_that_the_mailing_goes_on(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    mailing = set_stage(engine).mail()
    with pytest.raises(KeyboardInterrupt):
        watch_mailing(engine, mailing, quiet=True, check=stop)
    assert f"newsletter mailing cancel {mailing}." in capsys.readouterr().err


@pytest.mark.usefixtures("own_folder", "_servers")
def test_a_port_that_is_taken_ends_the_web_server_as_the_table_of_codes_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = os.environ | {"WEB_PORT": str(port), "NO_COLOR": "1"}
        run = warm.run("newsletter.cli", "web", env=environment)
    assert run.returncode == ExitCode.UNAVAILABLE
    assert f"Cannot listen on 127.0.0.1:{port}: the port is already in use." in run.stderr
    assert "WEB_PORT" in run.stderr
    assert "/welcome/" not in run.stderr
