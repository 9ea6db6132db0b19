"""The counting relay, started, killed and started again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ports import await_port, free_port


class CountingRelay:
    """What the relay took, read from its record."""

    def __init__(
        self,
        folder: Path,
        faults: Sequence[dict[str, Any]],
        options: str,
        delay: float,
        certificate: Path | None,
    ) -> None:
        self.port = free_port()
        start = "smtps://sender:secret@" if certificate else "smtp://"
        self.url = f"{start}127.0.0.1:{self.port}?{options}"
        self._record = folder / "accepted.txt"
        self._record.touch()
        self._faults = json.dumps(list(faults))
        self._delay = delay
        #: A file; the next start speaks TLS with it.
        self.certificate = certificate
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [
                *(sys.executable, "-m", "tests.support.sink", "--port", str(self.port)),
                *("--record", str(self._record), "--faults", self._faults),
                *("--delay", str(self._delay), "--certificate", str(self.certificate or "")),
            ]
        )
        await_port(self.port)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def misbehave(self, *faults: dict[str, Any]) -> None:
        """Start again with other faults, and count from nothing."""
        self.kill()
        self.forget()
        self.change(*faults)

    def change(self, *faults: dict[str, Any]) -> None:
        """Start again with other faults, or a certificate set before."""
        self.kill()
        self._faults = json.dumps(faults)
        self.start()

    def forget(self) -> None:
        """Count from nothing again."""
        self._record.write_bytes(b"")

    def accepted(self) -> Counter[str]:
        return Counter(self.in_order())

    def in_order(self) -> list[str]:
        """Return whose messages were taken, one after the other."""
        return self._record.read_text().splitlines()

    def count(self) -> int:
        return self._record.read_bytes().count(b"\n")


@contextmanager
def counting_relay(
    folder: Path,
    *faults: dict[str, Any],
    options: str = "connections=4&timeout=10",
    delay: float = 0,
    certificate: Path | None = None,
) -> Iterator[CountingRelay]:
    relay = CountingRelay(folder, faults, options, delay, certificate)
    try:
        yield relay
    finally:
        relay.kill()
