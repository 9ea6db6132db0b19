"""Free ports and readiness on loopback."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable

_FIRST, _END = 15_000, 32_000
"""Below the ports that Linux gives to outgoing connections (32768 to 60999, ip(7)): a port handed
out here cannot become the local end of somebody's connection before its server binds it."""

_handed_out: set[int] = set()
#: pytest-xdist's processes take every so manieth port each: what one probes, none other hands out.
_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_ours = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def free_port() -> int:
    """A port of loopback that nothing listens on, and that this process did not hand out before.

    For servers that must be told their port; those that can choose one themselves bind port 0.
    """
    while True:
        port = random.randrange(_FIRST + _ours, _END, _processes)  # noqa: S311 - nothing secret
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port


def await_port(port: int, *, seconds: float = 20) -> None:
    def listening() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await_condition(listening, seconds=seconds, what=f"a server on port {port}")


def await_condition(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until ``condition`` holds, and fail with ``what`` was waited for when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
