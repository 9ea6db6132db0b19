"""Read JSON and form payloads without trust in their shape, and build events from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from newsletter.bounces.model import Report, ReportedRecipient, ReportKind
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.bounces.replies import find_reply, find_status
from newsletter.bounces.webhooks.model import (
    UNKNOWN,
    Call,
    Meaning,
    ProviderEvent,
    ProviderVerdict,
    weigh,
)

_WORDS_KEPT = 1000
_ADDRESS_KEPT = 320
#: Maximum number of form fields, more than any provider sends.
_FIELDS = 200
#: Larger numbers are not seconds: as such, they would be dates after the year 5000.
_LARGEST_SECONDS = 1e11
#: Earlier times are not accepted, so that a date without separators (20261231) is not taken as a
#: number of seconds.
_EARLIEST = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


class Foreign:
    """A JSON value from an untrusted source: each access gives a value, possibly an empty one."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __getitem__(self, name: str) -> Foreign:
        return Foreign(self.value.get(name) if isinstance(self.value, Mapping) else None)

    def __iter__(self) -> Iterator[Foreign]:
        """Yield the members of a list; an object or a text instead of a list is its only member."""
        is_one = isinstance(self.value, Mapping | str) and bool(self.value)
        return map(Foreign, self.value if isinstance(self.value, list) else (self.value,) * is_one)

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def is_object(self) -> bool:
        """Whether the value is a JSON object."""
        return isinstance(self.value, Mapping)

    @property
    def text(self) -> str:
        """The value as text on one line, bounded, if it is a text or a number; else empty.

        JSON can hold half of a surrogate pair, which neither the database nor a signature accepts.
        The half is replaced.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            return ""
        words = str(self.value)[: _WORDS_KEPT * 2].encode("utf-8", "replace").decode()
        return " ".join(words.split())[:_WORDS_KEPT]

    @property
    def word(self) -> str:
        """The text in lower case, for looking up in tables."""
        return self.text.lower()

    @property
    def flag(self) -> bool:
        """Whether the value is true, or a text or number that means true."""
        return self.value is True or self.word in {"true", "yes", "1"}

    @property
    def instant(self) -> datetime | None:
        """A time as seconds since 1970, in ISO 8601 or in mail format; UTC if no zone is given.

        Seconds may also be in thousandths, or smaller units in steps of a thousand. Times before
        2001 give None: such a field was left at zero.
        """
        text = self.text
        for read in (_since_1970, datetime.fromisoformat, parsedate_to_datetime):
            try:
                moment = read(text)
                moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            except (ValueError, OverflowError, OSError):
                continue
            return moment if moment >= _EARLIEST else None
        return None

    @property
    def raw(self) -> bytes:
        """The value as JSON."""
        try:
            written = json.dumps(self.value, ensure_ascii=False)
        except RecursionError:
            written = "nested too deeply to be kept"
        return written.encode("utf-8", "backslashreplace")


def _since_1970(text: str) -> datetime:
    seconds = float(text)
    while _LARGEST_SECONDS < seconds < _LARGEST_SECONDS**2:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC)


def parse(body: bytes | str) -> Foreign | None:
    """Return the value of a JSON text; None if it is not JSON."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return Foreign(value)


def form_fields(call: Call) -> dict[str, str]:
    """Return the fields of a form in either form encoding; the last value of a name is used.

    Files are left out, and a body that is not a form gives no fields. Signatures are among the
    fields, so forms from anybody are read. A body with more fields, or with longer part headers,
    than any provider sends is therefore not accepted as a form.
    """
    kind = call.headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        return _multipart_fields(kind, call.body)
    try:
        pairs = parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def _multipart_fields(kind: str, body: bytes) -> dict[str, str]:
    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    if not boundary or body.count(b"--" + boundary) > _FIELDS + 1:
        return {}
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.take_name,
                "on_header_value": form.take_value,
                "on_header_end": form.end_header,
                "on_part_data": form.take_data,
                "on_part_end": form.end,
            },
        )
        parser.write(body)
    except (FormParserError, ValueError):
        return {}
    return form.fields


class _Form:
    """The fields of a multipart form, filled by the callbacks of its parser."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.begin()

    def begin(self) -> None:
        self._name, self._value, self._data = b"", b"", bytearray()
        self._options: Mapping[bytes, bytes] = {}

    def take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._options = parse_options_header(self._value)[1]
        self._name = self._value = b""

    def take_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def end(self) -> None:
        name = self._options.get(b"name")
        if name is not None and b"filename" not in self._options:
            self.fields[name.decode("utf-8", "replace")] = self._data.decode("utf-8", "replace")


def read_batch(
    provider: str, body: bytes, read_one: Callable[[Foreign], ProviderEvent | None]
) -> list[ProviderEvent]:
    """Return the events of a batch or a single object, each as read by ``read_one``."""
    events = parse(body)
    if events is None:
        return [unreadable(provider, body)]
    ones = events if isinstance(events.value, list) else (events,)
    return [read for one in ones if (read := read_one(one)) is not None]


def recipient(
    meaning: Meaning, address: str, *, status: str = "", reply: str = "", words: str = ""
) -> ReportedRecipient:
    """Return the statement of an event about one address, weighed by `weigh`.

    A text counts as the receiving system's reply if a code is given with it or inside it. Any
    other text is the provider's comment, which is used only if the provider gives no verdict.

    Args:
        meaning: The provider's meaning.
        address: As the provider wrote it; the name in ``Name <address>`` is removed.
        status: The enhanced status code of the receiving system.
        reply: The SMTP reply code of the receiving system.
        words: The text of the event.
    """
    status, reply = find_status(status), find_reply(reply)
    is_reply = bool(
        status
        or reply
        or words.lower().startswith("smtp;")
        or find_status(words)
        or find_reply(words)
    )
    asked = is_reply or (bool(words) and meaning.verdict is ProviderVerdict.OPEN)
    read = classify_refusal(
        Refusal(
            address=_bare(address)[:_ADDRESS_KEPT],
            words=(words,) if asked else (),
            status=status,
            reply=reply,
        )
    )
    hard, reason = weigh(meaning, read if asked else None)
    return replace(read, hard=hard, reason=reason, words=words)


def _bare(address: str) -> str:
    return parseaddr(address)[1] if "<" in address else address.strip()


def event(
    provider: str,
    event_id: str,
    meaning: Meaning,
    recipients: Sequence[ReportedRecipient],
    raw: Foreign,
    *,
    message_id: str = "",
    return_path: str = "",
    occurred_at: datetime | None = None,
) -> ProviderEvent:
    """Return an event; the hash of its content replaces a missing identifier."""
    return ProviderEvent(
        event_id=f"{provider}:{event_id or hashlib.sha256(raw.raw).hexdigest()}",
        report=Report(
            kind=meaning.kind,
            reader=provider,
            recipients=tuple(recipients),
            message_id=with_brackets(message_id),
            return_path=return_path,
        ),
        raw=raw.raw,
        unsubscribed=meaning.unsubscribed,
        occurred_at=occurred_at,
    )


def unreadable(provider: str, body: bytes) -> ProviderEvent:
    """Return an event with the raw body of a proven call that is not JSON."""
    return ProviderEvent(
        event_id=f"{provider}:{hashlib.sha256(body).hexdigest()}",
        report=Report(kind=ReportKind.OTHER, reader=provider),
        raw=body,
    )


def with_brackets(message_id: str) -> str:
    """Return a Message-ID in the form of the log, with angle brackets."""
    bare = message_id.strip().strip("<>")
    return f"<{bare}>" if bare else ""


def meaning_of(table: Mapping[str, Meaning | None], word: str) -> Meaning | None:
    """Return the meaning of a term from a table; ``UNKNOWN`` if the table lacks the term."""
    return table.get(word, UNKNOWN)
