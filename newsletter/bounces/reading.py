"""Read the octets of a returned message into a report, with the most reliable reader first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from newsletter.bounces.addresses import find_address
from newsletter.bounces.bounce_text import BounceText, identify, open_bounce
from newsletter.bounces.complaints import read_feedback_report, read_opt_out
from newsletter.bounces.delivery_status import read_delivery_status, read_rejection
from newsletter.bounces.mail import MAIL_OCTETS, Mail, MimePart, open_mail, read_headers
from newsletter.bounces.model import Report, ReportKind
from newsletter.bounces.unstructured import (
    is_forwarded,
    read_auto_reply,
    read_last_resort,
    read_unstructured,
)
from newsletter.bounces.webhooks.ses import read_ses_mail
from newsletter.message.identifiers import claims_delivery

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
