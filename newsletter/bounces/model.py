"""What a report says: one vocabulary for DSNs, feedback reports and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Self


class ReportKind(StrEnum):
    """What a message or event that came back is."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    #: A person's or a program's own answer, a vacation notice among them: it says nothing.
    AUTO_REPLY = "auto-reply"
    #: The other side goes on trying (RFC 3464 ``Action: delayed``).
    DELAY = "delay"
    OTHER = "other"


class FaultOf(Enum):
    """Of whom a reason speaks, which decides what follows from it."""

    #: The address takes no mail and never will: it is hard, and ends the address at once.
    ADDRESS = auto()
    #: The sender or the message: never counted against the reader.
    SENDER = auto()
    #: The way, a passing state of the mailbox, or nobody can tell: counted, as it may go on.
    OPEN = auto()


class Reason(StrEnum):
    """Why mail came back, and of whom that speaks.

    Attributes:
        fault: Of whom it speaks.
    """

    fault: FaultOf

    def __new__(cls, value: str, fault: FaultOf) -> Self:
        """Make a member of its name and of whom it speaks."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.fault = fault
        return member

    USER_UNKNOWN = ("user-unknown", FaultOf.ADDRESS)
    HOST_UNKNOWN = ("host-unknown", FaultOf.ADDRESS)
    MOVED = ("moved", FaultOf.ADDRESS)
    #: The domain takes no mail at all (RFC 7505, RFC 7504).
    NO_MAIL_ACCEPTED = ("no-mail-accepted", FaultOf.ADDRESS)
    SUSPENDED = ("suspended", FaultOf.OPEN)
    MAILBOX_FULL = ("mailbox-full", FaultOf.OPEN)
    MESSAGE_TOO_BIG = ("message-too-big", FaultOf.SENDER)
    SPAM = ("spam", FaultOf.SENDER)
    BLOCKED = ("blocked", FaultOf.SENDER)
    AUTHENTICATION = ("authentication", FaultOf.SENDER)
    POLICY = ("policy", FaultOf.SENDER)
    SENDER_REJECTED = ("sender-rejected", FaultOf.SENDER)
    RELAYING_DENIED = ("relaying-denied", FaultOf.SENDER)
    RATE_LIMITED = ("rate-limited", FaultOf.SENDER)
    FILTERED = ("filtered", FaultOf.OPEN)
    CONTENT = ("content", FaultOf.SENDER)
    SECURITY = ("security", FaultOf.SENDER)
    SYNTAX = ("syntax", FaultOf.SENDER)
    EXPIRED = ("expired", FaultOf.OPEN)
    NETWORK = ("network", FaultOf.OPEN)
    SYSTEM = ("system", FaultOf.OPEN)
    COMPLAINT = ("complaint", FaultOf.OPEN)
    AUTO_REPLY = ("auto-reply", FaultOf.OPEN)
    UNKNOWN = ("unknown", FaultOf.OPEN)


#: The reasons by the words under which tables and the log have them.
REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
PERMANENT = frozenset(reason for reason in Reason if reason.fault is FaultOf.ADDRESS)
OF_THE_SENDER = frozenset(reason for reason in Reason if reason.fault is FaultOf.SENDER)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedRecipient:
    """What is said about one address.

    Attributes:
        status: Enhanced status code (RFC 3463); empty when none was given.
        reply: The SMTP reply code as digits; empty when none was given.
        words: The other side's own explanation, bounded and on one line.
    """

    address: str
    hard: bool
    reason: Reason
    status: str = ""
    reply: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A report that was read.

    Attributes:
        reader: Which way of reading found it, for the log.
        message_id: The Message-ID of the mail that it is about, with its angle brackets.
        return_path: The address that the report was sent to, which may carry a signed delivery.
        feedback_id: The Feedback-ID header of the mail that it is about.
    """

    kind: ReportKind
    reader: str
    recipients: tuple[ReportedRecipient, ...] = ()
    message_id: str = ""
    return_path: str = ""
    feedback_id: str = ""
