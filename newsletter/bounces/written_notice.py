"""Notices without a machine's part: every system's own words, and ours to make sense of them."""

from __future__ import annotations

import re
from dataclasses import replace

from newsletter.bounces.addresses import find_address, is_system
from newsletter.bounces.model import Report, ReportKind
from newsletter.bounces.notice import Notice
from newsletter.bounces.phrases import phrases, tables
from newsletter.bounces.refusal import judge

_TABLES = tables("notices")
_SUBJECTS = phrases(_TABLES["failure_subjects"])
_SENDERS = phrases(_TABLES["notifiers"])
_DELAYS = phrases(_TABLES["delays"])
_ANSWER = re.compile(r"\s{0,8}(?:re|aw|sv|antw|回复|答复)\s{0,4}[:：]", re.IGNORECASE)
_LOOKED_AT = 8_000


def read_written_notice(notice: Notice) -> Report | None:
    """Read a notice by its words; None when it is none, or names nobody."""
    if not is_notice(notice) or not notice.recipients:
        return None
    delayed = _is_delay(notice)
    refusals = [replace(notice.refusal(one), late=delayed) for one in notice.recipients]
    name = notice.layout.name if notice.layout is not None else "any"
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader=f"notice:{name}",
        recipients=tuple(judge(one) for one in refusals),
    )


def is_notice(notice: Notice) -> bool:
    """Tell whether a mail comes from a mail system, to say that mail was not delivered."""
    if is_from_system(notice):
        return True
    subject = notice.mail.subject
    if _ANSWER.match(subject):
        return False
    is_report = notice.mail.parameters.get("report-type", "").lower() == "delivery-status"
    return is_report or _SUBJECTS.said_in(subject.lower()) or notice.layout is not None


def is_from_system(notice: Notice) -> bool:
    """Tell whether a mail names a mail system as its sender, or whom that could not reach."""
    headers = notice.mail.headers
    sender = headers.get("from").lower()
    named = _SENDERS.said_in(sender) or is_system(find_address(sender))
    return named or "x-failed-recipients" in headers


def _is_delay(notice: Notice) -> bool:
    """Tell whether a notice says that the other side goes on trying."""
    text = f"{notice.mail.subject}\n{notice.said[:_LOOKED_AT]}".lower()
    return _DELAYS.said_in(" ".join(text.split()))
