"""The directory transport: one .eml file per message, written atomically.

The file's name is a hash of recipient and message, so the same message twice is one file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from workers.transports.base import Courier, Parcel, Result, ResultKind


class DirectoryTransport:
    """Writes messages into a folder."""

    def __init__(self, folder: Path) -> None:
        self.name = f"directory:{folder}"
        self.ca_file = ""
        self._folder = folder

    async def deliver(self, courier: Courier) -> str:
        """See `Transport.deliver`."""
        while (parcel := await courier.take()) is not None:
            try:
                result = self._write(courier, parcel)
            except OSError as error:
                reason = f"{error.strerror}: {self._folder}"
                courier.settle(parcel, Result(kind=ResultKind.NOT_TRIED, reply=reason))
                return reason
            courier.settle(parcel, result)
        return ""

    def _write(self, courier: Courier, parcel: Parcel) -> Result:
        recipient = parcel.envelope.recipient.encode()
        name = hashlib.sha256(recipient + b"\0" + parcel.message).hexdigest()[:32]
        draft = self._folder / f".{name}.part"
        self._folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(parcel.message)
        if not courier.commit(parcel):
            draft.unlink()
            return Result(kind=ResultKind.NOT_TRIED)
        draft.rename(self._folder / f"{name}.eml")
        return Result(kind=ResultKind.ACCEPTED, code=250, reply="written", queue_id=name)

    async def close(self) -> None:
        """Do nothing: no connections are open."""
