"""The result of reading a report: one set of types for DSNs, feedback reports and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Self


class ReportKind(StrEnum):
    """The kind of a returned message or event."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    #: An answer by a person or a program, such as a vacation notice. It has no consequence.
    AUTO_REPLY = "auto-reply"
    #: The remote server is still trying to deliver (RFC 3464 ``Action: delayed``).
    DELAY = "delay"
    OTHER = "other"


class FaultOf(Enum):
    """The party at fault according to a reason; this decides the consequence."""

    #: The address takes no mail and never will. The bounce is hard and suppresses the address at
    #: once.
    ADDRESS = auto()
    #: The sender or the message is at fault. Such a bounce is never counted against the reader.
    SENDER = auto()
    #: The network, a temporary state of the mailbox, or an unclear cause. The bounce is counted,
    #: because the fault may last.
    OPEN = auto()


class Reason(StrEnum):
    """Why mail came back.

    Attributes:
        fault: The party at fault.
    """

    fault: FaultOf

    def __new__(cls, value: str, fault: FaultOf) -> Self:
        """Make a member from its value and the party at fault."""
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


#: The reasons by the values that are stored in tables and in the log.
REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
PERMANENT = frozenset(reason for reason in Reason if reason.fault is FaultOf.ADDRESS)
SENDER_FAULTS = frozenset(reason for reason in Reason if reason.fault is FaultOf.SENDER)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedRecipient:
    """The part of a report about one address.

    Attributes:
        status: Enhanced status code (RFC 3463); empty when none was given.
        reply: The SMTP reply code as digits; empty when none was given.
        words: The explanation of the remote system, bounded and on one line.
    """

    address: str
    hard: bool
    reason: Reason
    status: str = ""
    reply: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A report after reading.

    Attributes:
        reader: Name of the reader that recognised the report, for the log.
        message_id: The Message-ID of the mail that the report is about, with its angle brackets.
        return_path: The address that the report was sent to, which may carry a signed delivery.
        feedback_id: The Feedback-ID header of the mail that the report is about.
    """

    kind: ReportKind
    reader: str
    recipients: tuple[ReportedRecipient, ...] = ()
    message_id: str = ""
    return_path: str = ""
    feedback_id: str = ""
