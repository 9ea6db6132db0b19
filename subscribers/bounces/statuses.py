"""Enhanced status codes (RFC 3463, 5248, 7372, 7505 and the IANA registry) as reasons."""

from __future__ import annotations

from subscribers.bounces.model import Reason

#: By subject and detail; the class (4 or 5) tells how long it holds, not why.
_REASONS = {
    "1.0": Reason.USER_UNKNOWN,
    "1.1": Reason.USER_UNKNOWN,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.USER_UNKNOWN,
    "1.4": Reason.FILTERED,
    "1.6": Reason.MOVED,
    "1.7": Reason.SENDER_REJECTED,
    "1.8": Reason.SENDER_REJECTED,
    "1.9": Reason.SYSTEM,
    "1.10": Reason.NO_MAIL_ACCEPTED,
    "2.0": Reason.FILTERED,
    "2.1": Reason.FILTERED,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.MESSAGE_TOO_BIG,
    "2.4": Reason.FILTERED,
    "3.0": Reason.SYSTEM,
    "3.1": Reason.SYSTEM,
    # Of a shutdown, of load (RFC 3463, 3.4); that a host takes no mail at all, 521 says.
    "3.2": Reason.SYSTEM,
    "3.3": Reason.SYSTEM,
    "3.4": Reason.MESSAGE_TOO_BIG,
    "3.5": Reason.SYSTEM,
    "3.6": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "4.1": Reason.NETWORK,
    "4.2": Reason.NETWORK,
    "4.3": Reason.SYSTEM,
    "4.4": Reason.HOST_UNKNOWN,
    "4.5": Reason.SYSTEM,
    "4.6": Reason.NETWORK,
    "4.7": Reason.EXPIRED,
    "4.8": Reason.NETWORK,
    "5.0": Reason.SYNTAX,
    "5.1": Reason.SYNTAX,
    "5.2": Reason.SYNTAX,
    "5.3": Reason.RATE_LIMITED,
    "5.4": Reason.SYNTAX,
    "5.5": Reason.SYNTAX,
    "5.6": Reason.SYNTAX,
    "7.10": Reason.SECURITY,
    "7.11": Reason.SECURITY,
    "7.13": Reason.SUSPENDED,
    "7.16": Reason.MESSAGE_TOO_BIG,
    "7.17": Reason.MOVED,
    "7.18": Reason.MOVED,
    "7.20": Reason.AUTHENTICATION,
    "7.21": Reason.AUTHENTICATION,
    "7.22": Reason.AUTHENTICATION,
    "7.23": Reason.AUTHENTICATION,
    "7.24": Reason.AUTHENTICATION,
    "7.25": Reason.BLOCKED,
    "7.26": Reason.AUTHENTICATION,
    "7.27": Reason.SENDER_REJECTED,
    "7.28": Reason.RATE_LIMITED,
    "7.29": Reason.AUTHENTICATION,
    "7.30": Reason.AUTHENTICATION,
}
_SUBJECTS = {"4": Reason.NETWORK, "6": Reason.CONTENT, "7": Reason.SECURITY}
#: Details of three digits are a provider's own (Exchange Online 5.4.300, 5.7.509 …), by subject.
_PROVIDER_DETAIL = 100
#: RFC 7504: the domain takes no mail; RFC 5248: the account is disabled.
_REPLIES = {
    "525": Reason.SUSPENDED,
    "556": Reason.NO_MAIL_ACCEPTED,
}


def reason_of_status(status: str) -> Reason:
    """Return what an enhanced status code says; ``UNKNOWN`` when it says nothing."""
    _, _, code = status.partition(".")
    subject, _, detail = code.partition(".")
    found = _REASONS.get(code)
    if found is not None:
        return found
    if subject == "7" and detail.isdigit() and int(detail) >= _PROVIDER_DETAIL:
        return Reason.POLICY
    return _SUBJECTS.get(subject, Reason.UNKNOWN)


def reason_of_reply(reply: str) -> Reason:
    """Return what the few SMTP reply codes say that mean one thing only."""
    return _REPLIES.get(reply, Reason.UNKNOWN)


def is_for_now(status: str, reply: str) -> bool:
    """Tell whether the codes speak of a passing condition; the status goes first."""
    return (status or reply).startswith("4")
