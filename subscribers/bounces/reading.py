"""Reading: from the octets of what came back to a report, the surest way first."""

from __future__ import annotations

from collections.abc import Callable

from subscribers.bounces.delivery_status import read_delivery_status
from subscribers.bounces.feedback_report import read_feedback_report
from subscribers.bounces.mail import Mail, open_mail
from subscribers.bounces.model import Report, ReportKind
from subscribers.bounces.original import identify

Reader = Callable[[Mail], Report | None]

#: In the order of how sure they are; the first that finds something is believed.
_READERS: tuple[Reader, ...] = (read_feedback_report, read_delivery_status)


def read_report(raw: bytes, *, envelope_to: str = "") -> Report:
    """Read a message that came back; any octets give a report, unknown ones of kind ``other``.

    Whom it is about is told twice: by ``return_path`` and ``message_id``, which carry our
    signatures, and by the addresses of ``recipients``, which anybody can write.

    Args:
        raw: The message as it came; what is beyond the first 256 KiB is not looked at.
        envelope_to: The address that it was delivered to, where the way in knows it.
    """
    mail = open_mail(raw)
    for reader in _READERS:
        report = reader(mail)
        if report is not None:
            return identify(report, mail, envelope_to=envelope_to)
    return identify(Report(kind=ReportKind.OTHER, reader="none"), mail, envelope_to=envelope_to)
