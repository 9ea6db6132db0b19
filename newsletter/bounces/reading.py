"""Read the octets of a returned message into a report, with the most reliable reader first.

Complaints are feedback reports (RFC 5965), and unsubscribe mails that mail programs send. The
reports of Microsoft and some others lack the machine-readable part. The recipient is then found in
the message that the report returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.bounce_text import BounceText, identify, open_bounce
from newsletter.bounces.delivery_status import read_delivery_status, read_rejection
from newsletter.bounces.mail import MAIL_OCTETS, Headers, Mail, MimePart, open_mail, read_headers
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.unstructured import (
    is_forwarded,
    read_auto_reply,
    read_last_resort,
    read_unstructured,
)
from newsletter.bounces.webhooks.ses import read_ses_mail
from newsletter.message.identifiers import claims_delivery

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


_MARKER = re.compile(
    r"^[> \t]{0,8}(?:begin forwarded message"
    r"|-{2,20} ?(?:forwarded|original|転送) ?(?:message|メッセージ)? ?-{2,20}"
    r"|-{2,20} ?元のメッセージ ?-{2,20})[: \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTE = re.compile(r"^> ?", re.MULTILINE)
_NOTIFIER = re.compile(r"mailer-?daemon|postmaster|mail deliver", re.IGNORECASE)
_HEAD = 16_000


def forwarded_bounce(mail: Mail) -> Mail | None:
    """Return the bounce that a mail forwards, unless it has a machine-readable part itself."""
    if any(part.kind.endswith(("delivery-status", "feedback-report")) for part in mail.parts):
        return None
    returned = next((part for part in mail.parts if part.is_returned), None)
    if returned is not None:
        return _returned_report(returned)
    return _quoted_bounce(mail)


def _returned_report(part: MimePart) -> Mail | None:
    head = part.text.lstrip("\n")[:_HEAD].partition("\n\n")[0].lower()
    if "multipart/report" not in head:
        return None
    return open_mail(part.text.lstrip("\n").encode("utf-8", "surrogateescape"))


def _quoted_bounce(mail: Mail) -> Mail | None:
    """Return the bounce that follows a mail program's line such as "Forwarded message"."""
    text = mail.words
    match = _MARKER.search(text)
    if match is None:
        return None
    within = text[match.end() :].lstrip("\n")
    if within.startswith(">"):
        within = _QUOTE.sub("", within)
    head, _, body = within.lstrip("\n ").partition("\n\n")
    headers = read_headers(head)
    if not _NOTIFIER.search(headers.get("from")):
        return None
    part = MimePart(kind="text/plain", text=body)
    return Mail(headers=headers, kind="text/plain", parameters={}, parts=(part,))


ReportReader = Callable[[BounceText], Report | None]

#: The most reliable reader first; the first one that recognises the mail decides.
_READERS: tuple[ReportReader, ...] = (
    read_feedback_report,
    read_delivery_status,
    read_ses_mail,
    read_rejection,
    read_opt_out,
    read_auto_reply,
    read_unstructured,
)
_OF_DELIVERY = frozenset({ReportKind.BOUNCE, ReportKind.DELAY})
#: Levels of forwarded bounces that are opened. Gateways and people forward bounces in other mail.
MAX_FORWARDED = 2


def read_report(raw: bytes, *, envelope_to: str = "", envelope_from: str | None = None) -> Report:
    """Read a returned message; any octets give a report, unrecognised ones of kind ``other``.

    The report names the delivery twice: by ``return_path`` and ``message_id``, which carry our
    signatures, and by the addresses of ``recipients``, which anybody can write.

    Args:
        raw: The message as received; only the first 256 KiB are read.
        envelope_to: The address that the message was delivered to, if the caller knows it.
        envelope_from: The envelope sender, if the caller knows it.
    """
    raw = raw[:MAIL_OCTETS]
    bounce = open_bounce(open_mail(raw, envelope_from=envelope_from))
    report, about = _read(bounce, depth=0)
    if report is None:
        report = read_last_resort(bounce)
    if report is not None and report.kind in _OF_DELIVERY and about.original.is_answer:
        report = Report(kind=ReportKind.OTHER, reader=report.reader)
    found = report or Report(kind=ReportKind.OTHER, reader="none")
    found = identify(found, bounce.mail, about.original, envelope_to=envelope_to)
    is_own = claims_delivery(found.return_path) and _forwards_own_bounce(about, bounce)
    if is_own or (about is not bounce and _forwards_of_own_domain(bounce.mail, found)):
        return replace(found, kind=ReportKind.OTHER, recipients=())
    return found


def _forwards_of_own_domain(mail: Mail, report: Report) -> bool:
    """Return whether somebody forwards a bounce of an address in the domain that they write from.

    The operator of that mail system says in their own words what became of the address.
    """
    domain = find_address(mail.headers.get("from")).lower().rpartition("@")[2]
    failed = {one.address.lower().rpartition("@")[2] for one in report.recipients}
    return is_forwarded(mail) and domain in failed


def _forwards_own_bounce(about: BounceText, bounce: BounceText) -> bool:
    """Return whether somebody forwards a bounce of a mail that they wrote themselves.

    Such a bounce is not about the delivery that the return path names: its recipient is the
    person who forwards it.
    """
    sender = find_address(bounce.mail.headers.get("from")).lower()
    return about is not bounce and sender in about.original.senders and not about.original.is_ours


def _read(bounce: BounceText, *, depth: int) -> tuple[Report | None, BounceText]:
    """Return the report and the bounce it was read from: this bounce, or one that it forwards."""
    inner = forwarded_bounce(bounce.mail) if depth < MAX_FORWARDED else None
    if inner is not None:
        report, about = _read(open_bounce(inner), depth=depth + 1)
        if report is not None and report.kind in {ReportKind.BOUNCE, ReportKind.COMPLAINT}:
            return report, about
    for reader in _READERS:
        report = reader(bounce)
        if report is not None:
            return report, bounce
    return None, bounce
