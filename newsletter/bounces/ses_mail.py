"""Amazon's events that come as mail: SNS delivers a topic to an address, too, as JSON in the text.

Nothing in such a mail is signed; whom it is about must be proven by our Message-ID, as with any
other report.
"""

from __future__ import annotations

import json

from newsletter.bounces.mail import Mail
from newsletter.bounces.model import Report
from newsletter.bounces.notice import Notice
from newsletter.bounces.webhooks.foreign import Foreign
from newsletter.bounces.webhooks.ses import read_event

_KINDS = ("notificationType", "eventType")


def read_ses_mail(notice: Notice) -> Report | None:
    """Read the event of Amazon SES that a mail's text is; None when it is none."""
    found = _event(notice.mail)
    told = None if found is None else read_event(Foreign(found), "")
    return None if told is None else told.report


def _event(mail: Mail) -> dict[str, object] | None:
    for part in mail.parts:
        found = _object(part.json)
        if found is not None and isinstance(found.get("Message"), str):
            found = _object(str(found["Message"]))
        if found is not None and any(isinstance(found.get(name), str) for name in _KINDS):
            return found
    return None


def _object(text: str) -> dict[str, object] | None:
    """Return the JSON object that a text begins with; SNS adds words for people below it."""
    if not text.startswith("{"):
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
