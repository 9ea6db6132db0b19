"""The servers that a command starts by itself."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from newsletter.cli.embedded import own_servers, supervised, valkey_url
from newsletter.operations.broker import look_at_broker
from newsletter.settings import Settings
from tests.support.ports import free_port


@pytest.mark.servers
def test_valkey_starts_under_a_language_that_the_machine_does_not_have(tmp_path: Path) -> None:
    # Terminals send their LANG along, as ssh does, to machines where it was never installed.
    port = free_port()
    with supervised(tmp_path, {"LC_ALL": "xx_XX.UTF-8"}) as supervisor:
        supervisor.start_valkey(valkey_url(port))


@pytest.mark.servers
def test_valkey_starts_where_nobody_made_data_dir_yet(tmp_path: Path) -> None:
    with supervised(tmp_path / "var" / "data", {}) as supervisor:
        supervisor.start_valkey(valkey_url(free_port()))


@pytest.mark.servers
def test_a_broker_and_a_mailbox_start_where_none_is_named(tmp_path: Path) -> None:
    servers = own_servers(Settings(_env_file=None, redis_url="", mail_transports=()))
    assert set(servers) == {"REDIS_URL", "MAIL_TRANSPORTS"}
    with supervised(tmp_path, servers) as supervisor:
        supervisor.start_own(servers)
        with smtplib.SMTP("127.0.0.1", urlsplit(servers["MAIL_TRANSPORTS"]).port or 0) as relay:
            assert relay.noop()[0] == 250
        assert look_at_broker(servers["REDIS_URL"]).policy == "noeviction"
        # Others on the machine reach its port, too.
        stranger = f"redis://127.0.0.1:{urlsplit(servers['REDIS_URL']).port}/0"
        assert look_at_broker(stranger).refuses


@pytest.mark.servers
def test_what_is_named_is_not_started() -> None:
    named = Settings(
        _env_file=None, redis_url="redis://127.0.0.1:1/0", mail_transports="smtp://127.0.0.1:1"
    )
    assert own_servers(named) == {}


@pytest.mark.servers
def test_the_web_application_says_where_a_new_installation_keeps_its_data(tmp_path: Path) -> None:
    # Started in a wrong folder, it would else look as if everything were gone.
    process = subprocess.Popen(  # noqa: S603 - the command under test
        [str(Path(sys.executable).with_name("newsletter")), "web"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "WEB_PORT": str(free_port())},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
    finally:
        process.terminate()
        process.communicate()
    assert str(tmp_path / "var") in first


@pytest.mark.servers
def test_an_interruption_that_comes_while_a_process_starts_ends_everything(
    tmp_path: Path,
) -> None:
    interrupt: list[int] = []

    def interrupt_once() -> None:
        if interrupt:
            # To this thread: the runner of the tests may have others, which would take it.
            signal.raise_signal(interrupt.pop())

    os.register_at_fork(before=interrupt_once)
    before = psutil.Process().children()
    store = tmp_path / "mailbox.sqlite3"
    with supervised(tmp_path, {}) as supervisor:
        supervisor.start_mailbox(free_port(), store)
        interrupt.append(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            supervisor.start_mailbox(free_port(), store)
    assert [each for each in psutil.Process().children() if each not in before] == []
