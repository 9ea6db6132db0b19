"""Reading: from the octets of what came back to a report, the surest way first."""

from __future__ import annotations

from collections.abc import Callable

from newsletter.bounces.auto_reply import read_auto_reply
from newsletter.bounces.delivery_status import read_delivery_status
from newsletter.bounces.feedback_report import read_feedback_report
from newsletter.bounces.forwarded import passed_on
from newsletter.bounces.last_resort import read_last_resort
from newsletter.bounces.mail import MAIL_OCTETS, open_mail
from newsletter.bounces.model import Report, ReportKind
from newsletter.bounces.notice import Notice, open_notice
from newsletter.bounces.opt_out import read_opt_out
from newsletter.bounces.original import identify
from newsletter.bounces.rejection import read_rejection
from newsletter.bounces.ses_mail import read_ses_mail
from newsletter.bounces.written_notice import read_written_notice

Reader = Callable[[Notice], Report | None]

#: In the order of how sure they are; the first that finds something is believed.
_READERS: tuple[Reader, ...] = (
    read_feedback_report,
    read_delivery_status,
    read_ses_mail,
    read_rejection,
    read_opt_out,
    read_auto_reply,
    read_written_notice,
)
#: Gateways and people pass notices on within another mail.
_WITHIN = 2


def read_report(raw: bytes, *, envelope_to: str = "") -> Report:
    """Read a message that came back; any octets give a report, unknown ones of kind ``other``.

    Whom it is about is told twice: by ``return_path`` and ``message_id``, which carry our
    signatures, and by the addresses of ``recipients``, which anybody can write.

    Args:
        raw: The message as it came; what is beyond the first 256 KiB is not looked at.
        envelope_to: The address that it was delivered to, where the way in knows it.
    """
    raw = raw[:MAIL_OCTETS]
    notice = open_notice(open_mail(raw))
    report, about = _read(notice, depth=0)
    if report is None:
        report = read_last_resort(notice)
    found = report or Report(kind=ReportKind.OTHER, reader="none")
    return identify(found, notice.mail, about.original, envelope_to=envelope_to)


def _read(notice: Notice, *, depth: int) -> tuple[Report | None, Notice]:
    """Return the report, and the notice it was found in: this one, or one that it passes on."""
    inner = passed_on(notice.mail) if depth < _WITHIN else None
    if inner is not None:
        report, about = _read(open_notice(inner), depth=depth + 1)
        if report is not None and report.kind in {ReportKind.BOUNCE, ReportKind.COMPLAINT}:
            return report, about
    for reader in _READERS:
        report = reader(notice)
        if report is not None:
            return report, notice
    return None, notice
