"""Complaints: feedback reports (RFC 5965) of providers whose people press "this is spam".

Microsoft's and some others' come without the machine's part; whom they are about then stands in the
message that they return.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.mail import Headers, read_headers
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.notice import Notice

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


def read_feedback_report(notice: Notice) -> Report | None:
    """Read a feedback report; None when the mail is none.

    Of the feedback types, ``not-spam`` takes a complaint back, and ``auth-failure`` (RFC 6591)
    accuses nobody: the one is ``other``, the other keeps its reason for the log.
    """
    fields = _fields(notice)
    if fields is None:
        if not _is_known_provider(notice):
            return None
        fields = Headers()
    kind = fields.get("feedback-type").strip().lower()
    if kind == "not-spam":
        return Report(kind=ReportKind.OTHER, reader="feedback-report")
    reason = Reason.AUTHENTICATION if kind.startswith("auth-failure") else Reason.COMPLAINT
    addresses = tuple(dict.fromkeys(_addresses(fields, notice)))
    return Report(
        kind=ReportKind.COMPLAINT,
        reader="feedback-report",
        recipients=tuple(
            ReportedRecipient(address=one, hard=False, reason=reason)
            for one in addresses[:RECIPIENTS]
        ),
        return_path=_signed_sender(fields),
    )


def _fields(notice: Notice) -> Headers | None:
    part = next(notice.mail.of_kind("message/feedback-report"), None)
    if part is None:
        texts = (one for one in notice.mail.parts if not one.is_returned)
        part = next((one for one in texts if _FIELD.search(one.text)), None)
    if part is None:
        return Headers() if _says_feedback(notice) else None
    start = _FIELD.search(part.text)
    block = part.text.rfind("\n\n", 0, start.start()) + 1 if start is not None else 0
    return read_headers(part.text[block:])


def _says_feedback(notice: Notice) -> bool:
    return notice.mail.parameters.get("report-type", "").lower() == "feedback-report"


def _is_known_provider(notice: Notice) -> bool:
    headers = notice.mail.headers
    returned = bool(notice.original.headers.fields)
    known = _SENDERS.search(headers.get("from")) and _SUBJECTS.search(notice.mail.subject)
    return bool((returned and known) or _microsofts_recipient(notice))


def _microsofts_recipient(notice: Notice) -> str:
    """Return whom Microsoft's own field names, wherever it stands: some reports begin with it."""
    name = "x-hmxmroriginalrecipient"
    for headers in (notice.original.headers, notice.mail.headers):
        if name in headers:
            return find_address(headers.get(name))
    found = (_MICROSOFTS.search(part.text[:_TOP]) for part in notice.mail.parts)
    return next((find_address(match[1]) for match in found if match is not None), "")


def _addresses(fields: Headers, notice: Notice) -> Iterator[str]:
    named = [find_address(value) for name in _NAMING for value in fields.all(name)]
    if any(named):
        yield from (one for one in named if one)
        return
    microsofts = _microsofts_recipient(notice)
    if microsofts:
        yield microsofts
        return
    for name in _NAMING_IN_RETURNED:
        found = find_address(notice.original.headers.get(name))
        if found:
            yield found
            return


def _signed_sender(fields: Headers) -> str:
    """Return the envelope sender that it tells: our return path, which is signed."""
    return find_address(fields.get("original-mail-from"))
