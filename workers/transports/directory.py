"""A folder as transport: one .eml a message, whole or not there, under a name that recurs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from workers.transports.base import Envelope, Result, ResultKind


class DirectoryTransport:
    """Writes messages into a folder."""

    def __init__(self, folder: Path) -> None:
        self.name = f"directory:{folder}"
        self._folder = folder

    def send(self, envelope: Envelope, message: bytes, on_commit: Callable[[], None]) -> Result:
        """See `Transport.send`; the same message twice is one file."""
        name = hashlib.sha256(envelope.recipient.encode() + b"\0" + message).hexdigest()[:32]
        draft = self._folder / f".{name}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(message)
            on_commit()
            draft.rename(self._folder / f"{name}.eml")
        except OSError as error:
            return Result(kind=ResultKind.NOT_TRIED, reply=f"{error.strerror}: {self._folder}")
        return Result(kind=ResultKind.ACCEPTED, code=250, reply="written", queue_id=name)

    def close(self) -> None:
        """Nothing is held open."""
