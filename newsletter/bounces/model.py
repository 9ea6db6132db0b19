"""What a report says: one vocabulary for DSNs, feedback reports and webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReportKind(StrEnum):
    """What a message or event that came back is."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    #: A person's or a program's own answer, a vacation notice among them: it says nothing.
    AUTO_REPLY = "auto-reply"
    #: The other side goes on trying (RFC 3464 ``Action: delayed``).
    DELAY = "delay"
    OTHER = "other"


class Reason(StrEnum):
    """Why mail came back; only those of `PERMANENT` speak against the address itself."""

    USER_UNKNOWN = "user-unknown"
    HOST_UNKNOWN = "host-unknown"
    MOVED = "moved"
    #: The domain takes no mail at all (RFC 7505, RFC 7504).
    NO_MAIL_ACCEPTED = "no-mail-accepted"
    SUSPENDED = "suspended"
    MAILBOX_FULL = "mailbox-full"
    MESSAGE_TOO_BIG = "message-too-big"
    SPAM = "spam"
    BLOCKED = "blocked"
    AUTHENTICATION = "authentication"
    POLICY = "policy"
    SENDER_REJECTED = "sender-rejected"
    RELAYING_DENIED = "relaying-denied"
    RATE_LIMITED = "rate-limited"
    FILTERED = "filtered"
    CONTENT = "content"
    SECURITY = "security"
    SYNTAX = "syntax"
    EXPIRED = "expired"
    NETWORK = "network"
    SYSTEM = "system"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto-reply"
    UNKNOWN = "unknown"


PERMANENT = frozenset(
    {Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.MOVED, Reason.NO_MAIL_ACCEPTED}
)


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
