"""SMTP replies: the enhanced status code (RFC 3463) and the queue id within them."""

from __future__ import annotations

import re

from workers.transports.base import Result, ResultKind

_STATUS = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_QUEUE_ID = re.compile(
    r"(?:queued (?:mail for delivery )?as|id=|queued as:?|Message accepted as)\s*"
    r"([A-Za-z0-9.-]{4,64})",
    re.IGNORECASE,
)
#: Characters of a reply that are kept.
_KEPT = 500


def classify(code: int, words: bytes | str, *, at_data_end: bool = False) -> Result:
    """Turn a reply to MAIL, RCPT, DATA or the final dot into a result.

    RFC 5321 section 4.2.1: 2xx is success, 4xx may be tried again, 5xx may not. 421 says that the
    server closes, so it says nothing about this recipient.
    """
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    text = " ".join(text.split())[:_KEPT]
    found = _STATUS.match(text)
    status = found[1] if found else ""
    kind = {2: ResultKind.ACCEPTED, 4: ResultKind.DEFERRED, 5: ResultKind.REJECTED}.get(
        code // 100, ResultKind.UNCERTAIN if at_data_end else ResultKind.NOT_TRIED
    )
    if code == 421:  # noqa: PLR2004 - RFC 5321 section 3.8
        kind = ResultKind.NOT_TRIED
    queue_id = _QUEUE_ID.search(text)
    return Result(
        kind=kind,
        code=code,
        status=status,
        reply=f"{code} {text}",
        queue_id=queue_id[1] if queue_id and kind is ResultKind.ACCEPTED else "",
    )
