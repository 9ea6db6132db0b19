"""The original: which mail of ours a report is about, by signs that nobody else can make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from newsletter.bounces.addresses import find_address, find_addresses
from newsletter.bounces.mail import Headers, Mail, read_headers
from newsletter.bounces.model import Report
from newsletter.message.verp import claims_delivery

_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_DELIVERED_TO = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "to", "cc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """What is known of the mail that came back."""

    headers: Headers = field(default_factory=Headers)

    @property
    def to(self) -> tuple[str, ...]:
        """The people it was written to; a list writes to its own address, which is nobody's."""
        fields = (*self.headers.all("to"), *self.headers.all("x-apparently-to"))
        lists = {one.lower() for one in find_addresses(self.headers.get("list-post"))}
        found = tuple(address for value in fields for address in find_addresses(value))
        people = tuple(one for one in found if one.lower() not in lists | self.senders)
        return people or (() if lists else found)

    @property
    def senders(self) -> frozenset[str]:
        """The addresses it came from, in lower case."""
        names = ("from", "sender", "reply-to", "return-path", "errors-to")
        return frozenset(
            address.lower()
            for name in names
            for value in self.headers.all(name)
            for address in find_addresses(value)
        )

    @property
    def domains(self) -> frozenset[str]:
        """The domains that its Message-ID and envelope sender are of, in lower case."""
        envelope = find_address(self.headers.get("x-envelope-from")).lower()
        named = _MESSAGE_ID.search(self.headers.get("message-id").lower())
        names = (envelope, named[0].strip("<>") if named is not None else "")
        return frozenset(one.rpartition("@")[2] for one in names if "@" in one)


def original_of(mail: Mail) -> Original:
    """Return the headers of the returned mail, found by its part's type."""
    for part in mail.parts:
        if part.is_returned:
            headers = _returned_headers(part.text)
            if headers.fields:
                return Original(headers=headers)
    return Original()


def _returned_headers(text: str) -> Headers:
    """Return the headers of a returned mail, also where a provider's own stand apart on top."""
    top, _, rest = text.lstrip("\n").partition("\n\n")
    headers = read_headers(top)
    if "from" in headers or "message-id" in headers:
        return headers
    below = read_headers(rest)
    if "from" in below and ("message-id" in below or "received" in below):
        return Headers((*headers.fields, *below.fields))
    return headers


def identify(report: Report, mail: Mail, original: Original, *, envelope_to: str = "") -> Report:
    """Add to a report what tells whom it is about."""
    return replace(
        report,
        return_path=report.return_path or _return_path(mail, original, envelope_to),
        message_id=report.message_id or _message_id(mail, original),
        feedback_id=original.headers.get("feedback-id")[:255],
    )


def _return_path(mail: Mail, original: Original, envelope_to: str) -> str:
    """Return a signed return path if there is one, else the address that the report came to."""
    if envelope_to:
        return envelope_to
    candidates = [*_delivered_to(mail), *_sent_from(original)]
    signed = (address for address in candidates if claims_delivery(address))
    return next(signed, next(_delivered_to(mail), ""))[:320]


def _delivered_to(mail: Mail) -> Iterator[str]:
    for name in _DELIVERED_TO:
        for value in mail.headers.all(name):
            yield from find_addresses(value)


def _sent_from(original: Original) -> Iterator[str]:
    for name in ("return-path", "x-envelope-from", "errors-to"):
        address = find_address(original.headers.get(name))
        if address:
            yield address


def _message_id(mail: Mail, original: Original) -> str:
    values = (
        original.headers.get("message-id"),
        mail.headers.get("in-reply-to"),
        mail.headers.get("references").rpartition("<")[2].join(("<", "")),
    )
    found = (_MESSAGE_ID.search(value) for value in values)
    return next((match[0] for match in found if match is not None), "")
