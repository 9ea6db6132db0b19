"""The message frame: a rendered issue as octets; joining makes one recipient's message.

The fixed text of a base64 body is encoded once, and each message encodes only its slots. Base64
turns groups of three octets into four characters. The encoding of a fixed segment therefore depends
only on the number of octets left over before it: none, one or two. Each segment is encoded at most
once for each of these phases. Octets in a group shared with a slot are encoded together with the
slot's value. A new line begins after each slot: RFC 2045 section 6.8 limits the length of a line to
76 characters, and short lines are allowed.

Header fields are octets as well: encoded words (RFC 2047), addresses and lists, without line
breaks.
"""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape as escape_html

from newsletter.errors import MessageError
from newsletter.i18n.messages import msg
from newsletter.message.dkim import DkimKey, HeaderSigner
from newsletter.rendering.model import RenderedIssue, SlottedText, SlotUse
from newsletter.rendering.slots import fill, in_language

_LINE_CHARACTERS = 76
_GROUP = 3


def encode_lines(octets: bytes) -> bytes:
    """Return base64 in lines of at most 76 characters, each ending in CRLF."""
    encoded = b2a_base64(octets, newline=False)
    if len(encoded) <= _LINE_CHARACTERS:
        return encoded + b"\r\n" if encoded else b""
    if len(encoded) <= 2 * _LINE_CHARACTERS:
        return b"%b\r\n%b\r\n" % (encoded[:_LINE_CHARACTERS], encoded[_LINE_CHARACTERS:])
    lines = [
        encoded[start : start + _LINE_CHARACTERS]
        for start in range(0, len(encoded), _LINE_CHARACTERS)
    ]
    return b"\r\n".join(lines) + b"\r\n"


#: Slots that are so close to each other that they share groups. Each entry has the fixed octets
#: before the slot, and the fields of `SlotUse`.
_Run = tuple[tuple[bytes, str, bool, str], ...]


def _octets(run: _Run, slots: Mapping[str, str]) -> bytes:
    octets = b""
    for before, slot, escape, fallback in run:
        text = slots.get(slot) or fallback
        octets += before + (escape_html(text) if escape else text).encode()
    return octets


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """The layout of a body for values of certain lengths modulo three.

    Attributes:
        pieces: The encoded fixed text; empty at the positions of runs.
        fillings: The parts that are encoded for each message: a run's number, the octets before and
            after the run in its groups, and the positions of the result in ``pieces``.
    """

    pieces: Sequence[bytes]
    fillings: Sequence[tuple[int, bytes, bytes, Sequence[int]]]


class Base64Body:
    """A slotted text, compiled so that a message is made by joining pieces.

    A slot that occurs many times, such as the link to the issue on the web, is encoded once for
    all positions with the same octets around it.
    """

    def __init__(self, slotted: SlottedText) -> None:
        #: The fixed octets before, between and after the runs: one segment more than there are
        #: runs.
        self._segments: list[bytes] = []
        runs: list[list[tuple[bytes, str, bool, str]]] = []
        fixed = b""
        for part in slotted:
            if isinstance(part, str):
                fixed += _with_crlf(part).encode("utf-8")
                continue
            if not runs or len(fixed) >= _GROUP - 1:
                self._segments.append(fixed)
                runs.append([])
                fixed = b""
            runs[-1].append((fixed, part.slot, part.escape, part.fallback))
            fixed = b""
        self._segments.append(fixed)
        #: The distinct runs, and the run at each position.
        numbers: dict[_Run, int] = {}
        self._places = [numbers.setdefault(tuple(run), len(numbers)) for run in runs]
        self._runs = list(numbers)
        self._encoded: dict[tuple[int, int], bytes] = {}
        self._plans: dict[tuple[int, ...], _Plan] = {}

    def append_to(self, out: list[bytes], slots: Mapping[str, str]) -> None:
        """Append the encoded body with its slots filled; fallbacks replace empty values."""
        values = [_octets(run, slots) for run in self._runs]
        phases = tuple([len(octets) % _GROUP for octets in values])
        plan = self._plans.get(phases)
        if plan is None:
            plan = self._plans[phases] = self._planned(phases)
        pieces = [*plan.pieces]
        for run, before, after, places in plan.fillings:
            encoded = encode_lines(before + values[run] + after)
            for place in places:
                pieces[place] = encoded
        out += pieces

    def _planned(self, phases: Sequence[int]) -> _Plan:
        lines, waiting = self._cut(0, 0)
        pieces = [lines]
        fillings: dict[tuple[int, bytes, bytes], list[int]] = {}
        for number, run in enumerate(self._places, start=1):
            lent = -(len(waiting) + phases[run]) % _GROUP
            filling = (run, waiting, self._segments[number][:lent])
            fillings.setdefault(filling, []).append(len(pieces))
            lines, waiting = self._cut(number, lent)
            pieces += [b"", lines]
        pieces.append(encode_lines(waiting))
        return _Plan(
            pieces=pieces, fillings=[(*filling, places) for filling, places in fillings.items()]
        )

    def _cut(self, number: int, lent: int) -> tuple[bytes, bytes]:
        """Return a segment's lines without its first ``lent`` octets, and the octets left over."""
        rest = self._segments[number][lent:]
        whole = len(rest) // _GROUP * _GROUP
        key = (number, lent)
        if key not in self._encoded:
            self._encoded[key] = encode_lines(rest[:whole])
        return self._encoded[key], rest[whole:]


def _with_crlf(text: str) -> str:
    """Return text with CRLF line breaks, as RFC 2045 section 6.8 requires before encoding."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """The sender: values of a newsletter in the header of each message.

    Attributes:
        list_id: RFC 2919, without angle brackets.
        unsubscribe_address: Address for unsubscribe requests by mail (RFC 2369).
        transactional: Whether one person asked for the message: it is automatic (RFC 3834), and
            belongs to no list.
        feedback_id: Gmail's Feedback-ID, up to four fields joined by colons.
    """

    from_name: str
    from_address: str
    reply_to: str
    list_id: str
    list_name: str
    unsubscribe_address: str
    feedback_id: str
    transactional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """The recipient of one message, with the values of its slots.

    Attributes:
        unsubscribe_url: URL that accepts one-click POSTs (RFC 8058).
        unsubscribe_token: Identifies this person in a mail to the unsubscribe address.
        html: False for recipients who asked for plain text only.
    """

    address: str
    name: str
    message_id: str
    unsubscribe_url: str
    unsubscribe_token: str
    slots: Mapping[str, str]
    html: bool = True


class MessageFrame:
    """Composes the messages of one mailing."""

    def __init__(
        self,
        rendered: RenderedIssue,
        identity: Identity,
        *,
        date: datetime,
        boundary: str,
        keys: Sequence[DkimKey],
    ) -> None:
        self._identity = identity
        self._subject = in_language(rendered.subject)
        self._text = Base64Body(in_language(rendered.text))
        self._html = Base64Body(in_language(rendered.html))
        fields = self._fixed_fields(identity, date, rendered.tag)
        self._personal_subject = any(isinstance(part, SlotUse) for part in self._subject)
        if not self._personal_subject:
            fields.append(unstructured("Subject", fill(rendered.subject, {})))
        self._unsubscribe_mailto = f"mailto:{identity.unsubscribe_address}?subject=unsubscribe%20"
        line = f"--{boundary}".encode("ascii")
        alternative = b'Content-Type: multipart/alternative; boundary="%b"\r\n' % line[2:]
        text_head = b"".join(_TEXT_HEAD)
        self._html_head = b"".join([*fields, alternative, b"\r\n"])
        self._text_head = b"".join([*fields, text_head, b"\r\n"])
        self._before_text = line + b"\r\n" + text_head + b"\r\n"
        self._before_html = b"\r\n" + line + b"\r\n" + _HTML_HEAD + b"\r\n"
        self._after_html = b"\r\n" + line + b"--\r\n"
        self._html_signer = HeaderSigner(keys, [*fields, alternative]) if keys else None
        self._text_signer = HeaderSigner(keys, [*fields, *_TEXT_HEAD]) if keys else None

    @classmethod
    def compile(
        cls,
        rendered: RenderedIssue,
        identity: Identity,
        *,
        date: datetime,
        keys: Sequence[DkimKey] = (),
    ) -> MessageFrame:
        """Compile a frame; ``date`` is the Date of each message, with a time zone.

        Each key that signs for the sender's domain makes one signature; other keys are left out.

        Raises:
            MessageError: A value is not allowed in a header.
        """
        # Base64 has no "=_", so the boundary cannot occur in a body.
        digest = hashlib.sha256(repr(rendered.text).encode()).hexdigest()[:24]
        domain = identity.from_address.rpartition("@")[2].lower()
        return cls(
            rendered,
            identity,
            date=date,
            boundary=f"=_{digest}",
            keys=[key for key in keys if key.signs_for(domain)],
        )

    @staticmethod
    def _fixed_fields(identity: Identity, date: datetime, language: str) -> list[bytes]:
        fields = [
            mailbox("From", identity.from_name, identity.from_address),
            field("Date", format_datetime(date)),
            field("Feedback-ID", identity.feedback_id),
            field("Content-Language", language),
            field("MIME-Version", "1.0"),
        ]
        if identity.transactional:
            fields.append(field("Auto-Submitted", "auto-generated"))
        else:
            fields.append(mailbox("List-Id", identity.list_name, identity.list_id))
        if identity.reply_to:
            fields.append(mailbox("Reply-To", "", identity.reply_to))
        return fields

    def compose(self, recipient: Recipient) -> bytes:
        """Return one recipient's message: see `pieces`."""
        return b"".join(self.pieces(recipient))

    def pieces(self, recipient: Recipient) -> list[bytes]:
        """Return one recipient's message in pieces, for a socket to join.

        Lines end in CRLF, have at most 998 octets, and do not begin with a dot.

        Raises:
            MessageError: A value of the recipient is not allowed in a header.
        """
        slots = recipient.slots
        varying = [
            mailbox("To", recipient.name, recipient.address),
            field("Message-ID", f"<{recipient.message_id}>"),
        ]
        if not self._identity.transactional:
            varying.append(self._list_unsubscribe(recipient))
            # RFC 8058 section 3.1: one-click unsubscribing requires an https URL.
            if recipient.unsubscribe_url.startswith("https:"):
                varying.append(_ONE_CLICK)
        if self._personal_subject:
            varying.append(unstructured("Subject", fill(self._subject, slots)))
        body: list[bytes] = []
        if recipient.html:
            head, signer = self._html_head, self._html_signer
            body.append(self._before_text)
            self._text.append_to(body, slots)
            body.append(self._before_html)
            self._html.append_to(body, slots)
            body.append(self._after_html)
        else:
            head, signer = self._text_head, self._text_signer
            self._text.append_to(body, slots)
        if signer:
            varying.insert(0, signer.fields(varying, body))
        return [*varying, head, *body]

    def _list_unsubscribe(self, recipient: Recipient) -> bytes:
        """Return the field of RFC 2369; the URL is not encoded, and is on a line of its own."""
        url = recipient.unsubscribe_url
        if not (url.isascii() and url.isprintable()) or _ENDS_URL.search(url):
            raise MessageError(msg("The unsubscribe link is not fit for a header."))
        token = recipient.unsubscribe_token
        # RFC 5322 section 2.1.1: a line should have at most 78 characters, its comma included.
        gap = " " if len(url) <= _LONGEST_BESIDE_NAME else "\r\n "
        mailto = f"{self._unsubscribe_mailto}{token}"
        return f"List-Unsubscribe:{gap}<{url}>,\r\n <{mailto}>\r\n".encode("ascii")


_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_LONGEST_BESIDE_NAME = 78 - len("List-Unsubscribe: <>,")
_ENDS_URL = re.compile("[ <>,]")
_TEXT_HEAD = (
    b"Content-Type: text/plain; charset=utf-8\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
)
_HTML_HEAD = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"


#: RFC 2047 section 2: an encoded word has at most 75 characters.
_WORD = 75
_FRAME = len("=?utf-8?b??=")
#: Octets whose base64 fits into one encoded word.
_WORD_OCTETS = (_WORD - _FRAME) // 4 * 3
#: RFC 5322 section 2.1.1: a line should have at most 78 characters.
_LINE = 78
_BREAK = re.compile(r"[\r\n\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NO_ADDRESS = re.compile(r"[\s<>,;]")
#: RFC 5322 atext and space: a display name of these characters needs no quotes.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")


def check_value(name: str, value: str) -> str:
    """Return ``value`` if it is allowed in a header.

    Raises:
        MessageError: The value has a line break or a control character.
    """
    # A printable value has no control characters, and this test is faster than the pattern.
    if not value.isprintable() and _BREAK.search(value):
        raise MessageError(
            msg("The header {name} would contain a control character or line break.", name=name),
            remedy=msg("Remove it where the value is set."),
        )
    return value


def field(name: str, value: str) -> bytes:
    """Return a structured field with an ASCII value (or UTF-8 under SMTPUTF8), not folded."""
    return f"{name}: {check_value(name, value)}\r\n".encode()


def unstructured(name: str, value: str) -> bytes:
    """Return a field of free text, folded, with encoded words unless the text is plain ASCII."""
    check_value(name, value)
    if _is_plain(value) and len(value) + len(name) <= 900:  # noqa: PLR2004 - well below 998
        return f"{name}: {value}\r\n".encode("ascii")
    return f"{name}: ".encode("ascii") + encoded_words(value, first=len(name) + 2) + b"\r\n"


def encoded_words(value: str, *, first: int) -> bytes:
    """Return RFC 2047 words in base64 of UTF-8, one on each line; characters are not split.

    Args:
        value: Any text without control characters.
        first: Columns already used on the first line.
    """
    room = min(_WORD_OCTETS, (_LINE - first - _FRAME) // 4 * 3)
    whole = value.encode("utf-8")
    if len(whole) <= room:
        return _word(whole)
    words: list[bytes] = []
    chunk = b""
    for character in value:
        octets = character.encode("utf-8")
        if len(chunk) + len(octets) > room:
            words.append(_word(chunk))
            chunk, room = b"", _WORD_OCTETS
        chunk += octets
    words.append(_word(chunk))
    return b"\r\n ".join(words)


def _word(octets: bytes) -> bytes:
    return b"=?utf-8?b?%b?=" % b2a_base64(octets, newline=False)


def _is_plain(text: str) -> bool:
    """Return whether a text needs no encoding: printable ASCII without an encoded word."""
    return text.isascii() and text.isprintable() and "=?" not in text


def mailbox(name: str, display_name: str, address: str) -> bytes:
    """Return a field with one mailbox, such as From."""
    check_value(name, display_name)
    check_value(name, address)
    if _NO_ADDRESS.search(address):
        raise MessageError(
            msg(
                "The header {name} would contain the invalid address {address}.",
                name=name,
                address=address,
            )
        )
    head = f"{name}: ".encode("ascii")
    target = f"<{address}>".encode()
    if not display_name:
        return head + address.encode() + b"\r\n"
    if _is_plain(display_name):
        if _ATOMS.match(display_name):
            words = display_name.encode("ascii")
        else:
            quoted = display_name.replace("\\", "\\\\").replace('"', '\\"')
            words = f'"{quoted}"'.encode("ascii")
    else:
        words = encoded_words(display_name, first=len(head))
    last_line = len(words) - words.rfind(b"\n") - 1 + (len(head) if b"\n" not in words else 0)
    gap = b"\r\n " if last_line + len(target) + 1 > _LINE else b" "
    return head + words + gap + target + b"\r\n"
