"""Mail to an unsubscribe address that a mail program sent for its user, who wants no more."""

from __future__ import annotations

import re

from newsletter.bounces.addresses import find_address
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.notice import Notice

_SUBJECT = re.compile(
    r"^\s{0,8}(?:unsubscribe|opt.?out|配信停止|配信解除|購読(?:解除|停止)|登録解除)\b",
    re.IGNORECASE,
)
_MARKS = ("x-apple-unsubscribe", "x-unsubscribe")


def read_opt_out(notice: Notice) -> Report | None:
    """Read a program's wish to leave; None when the mail is none. A person's letter is not one."""
    headers = notice.mail.headers
    automatic = headers.get("auto-submitted").strip().lower().startswith("auto-")
    marked = any(name in headers for name in _MARKS)
    if not marked and not (automatic and _SUBJECT.search(notice.mail.subject)):
        return None
    address = find_address(headers.get("from"))
    if not address:
        return None
    return Report(
        kind=ReportKind.COMPLAINT,
        reader="opt-out",
        recipients=(ReportedRecipient(address=address, hard=False, reason=Reason.COMPLAINT),),
    )
