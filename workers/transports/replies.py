"""SMTP replies (RFC 5321 section 4.2): parsing, and the result that each stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from newsletter.tokens import without_tokens
from workers.transports.base import Result, ResultKind

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\Z", re.DOTALL)
_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_QUEUE_ID = re.compile(
    r"(?:queued (?:mail for delivery )?as|id=|queued as:?|Message accepted as)\s*"
    r"([A-Za-z0-9.-]{4,64})",
    re.IGNORECASE,
)
#: The maximum number of characters of a reply that is stored.
_KEPT = 500
#: RFC 5321 section 4.5.3.1.5 allows 512 octets per line; some servers send longer ones.
_LONGEST_LINE = 4096
_MOST_LINES = 100
#: Control characters are replaced, since replies are stored and displayed; databases reject NUL.
_VISIBLE = dict.fromkeys((*range(9), *range(10, 32), 127), "�")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply with all its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text on one line; a status code that is repeated on each line is kept once."""
        status = _STATUS.match(self.lines[0])
        head = status[1] if status else ""
        return " ".join(
            " ".join((line.removeprefix(head) if number and head else line).split())
            for number, line in enumerate(self.lines)
        ).strip()


class ReplyReader:
    """An incremental parser of replies.

    Args:
        redact: Removes secrets from a line before it is stored.

    Attributes:
        is_malformed: Whether the input is not SMTP; nothing is parsed after the malformed line, but
            earlier replies are valid.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self.is_malformed = False

    @property
    def is_empty(self) -> bool:
        """Whether no part of an incomplete reply has been read."""
        return not self._rest and not self._lines

    def feed(self, octets: bytes) -> list[Reply]:
        """Add input and return the replies that it completes."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        replies = []
        for line in lines:
            reply = None if self.is_malformed else self._take(line.rstrip(b"\r"))
            if reply is not None:
                replies.append(reply)
        self.is_malformed = self.is_malformed or len(self._rest) > _LONGEST_LINE
        return replies

    def _take(self, line: bytes) -> Reply | None:
        read = _read_line(line) if len(line) <= _LONGEST_LINE else None
        if (
            read is None
            or len(self._lines) >= _MOST_LINES
            or (self._lines and read[0] != self._code)
        ):
            self.is_malformed = True
            return None
        self._code, more_follow, words = read
        self._lines.append(self._redact(words))
        if more_follow:
            return None
        reply = Reply(code=self._code, lines=tuple(self._lines))
        self._lines.clear()
        return reply


@lru_cache(maxsize=64)  # most replies of a relay are identical
def _read_line(line: bytes) -> tuple[int, bool, str] | None:
    """Return a line's code, whether more lines follow, and its text; None if it is malformed."""
    match = _LINE.match(line)
    if match is None:
        return None
    words = (match[3] or b"").decode("utf-8", "replace").translate(_VISIBLE)
    return int(match[1]), match[2] == b"-", words


def classify(reply: Reply, command: str = "", *, connection: int = 0) -> Result:
    """Return the result that a reply to ``command`` (MAIL, RCPT, or DATA with its message) means.

    By RFC 5321 section 4.2.1, 2xx is success, 4xx a transient and 5xx a permanent failure. 421
    means that the server closes the connection; it does not concern the recipient.
    """
    # Spam filters quote links from the message, which may contain personal tokens.
    text = without_tokens(reply.text)[:_KEPT]
    match = _STATUS.match(text)
    kind = {2: ResultKind.ACCEPTED, 4: ResultKind.DEFERRED, 5: ResultKind.REJECTED}.get(
        reply.code // 100, ResultKind.BROKEN
    )
    if reply.code == 421:  # noqa: PLR2004 - RFC 5321 section 3.8
        kind = ResultKind.BROKEN
    queue_id = _QUEUE_ID.search(text) if kind is ResultKind.ACCEPTED else None
    return Result(
        kind=kind,
        code=reply.code,
        status=match[1] if match else "",
        reply=f"{reply.code} {text}",
        queue_id=queue_id[1] if queue_id else "",
        command=command,
        connection=connection,
    )
