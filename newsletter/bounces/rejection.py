"""Rejections written as receipts: Sieve's reject (RFC 5429) by Dovecot, a quota among its reasons.

The mail program of a person who is there sends them as a disposition notification (RFC 8098), which
otherwise says that mail arrived. They are never hard: the mailbox has rules of its own.
"""

from __future__ import annotations

import re
from dataclasses import replace

from newsletter.bounces.addresses import find_address
from newsletter.bounces.mail import Headers, read_headers
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.notice import Notice
from newsletter.bounces.refusal import judge

_BLOCKS = 8
_DELETED = re.compile(
    r"mdn-sent-automatically\s{0,4};\s{0,4}(?:deleted|failed|denied)", re.IGNORECASE
)
_REJECTED = re.compile(
    r"\b(?:was|were|been) (?:automatically )?(?:rejected|refused)|\brejected (?:mail|message)"
    r"|^rejected:",
    re.IGNORECASE,
)


def read_rejection(notice: Notice) -> Report | None:
    """Read a receipt that says the mail was rejected; None when the mail is none."""
    part = next(notice.mail.of_kind("message/disposition-notification"), None)
    if part is None:
        return None
    blocks = (read_headers(block) for block in part.text.split("\n\n", _BLOCKS))
    fields = next((block for block in blocks if "disposition" in block), Headers())
    said = f"{notice.mail.subject}\n{notice.said}"
    if not _DELETED.search(fields.get("disposition")) or not _REJECTED.search(said):
        return None
    names = ("original-recipient", "final-recipient")
    address = next(filter(None, (find_address(fields.get(name)) for name in names)), "")
    if not address:
        return None
    judged = judge(notice.refusal(address))
    return Report(
        kind=ReportKind.BOUNCE,
        reader="rejection",
        recipients=(_of_the_living(judged),),
    )


def _of_the_living(judged: ReportedRecipient) -> ReportedRecipient:
    is_vague = judged.hard or judged.reason is Reason.UNKNOWN
    return replace(judged, hard=False, reason=Reason.FILTERED) if is_vague else judged
