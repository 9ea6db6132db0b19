"""Complaints: feedback reports (RFC 5965), and unsubscribe mails that mail programs send.

The reports of Microsoft and some others lack the machine-readable part. The recipient is then
found in the message that the report returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.bounce_text import BounceText
from newsletter.bounces.mail import Headers, read_headers
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind

_NAMING = ("original-rcpt-to", "removal-recipient", "original-recipient", "x-original-to")
_NAMING_IN_RETURNED = ("x-original-recipient", "x-apparently-to", "to")
_FIELD = re.compile(r"^[ \t]{0,4}feedback-type[ \t]{0,4}:", re.IGNORECASE | re.MULTILINE)
_TOP = 4_000
_MICROSOFTS = re.compile(
    r"^[ \t]{0,4}X-HmXmrOriginalRecipient[ \t]{0,4}:([^\n]{1,400})", re.IGNORECASE | re.MULTILINE
)
_SUBJECTS = re.compile(
    r"complaint about message from|abuse report|spam (?:complaint|report)|email feedback report"
    r"|feedback loop report|junk (?:mail|e-?mail) report",
    re.IGNORECASE,
)
_SENDERS = re.compile(
    r"staff@(?:hotmail|outlook|live|msn)\.com|complaints@email-abuse\.amazonses\.com"
    r"|(?:^|[<\s])(?:fbl|feedbackloop|feedback-?loop|abuse-?report|jmrp|scomp)[\w.+-]{0,40}@",
    re.IGNORECASE,
)


def read_feedback_report(bounce: BounceText) -> Report | None:
    """Read a feedback report; return None if the mail is not one.

    Feedback type ``not-spam`` withdraws a complaint and is read as kind ``other``. Type
    ``auth-failure`` (RFC 6591) blames nobody: it keeps its own reason for the log.
    """
    fields = _fields(bounce)
    if fields is None:
        if not _is_known_provider(bounce):
            return None
        fields = Headers()
    kind = fields.get("feedback-type").strip().lower()
    if kind == "not-spam":
        return Report(kind=ReportKind.OTHER, reader="feedback-report")
    reason = Reason.AUTHENTICATION if kind.startswith("auth-failure") else Reason.COMPLAINT
    addresses = tuple(dict.fromkeys(_addresses(fields, bounce)))
    return Report(
        kind=ReportKind.COMPLAINT,
        reader="feedback-report",
        recipients=tuple(
            ReportedRecipient(address=one, hard=False, reason=reason)
            for one in addresses[:RECIPIENTS]
        ),
        return_path=_signed_sender(fields),
    )


def _fields(bounce: BounceText) -> Headers | None:
    part = next(bounce.mail.of_kind("message/feedback-report"), None)
    if part is None:
        texts = (one for one in bounce.mail.parts if not one.is_returned)
        part = next((one for one in texts if _FIELD.search(one.text)), None)
    if part is None:
        return Headers() if _says_feedback(bounce) else None
    start = _FIELD.search(part.text)
    block = part.text.rfind("\n\n", 0, start.start()) + 1 if start is not None else 0
    return read_headers(part.text[block:])


def _says_feedback(bounce: BounceText) -> bool:
    return bounce.mail.parameters.get("report-type", "").lower() == "feedback-report"


def _is_known_provider(bounce: BounceText) -> bool:
    headers = bounce.mail.headers
    returned = bool(bounce.original.headers.fields)
    known = _SENDERS.search(headers.get("from")) and _SUBJECTS.search(bounce.mail.subject)
    return bool((returned and known) or _microsofts_recipient(bounce))


def _microsofts_recipient(bounce: BounceText) -> str:
    """Return the recipient in Microsoft's own field, in any part: some reports begin with it."""
    name = "x-hmxmroriginalrecipient"
    for headers in (bounce.original.headers, bounce.mail.headers):
        if name in headers:
            return find_address(headers.get(name))
    matches = (_MICROSOFTS.search(part.text[:_TOP]) for part in bounce.mail.parts)
    return next((find_address(match[1]) for match in matches if match is not None), "")


def _addresses(fields: Headers, bounce: BounceText) -> Iterator[str]:
    named = [find_address(value) for name in _NAMING for value in fields.all(name)]
    if any(named):
        yield from (one for one in named if one)
        return
    microsofts = _microsofts_recipient(bounce)
    if microsofts:
        yield microsofts
        return
    for name in _NAMING_IN_RETURNED:
        address = find_address(bounce.original.headers.get(name))
        if address:
            yield address
            return


def _signed_sender(fields: Headers) -> str:
    """Return the envelope sender in the report: the signed return path of our delivery."""
    return find_address(fields.get("original-mail-from"))


_OPT_OUT_SUBJECT = re.compile(
    r"^\s{0,8}(?:unsubscribe|opt.?out|配信停止|配信解除|購読(?:解除|停止)|登録解除)\b",
    re.IGNORECASE,
)
_OPT_OUT_HEADERS = ("x-apple-unsubscribe", "x-unsubscribe")


def read_opt_out(bounce: BounceText) -> Report | None:
    """Read a mail program's unsubscribe request; return None for any other mail, even a letter."""
    headers = bounce.mail.headers
    automatic = headers.get("auto-submitted").strip().lower().startswith("auto-")
    marked = any(name in headers for name in _OPT_OUT_HEADERS)
    if not marked and not (automatic and _OPT_OUT_SUBJECT.search(bounce.mail.subject)):
        return None
    address = find_address(headers.get("from"))
    if not address:
        return None
    return Report(
        kind=ReportKind.COMPLAINT,
        reader="opt-out",
        recipients=(ReportedRecipient(address=address, hard=False, reason=Reason.COMPLAINT),),
    )
