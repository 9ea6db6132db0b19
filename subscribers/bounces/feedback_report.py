"""Complaints: feedback reports (RFC 5965) of providers whose people press "this is spam"."""

from __future__ import annotations

from subscribers.bounces.addresses import find_address, find_addresses
from subscribers.bounces.mail import Mail, read_headers
from subscribers.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from subscribers.bounces.original import original_of

_RECIPIENTS = 200


def read_feedback_report(mail: Mail) -> Report | None:
    """Read a feedback report; None when the mail is none."""
    part = next(mail.of_kind("message/feedback-report"), None)
    if part is None:
        return None
    fields = read_headers(part.text)
    named = (*fields.all("original-rcpt-to"), *fields.all("removal-recipient"))
    addresses = [find_address(value) for value in named]
    found = tuple(dict.fromkeys(one for one in addresses if one)) or original_of(mail).to
    return Report(
        kind=ReportKind.COMPLAINT,
        reader="feedback-report",
        recipients=tuple(
            ReportedRecipient(address=one, hard=False, reason=Reason.COMPLAINT)
            for one in found[:_RECIPIENTS]
        ),
        return_path=next(iter(find_addresses(fields.get("original-mail-from"))), ""),
    )
