"""Notices without a machine's part: every mail system's own words, and ours to make sense of them."""

from __future__ import annotations

import re
from dataclasses import replace

from subscribers.bounces.addresses import find_address, is_system
from subscribers.bounces.model import Report, ReportKind
from subscribers.bounces.notice import Notice
from subscribers.bounces.refusal import judge

_SUBJECTS = re.compile(
    r"undeliver|undelivered|returned mail|mail delivery|delivery (?:status|fail|report|problem|err|has)"
    r"|failure notice|non.?delivery|delivery notification|returned to sender|could not be delivered"
    r"|mail system error|message delivery|unable to deliver|error sending your mail|not delivered"
    r"|failed delivery|bounce|mail failure|warning: message|message frozen|are not member|loop alert"
    r"|mailbox (?:full|unavailable)|onbestelbaar|n[aã]o[_ ]entregue|unzustellbar|non remis|no se puede entregar"
    r"|配信不能|配信に失敗|配信できません|送信できません|送信エラー|エラー通知|不達|未達|届けられません|宛先不明",
    re.IGNORECASE,
)
_SENDERS = re.compile(
    r"mailer-?daemon|postmaster|mail[ .]deliver(?:y|)[ .]|post_master|mail system|system administrator"
    r"|mail administrator|microsoftexchange",
    re.IGNORECASE,
)
_DELAYS = re.compile(
    r"warning message only|do not need to resend|has been delayed|not yet been delivered"
    r"|delivery attempts will continue|will be retried|will (?:continue|keep) (?:to try|trying)"
    r"|still being retried|delivery is delayed|will try again|delivery (?:status notification )?\(?delay",
    re.IGNORECASE,
)


def read_written_notice(notice: Notice) -> Report | None:
    """Read a notice by its words; None when it is none, or names nobody."""
    if not is_notice(notice) or not notice.recipients:
        return None
    delayed = is_delay(notice)
    refusals = [replace(notice.refusal(one), late=delayed) for one in notice.recipients]
    name = notice.layout.name if notice.layout is not None else "any"
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader=f"notice:{name}",
        recipients=tuple(judge(one) for one in refusals),
    )


def is_notice(notice: Notice) -> bool:
    """Tell whether a mail comes from a mail system, to say that mail was not delivered."""
    mail = notice.mail
    sender = mail.headers.get("from")
    return bool(
        "x-failed-recipients" in mail.headers
        or _SENDERS.search(sender)
        or is_system(find_address(sender))
        or _SUBJECTS.search(mail.subject)
        or (notice.layout is not None)
    )


def is_delay(notice: Notice) -> bool:
    """Tell whether a notice says that the other side goes on trying."""
    return bool(_DELAYS.search(f"{notice.mail.subject}\n{notice.said}"))
