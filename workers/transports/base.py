"""What a transport is, and the one result type that every way of failing collapses into."""

from __future__ import annotations

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
    #: Its turn did not come; it says nothing about the message.
    NOT_TRIED = "not-tried"
    #: A connection that had worked until then ended when its turn came; it was not handed over.
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """RFC 5321 sender and recipient, one a transaction; no sender is the null return path."""

    sender: str
    recipient: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address is beyond ASCII (RFC 6531)."""
        return not (self.sender.isascii() and self.recipient.isascii())


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Parcel:
    """One message on its way; ``position`` is its place in the mailing's ledger."""

    position: int
    envelope: Envelope
    message: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How one message fared.

    Attributes:
        code: An SMTP reply code, 250, 4xx or 5xx, into which a transport of another protocol
            translates; 0 where the other side said nothing, which costs no attempt and is not
            judged as a bounce is.
        command: What the reply answered: ``MAIL``, ``RCPT``, or ``DATA`` with all that follows it.
        connection: Over which connection it came, by a number of the transport's: another server
            may be behind each. 0 where that says nothing.
    """

    kind: ResultKind
    code: int = 0
    status: str = ""
    reply: str = ""
    queue_id: str = ""
    command: str = ""
    connection: int = 0


class Courier(Protocol):
    """What a batch is to a transport: where messages come from and where results go."""

    def ready(self) -> Parcel | None:
        """Return the next message if one may leave at this moment."""

    async def take(self) -> Parcel | None:
        """Return the next message, waiting until one may leave; None when there is no more."""

    def commit(self, parcel: Parcel) -> bool:
        """Note that the message can no longer be held back; False withdraws it instead."""

    def settle(self, parcel: Parcel, result: Result) -> None:
        """Take a result: exactly one for every parcel that was given out."""


class Transport(Protocol):
    """Takes messages away, over connections that it keeps from batch to batch."""

    #: Shown to operators and kept with each delivery; without secrets.
    name: str
    #: A PEM file of authorities to trust; empty for the system's, and where none are asked.
    ca_file: str

    async def deliver(self, courier: Courier) -> str:
        """Take away what the courier has; return why the other side takes nothing, or nothing.

        Never raises for what the other side does: that is each message's `Result`, with
        ``BROKEN`` for the one whose turn it was when a connection was lost, and ``NOT_TRIED`` for
        what else it left unsaid.
        """

    async def close(self) -> None:
        """End the connections politely."""
