"""Free ports and readiness on loopback."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_FIRST, _END = 15_000, 32_000
"""Below the ports that Linux gives to outgoing connections (32768 to 60999, ip(7)): a port handed
out here cannot become the local end of somebody's connection before its server binds it."""
#: How long nothing is looked at, in seconds: at first, by how much longer each time, and at most.
_FIRST_PAUSE, _LONGER, _LONGEST_PAUSE = 0.01, 1.1, 0.06


class _Claims:
    """The ports that test processes of this machine hold, each a locked octet of one file.

    Between the look whether a port is free and its server's start lie milliseconds, in which other
    runs of the tests look as well. A process's locks end with it, and are not its children's.
    """

    def __init__(self) -> None:
        self._file = -1

    def claim(self, port: int) -> bool:
        """Hold a port for as long as this process lives, unless another one holds it."""
        if self._file < 0:
            path = Path(tempfile.gettempdir()) / f"newsletter-test-ports-{os.getuid()}"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


_claims = _Claims()
_handed_out: set[int] = set()


def free_port() -> int:
    """A port of loopback that nothing listens on, and that no test process was handed before.

    For servers that must be told their port; those that can choose one themselves bind port 0.
    """
    while True:
        port = random.randrange(_FIRST, _END)  # noqa: S311 - nothing secret
        if port in _handed_out or not _claims.claim(port):
            continue
        _handed_out.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def await_port(port: int, *, seconds: float = 60) -> None:
    def listening() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await_condition(listening, seconds=seconds, what=f"a server on port {port}")


def await_condition(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until ``condition`` holds, and fail with ``what`` was waited for when it does not.

    What does not hold soon is looked at less often: most conditions ask a database, and what is
    waited for needs the cores.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * _LONGER, _LONGEST_PAUSE)
