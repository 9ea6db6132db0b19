"""The interface of transports, and the result type of a message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ResultKind(StrEnum):
    """The kind of result of one message; the first four have the values of `DeliveryState`."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    #: The whole message was sent, but no reply was received.
    UNCERTAIN = "uncertain"
    #: The message was not sent; the result does not depend on it.
    NOT_TRIED = "not-tried"
    #: The connection broke at this message, having worked before; the message was not accepted.
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """RFC 5321 sender and recipient of one transaction; an empty sender is the null return path."""

    sender: str
    recipient: str

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address has non-ASCII characters (RFC 6531)."""
        return not (self.sender.isascii() and self.recipient.isascii())


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Parcel:
    """One message with its envelope; ``position`` identifies its delivery in the mailing."""

    position: int
    envelope: Envelope
    message: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of sending one message.

    Attributes:
        code: The SMTP reply code, 250, 4xx or 5xx; transports of other protocols use the nearest
            one. 0 without a reply: this does not count as an attempt and is not classified as a
            bounce.
        command: The command that was replied to: ``MAIL``, ``RCPT``, or ``DATA``, which includes
            the message.
        connection: The transport's number of the connection: different connections may lead to
            different servers. 0 if the transport has no connections.
    """

    kind: ResultKind
    code: int = 0
    status: str = ""
    reply: str = ""
    queue_id: str = ""
    command: str = ""
    connection: int = 0


class Courier(Protocol):
    """The interface of a batch for transports: it provides messages and takes their results."""

    def ready(self) -> Parcel | None:
        """Return the next message if one may be sent now; otherwise None."""

    async def take(self) -> Parcel | None:
        """Wait until a message may be sent and return it; None when there is none left."""

    def commit(self, parcel: Parcel) -> bool:
        """Record that the message is about to be sent; return False to withdraw it instead."""

    def settle(self, parcel: Parcel, result: Result) -> None:
        """Take the result of a message: exactly one for every parcel that was returned."""


class Transport(Protocol):
    """A way of sending messages; it may keep connections open between batches."""

    #: Shown to operators and stored with each delivery; contains no secrets.
    name: str
    #: A PEM file of certificate authorities; empty for the system's, or if TLS is not used.
    ca_file: str

    async def deliver(self, courier: Courier) -> str:
        """Send the courier's messages; return the reason if the transport cannot be used, or "".

        Faults of the other side are not raised but reported as results: ``BROKEN`` for the message
        that was being sent when a connection was lost, and ``NOT_TRIED`` for messages that were not
        sent.
        """

    async def close(self) -> None:
        """Close all connections, with QUIT where the protocol has it."""
