"""What a transport is, and the one result type that every way of failing collapses into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ResultKind(StrEnum):
    """What the other side said, or that it said nothing."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    #: The final dot left, no reply came.
    UNCERTAIN = "uncertain"
    #: The message was not handed over; it says nothing about the recipient.
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """RFC 5321 sender and recipient; one recipient a transaction."""

    sender: str
    recipient: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address is beyond ASCII (RFC 6531)."""
        return not (self.sender.isascii() and self.recipient.isascii())


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How one message fared."""

    kind: ResultKind
    code: int = 0
    status: str = ""
    reply: str = ""
    queue_id: str = ""


class Transport(Protocol):
    """Takes messages away, one at a time, over a connection it keeps."""

    #: Shown to operators and kept with each delivery; without secrets.
    name: str

    def send(self, envelope: Envelope, message: bytes, on_commit: Callable[[], None]) -> Result:
        """Hand a message over; ``on_commit`` is called just before it can no longer be held back.

        Never raises for what the other side does; that is the `Result`.
        """

    def close(self) -> None:
        """End the connection politely."""
