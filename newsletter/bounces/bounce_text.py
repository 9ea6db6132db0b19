"""The text of a bounce: its own words, the recipients it is about, and the mail it returns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from newsletter.bounces.addresses import (
    LOCAL,
    RECIPIENTS,
    find_address,
    find_addresses,
    is_role,
    is_system,
)
from newsletter.bounces.clauses import name_alone, reports_nondelivery
from newsletter.bounces.mail import Headers, Mail, read_headers
from newsletter.bounces.model import Reason, Report
from newsletter.bounces.phrase_tables import tables
from newsletter.bounces.refusal import Refusal
from newsletter.bounces.replies import find_command, find_reply, follows_refused_recipients
from newsletter.bounces.tables import Layout, find_layout
from newsletter.message.identifiers import DELIVERY_ID, claims_delivery

_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_DELIVERED_TO = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "to", "cc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """The headers of the mail that came back, as far as they are known."""

    headers: Headers = field(default_factory=Headers)

    @property
    def to(self) -> tuple[str, ...]:
        """The people in To. A mailing list writes to its own address, which is no person's."""
        fields = (*self.headers.all("to"), *self.headers.all("x-apparently-to"))
        lists = {one.lower() for one in find_addresses(self.headers.get("list-post"))}
        addresses = tuple(address for value in fields for address in find_addresses(value))
        people = tuple(one for one in addresses if one.lower() not in lists | self.senders)
        return people or (() if lists else addresses)

    @property
    def senders(self) -> frozenset[str]:
        """The addresses that the mail was sent from, in lower case."""
        names = ("from", "sender", "reply-to", "return-path", "errors-to")
        return frozenset(
            address.lower()
            for name in names
            for value in self.headers.all(name)
            for address in find_addresses(value)
        )

    @property
    def domains(self) -> frozenset[str]:
        """The domains of the Message-ID and of the envelope sender, in lower case."""
        envelope = find_address(self.headers.get("x-envelope-from")).lower()
        named = _MESSAGE_ID.search(self.headers.get("message-id").lower())
        names = (envelope, named[0].strip("<>") if named is not None else "")
        return frozenset(one.rpartition("@")[2] for one in names if "@" in one)

    @property
    def is_ours(self) -> bool:
        """Whether the Message-ID or the return path names a delivery of ours."""
        returned_to = (self.headers.get(name) for name in ("return-path", "x-envelope-from"))
        return DELIVERY_ID.search(self.headers.get("message-id")) is not None or any(
            claims_delivery(find_address(value)) for value in returned_to
        )

    @property
    def is_answer(self) -> bool:
        """Whether the mail is an answer to a message of ours, and so not one that we sent."""
        return answers_ours(self.headers)


def answers_ours(headers: Headers) -> bool:
    """Return whether a mail's headers refer to a message of ours (RFC 5322 section 3.6.4)."""
    answered = f"{headers.get('in-reply-to')} {headers.get('references')}"
    return DELIVERY_ID.search(answered) is not None


def original_of(mail: Mail) -> Original:
    """Return the headers of the returned mail, which has a MIME part of its own."""
    for part in mail.parts:
        if part.is_returned:
            headers = _returned_headers(part.text)
            if headers.fields:
                return Original(headers=headers)
    return Original()


def _returned_headers(text: str) -> Headers:
    """Return the headers of a returned mail, even below a block of a provider's own headers."""
    top, _, rest = text.lstrip("\n").partition("\n\n")
    headers = read_headers(top)
    if "from" in headers or "message-id" in headers:
        return headers
    below = read_headers(rest)
    if "from" in below and ("message-id" in below or "received" in below):
        return Headers((*headers.fields, *below.fields))
    return headers


def identify(report: Report, mail: Mail, original: Original, *, envelope_to: str = "") -> Report:
    """Add to a report the identifiers of the delivery that it is about."""
    return replace(
        report,
        return_path=report.return_path or _return_path(mail, original, envelope_to),
        message_id=report.message_id or _message_id(mail, original),
        feedback_id=original.headers.get("feedback-id")[:255],
    )


def _return_path(mail: Mail, original: Original, envelope_to: str) -> str:
    """Return a signed return path if there is one, else the address that the report was sent to."""
    if envelope_to:
        return envelope_to
    candidates = [*_addressed_to(mail), *_sent_from(original)]
    signed = (address for address in candidates if claims_delivery(address))
    return next(signed, next(_addressed_to(mail), ""))[:320]


def _addressed_to(mail: Mail) -> Iterator[str]:
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
    matches = (_MESSAGE_ID.search(value) for value in values)
    return next((match[0] for match in matches if match is not None), "")


_LOOKED_AT = 20_000
_OWN_WORDS = 2_000
_SEARCHED_FOR_FAILURE = 8_000
_NEAR_WORDS = 4_000

_RECOGNITION = tables("recognition")
_BEHIND_LABEL = r"[ \t]{0,16}[:：][ \t]{0,4}"


def _labels(name: str) -> str:
    """Return a pattern of a table's labels; the spaces in Korean labels are optional."""
    return "|".join(one.replace(" ", " ?") for one in _RECOGNITION[name])


#: An address at the head of a line: the lines below are about this recipient.
_HEAD = re.compile(
    r"^[ \t]{0,16}(?:[*•·-][ \t]{1,4}|\d{1,3}[.)][ \t]{1,4}"
    rf"|(?:{_labels('recipient_labels')}){_BEHIND_LABEL}|>>> )?"
    rf"[<\"'(]{{0,2}}({LOCAL}@[\w.-]{{1,200}}\w)[>\"')]{{0,2}}"
    r"(?=$|[ \t:,;.\[(<：；、。，（「-])",
    re.MULTILINE | re.IGNORECASE,
)
#: The address behind a label such as "Recipient:" in a notice.
_LABELLED_RECIPIENT = re.compile(
    rf"^[ \t]{{0,16}}(?:{_labels('recipient_labels')}){_BEHIND_LABEL}"
    rf"[^\n@<]{{0,80}}?<?({LOCAL}@[\w.-]{{1,200}}\w)",
    re.MULTILINE | re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"[>\"')]{0,2}[ \t]{1,3}(?:(?:様|さま|さん|氏)?[はがも]|(?:is|was|has|does|did|could|can)\b)",
    re.IGNORECASE,
)
_IN_DIALOGUE = re.compile(
    r"^[ \t]{0,8}(?:(?:>>>|In:|Sent:?(?: [<>]{3})?) {1,4}RCPT TO:"
    r"|(?:<<< )?5\d\d[ -](?:5\.1\.\d )?)[ \t]{0,4}"
    rf"<?({LOCAL}@[\w.-]{{1,200}}\w)",
    re.MULTILINE | re.IGNORECASE,
)
#: The address behind a label such as "From:" in a notice.
_LABELLED_SENDER = re.compile(
    rf"^[ \t]{{0,16}}(?:{_labels('sender_labels')}){_BEHIND_LABEL}"
    rf"[^\n@<]{{0,80}}?<?({LOCAL}@[\w.-]{{1,200}}\w)",
    re.MULTILINE | re.IGNORECASE,
)
_DIVIDER = re.compile("|".join(map(re.escape, _RECOGNITION["dividers"])))
_ORIGINAL_MESSAGE = re.compile(
    r"[-=*_ >]{2,40}(?:original|returned|forwarded) message[-=*_: ]{0,60}"
)
_HEADER_LINE = re.compile(
    r"(?:Received|Return-Path|Delivered-To|From|To|Cc|Subject|Date|Message-I[dD]|Reply-To|Sender"
    r"|In-Reply-To|References|Auto-Submitted|MIME-Version|Mime-Version"
    r"|Content-[A-Za-z-]{3,30}|DKIM-Signature|DomainKey-Signature"
    r"|Authentication-Results|Received-SPF|List-[A-Za-z]{2,20}|ARC-[A-Za-z-]{3,30}|X-[A-Za-z0-9-]{2,40})"
    r"[ \t]{0,4}:",
    re.IGNORECASE,
)
_ENOUGH_HEADERS = 4
#: A header line of a quoted mail, in any language that has labels, after ``>`` was removed.
_QUOTED_HEADER = re.compile(
    rf"(?:(?P<sender>{_labels('sender_labels')})|(?P<recipient>{_labels('recipient_labels')}))"
    rf"{_BEHIND_LABEL}(?P<value>[^\n]{{0,200}}@[^\n]{{1,200}})",
    re.IGNORECASE,
)
#: Lines at the start of a quotation that are searched for its headers.
_HEAD_LINES = 8
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
#: Paragraphs below an address that are searched for the explanation. The explanation begins with
#: "Reason:" or follows such a heading.
_CONTINUED = 3
_GIVES_REASON = re.compile(
    r"\s{0,8}(?:reason|cause|diagnostic|error|details?|grund|fehler|raison|motif|motivo|razón|causa"
    r"|reden|orsak|årsag|powód|причина|理由|原因|詳細|エラー|错误|錯誤|사유|원인)[^\n:：]{0,24}[:：]",
    re.IGNORECASE,
)
_RULED = re.compile(r"[-=*_]{2,40}[^\n]{1,120}")


@dataclass(frozen=True, kw_only=True)
class BounceText:
    """A mail read as a bounce: its own text, apart from the mail that it returns.

    Attributes:
        text: The bounce's own text.
        original: The headers of the returned mail.
    """

    mail: Mail
    text: str
    original: Original
    layout: Layout | None

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        """The addresses that the bounce is about, as far as they can be determined."""
        addresses = self._failed_recipients or self._named_by_layout or tuple(self._heads)
        addresses = addresses or self._refused or self._mentioned or self.original.to
        addresses = addresses or self._first_address
        # A mailing list writes to its own address. A bounce names that address, but it did not
        # fail.
        strangers = tuple(one for one in addresses if one.lower() not in self._delivered_to)
        return (strangers or self._first_foreign or addresses)[:RECIPIENTS]

    @cached_property
    def reports_nondelivery(self) -> bool:
        """Whether the bounce's own text says, in any known language, that mail did not arrive."""
        return reports_nondelivery(
            f"{self.mail.subject}\n{self.text[:_SEARCHED_FOR_FAILURE]}".lower()
        )

    def refusal(self, address: str, *, diagnostic: str = "") -> Refusal:
        """Return the statements about an address, with the text of a machine-readable part."""
        own, until_next = self._words_under(address)
        lead = self._lead
        statements = [diagnostic, own, until_next]
        if follows_refused_recipients(diagnostic):
            statements.append(statements.pop(0))
        around = [lead, self.mail.subject]
        if len(self.recipients) <= 1:  # with several, the text is about the other recipients too
            around.append(self.text[:_NEAR_WORDS])
        if self.layout is not None and self.layout.lead_first:
            statements.insert(0, lead)
        if len(self.recipients) <= 1 and not find_reply(f"{diagnostic}\n{until_next}"):
            # "The following address does not exist:", with no explanation below the address.
            statements.append(_PARAGRAPHS.split(lead.rstrip())[-1])
            if not own:
                # No recipient is named: the text is about the recipient of the returned mail.
                statements.append(self.text[:_NEAR_WORDS])
        command = find_command(f"{diagnostic}\n{until_next}", answer=diagnostic or own)
        if len(self.recipients) <= 1 or diagnostic:
            command = command or find_command(self.text, answer=diagnostic)
        if not command and self.layout is not None and self.layout.own_directory:
            command = "RCPT"
        return Refusal(
            address=address,
            words=tuple(statements),
            around=tuple(around),
            command=command,
            verdict=self._verdict([*statements, *around]),
            ours=self._ours | self.original.domains,
        )

    def _verdict(self, statements: list[str]) -> Reason | None:
        if self.layout is None:
            return None
        if self.layout.verdict is not None:
            return self.layout.verdict
        for words in statements:
            lower = " ".join(words.lower().split())
            for phrase, reason in self.layout.meanings.items():
                if phrase in lower:
                    return reason
        return None

    @cached_property
    def _failed_recipients(self) -> tuple[str, ...]:
        values = self.mail.headers.all("x-failed-recipients")
        return tuple(address for value in values for address in find_addresses(value))

    @cached_property
    def _named_by_layout(self) -> tuple[str, ...]:
        pattern = self.layout.recipient_pattern if self.layout is not None else None
        if pattern is None:
            return ()
        addresses = tuple(dict.fromkeys(one[1] for one in pattern.finditer(self.text)))
        strangers = tuple(one for one in addresses if one.lower() not in self._ours)
        return strangers or addresses

    @cached_property
    def _heads(self) -> dict[str, int]:
        """The addresses at the head of a line, with the offsets at which their statements begin."""
        found: dict[str, int] = {}
        for match in _HEAD.finditer(self.text):
            address = find_address(match[1])
            if address and not is_system(address):
                # The address is the subject of the sentence if words follow without a space, or
                # with a space and a verb or particle. The statement then includes the address.
                alone = len(match[1]) == len(address)
                alone = alone and not _GOES_ON.match(self.text, match.end())
                found.setdefault(address, match.end() if alone else match.start(1))
        strangers = {one: at for one, at in found.items() if one.lower() not in self._ours}
        return strangers or found

    @cached_property
    def _mentioned(self) -> tuple[str, ...]:
        """The addresses anywhere in the text: those in To, else the first that is not ours."""
        addresses = [one for one in find_addresses(self.text) if not is_system(one)]
        recipients = {one.lower() for one in self.original.to}
        sought = tuple(one for one in addresses if one.lower() in recipients)
        others = tuple(one for one in addresses if one.lower() not in self._ours)
        return sought or (() if self.original.to else others[:1])

    @cached_property
    def labelled_recipients(self) -> frozenset[str]:
        """The addresses that the text labels as a recipient, in lower case."""
        labelled = _LABELLED_RECIPIENT.finditer(self.text[:_LOOKED_AT])
        return frozenset(find_address(one[1]).lower() for one in labelled)

    @cached_property
    def _first_address(self) -> tuple[str, ...]:
        """The first address in the text, even one of ours: test mail is sent to oneself."""
        return tuple(one for one in find_addresses(self.text) if not is_system(one))[:1]

    @cached_property
    def _refused(self) -> tuple[str, ...]:
        """The addresses in a quoted SMTP dialogue: in RCPT, or at the head of its reply."""
        addresses = dict.fromkeys(
            find_address(match[1]) for match in _IN_DIALOGUE.finditer(self.text)
        )
        return tuple(one for one in addresses if one and one.lower() not in self._ours)

    @cached_property
    def _ours(self) -> frozenset[str]:
        """The addresses of the sender's side, which a bounce names without being about them."""
        written_to = {one.lower() for one in self.original.to}
        labelled = {find_address(one[1]).lower() for one in _LABELLED_SENDER.finditer(self.text)}
        return frozenset((self._delivered_to | self.original.senders | labelled) - written_to)

    @cached_property
    def _delivered_to(self) -> frozenset[str]:
        """The addresses that the bounce itself was sent to."""
        names = ("to", "delivered-to")
        values = (value for name in names for value in self.mail.headers.all(name))
        return frozenset(one.lower() for value in values for one in find_addresses(value))

    @cached_property
    def _first_foreign(self) -> tuple[str, ...]:
        """The first address in the text that is neither a sender's nor a role mailbox."""
        known = self._delivered_to | self.original.senders
        addresses = (one for one in find_addresses(self.text) if not is_system(one))
        own = (one for one in addresses if one.lower() not in known and not is_role(one))
        return tuple(own)[:1]

    @cached_property
    def _lead(self) -> str:
        """The text above the first recipient, or above the paragraph of the only recipient."""
        first = min(self._heads.values(), default=0)
        if not first and len(self.recipients) == 1:
            named = max(self._find_named(self.recipients[0].lower()), 0)
            first = self.text.rfind("\n\n", 0, named) + 2 if named else 0
        return self.text[: self.text.rfind("\n", 0, first) + 1][-_OWN_WORDS:] if first else ""

    @cached_property
    def _lower(self) -> str:
        return self.text.lower()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {one.lower(): at for one, at in self._heads.items()}

    def _words_under(self, address: str) -> tuple[str, str]:
        """Return the explaining paragraph below an address, and all text up to the next address."""
        places = self._heads
        start = self._places.get(address.lower(), -1)
        if start < 0:
            position = self._find_named(address.lower())
            if position < 0:
                return "", ""
            start = self.text.rfind("\n", 0, position) + 1
        end = min((at for at in places.values() if at > start), default=len(self.text))
        end = self.text.rfind("\n", start, end) + 1 if end < len(self.text) else end
        until_next = self.text[start : max(end, start)][:_NEAR_WORDS]
        own, *further = _PARAGRAPHS.split(until_next.lstrip(" \t:>\n"), maxsplit=_CONTINUED)
        for paragraph in further[: _CONTINUED - 1]:
            if own.rstrip().endswith((":", "：")) or _GIVES_REASON.match(paragraph):
                own = paragraph
        return own[:_OWN_WORDS], until_next

    def _find_named(self, address: str) -> int:
        """Return the offset of an address, or else of its local part on its own; -1 for neither."""
        position = self._lower.find(address)
        name = name_alone(address) if position < 0 else None
        match = name.search(self._lower) if name is not None else None
        return match.start() if match is not None else position


def open_bounce(mail: Mail) -> BounceText:
    """Read a mail as a bounce."""
    text, returned = divide(mail.words[:_LOOKED_AT])
    original = original_of(mail)
    if not original.headers.fields and returned:
        original = Original(headers=read_headers(_outdented(returned)))
    named = (mail.headers.get(name) for name in ("from", "subject", "x-mailer", "x-mlserver"))
    heading = "\n".join(named).lower()
    layout = find_layout(heading, " ".join(text.lower().split()))
    return BounceText(mail=mail, text=text, original=original, layout=layout)


def divide(text: str) -> tuple[str, str]:
    """Split a text into the bounce's own text and the returned mail below it."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        lower = line.strip().lower()
        if not lower:
            continue
        if lower.startswith(">") and (quoted := _quoted_head(lines[at : at + _HEAD_LINES])):
            return "\n".join(lines[:at]), quoted
        if _DIVIDER.search(lower) or _ORIGINAL_MESSAGE.fullmatch(lower):
            # A ruled line divides any text; a sentence divides only if headers follow.
            ruled = _RULED.fullmatch(lower) is not None and any("@" in one for one in lines[:at])
            if ruled or _headers_within(lines, at + 1):
                return "\n".join(lines[:at]), "\n".join(lines[at + 1 :])
        elif _HEADER_LINE.match(line) and _count_headers(lines, at) >= _ENOUGH_HEADERS:
            # A ruled line above the headers is their heading, in any language.
            ruled = at > 0 and _RULED.fullmatch(lines[at - 1].strip()) is not None
            return "\n".join(lines[: at - ruled]), "\n".join(lines[at:])
    return text, ""


def _quoted_head(lines: list[str]) -> str:
    """Return From and To of a mail quoted line by line; empty unless both are found."""
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith(">"):
            break
        match = _QUOTED_HEADER.match(line.lstrip("> \t"))
        if match is not None:
            found.setdefault("From" if match["sender"] else "To", match["value"])
    return "".join(f"{name}: {value}\n" for name, value in found.items()) if len(found) > 1 else ""


def _headers_within(lines: list[str], at: int) -> bool:
    return not any(line.strip() for line in lines[at:]) or any(
        _HEADER_LINE.match(line.strip()) for line in lines[at : at + 8]
    )


def _count_headers(lines: list[str], at: int) -> int:
    count = 0
    for line in lines[at : at + 40]:
        if _HEADER_LINE.match(line):
            count += 1
        elif not line.startswith((" ", "\t")):
            break
    return count


def _outdented(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    width = min((len(line) - len(line.lstrip(" ")) for line in lines[:1]), default=0)
    return "\n".join(line[width:] if not line[:width].strip() else line for line in lines)
