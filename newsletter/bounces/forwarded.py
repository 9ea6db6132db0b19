"""Notices within other mails: people forward them, and gateways wrap them up once more."""

from __future__ import annotations

import re

from newsletter.bounces.mail import Mail, Part, open_mail, read_headers

_MARKER = re.compile(
    r"^[> \t]{0,8}(?:begin forwarded message"
    r"|-{2,20} ?(?:forwarded|original|転送) ?(?:message|メッセージ)? ?-{2,20}"
    r"|-{2,20} ?元のメッセージ ?-{2,20})[: \t]{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTE = re.compile(r"^> ?", re.MULTILINE)
_NOTIFIER = re.compile(r"mailer-?daemon|postmaster|mail deliver", re.IGNORECASE)
_HEAD = 16_000


def passed_on(mail: Mail) -> Mail | None:
    """Return the notice that a mail passes on, if it has no machine's part of its own."""
    if any(part.kind.endswith(("delivery-status", "feedback-report")) for part in mail.parts):
        return None
    returned = next((part for part in mail.parts if part.is_returned), None)
    if returned is not None:
        return _returned_report(returned)
    return _quoted_notice(mail)


def _returned_report(part: Part) -> Mail | None:
    head = part.text.lstrip("\n")[:_HEAD].partition("\n\n")[0].lower()
    if "multipart/report" not in head:
        return None
    return open_mail(part.text.lstrip("\n").encode("utf-8", "surrogateescape"))


def _quoted_notice(mail: Mail) -> Mail | None:
    """Return the notice that follows a mail program's mark of forwarding."""
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
    part = Part(kind="text/plain", text=body)
    return Mail(headers=headers, kind="text/plain", parameters={}, parts=(part,))
