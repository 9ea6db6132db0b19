"""The last resort: flufl.bounce finds addresses in forms that nobody documents.

Its word on what is permanent is not taken: it says so of full mailboxes and blocked senders alike.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from email.message import Message

from flufl.bounce import all_failures

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.model import Report, ReportKind
from newsletter.bounces.notice import Notice
from newsletter.bounces.refusal import judge

_LINES = 150
_LINE = 300
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def read_last_resort(notice: Notice) -> Report | None:
    """Ask flufl.bounce whom a mail is about, and judge by the words alone; never hard."""
    try:
        temporary, permanent = all_failures(_flat(notice))
    except Exception:  # noqa: BLE001 - a foreign parser on foreign input: anything may come
        return None
    found = [find_address(_text(one)) for one in sorted({*temporary, *permanent}, key=_text)]
    addresses = [one for one in found if one][:RECIPIENTS]
    if not addresses:
        return None
    judged = [judge(notice.refusal(one)) for one in addresses]
    return Report(
        kind=ReportKind.BOUNCE,
        reader="flufl.bounce",
        recipients=tuple(replace(one, hard=False) for one in judged),
    )


def _flat(notice: Notice) -> Message:
    """Return the notice as one text: its detectors walk a tree once for each of them."""
    message = Message()
    for name in ("from", "to", "subject", "x-failed-recipients"):
        value = notice.mail.headers.get(name)
        if value:
            message[name] = value[:_LINE]
    lines = [line[:_LINE] for line in notice.said.split("\n") if line.strip()][:_LINES]
    message.set_payload("\n".join(lines).encode("utf-8", "replace").decode("utf-8"))
    return message


def _text(address: bytes | str) -> str:
    return address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
