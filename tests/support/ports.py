"""Free ports and readiness on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
