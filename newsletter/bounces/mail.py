"""Split a returned mail into headers and leaf parts as text, bounded, for any sequence of octets.

The standard library's parser is not used. It raises on odd charsets and headers, recurses as deep
as a stranger nests parts, and reads the returned message as further parts of the report.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape

from newsletter.issues.sources.encodings import usual_japanese

#: Octets that are read: enough for a report and the start of the returned message. The remainder
#: of a returned message has no information.
MAIL_OCTETS = 262_144
_PARTS = 40
_DEPTH = 8
_HEADERS = 400
_HEADER_OCTETS = 8_000
_LINE = 2_000
_LINES = 6_000

_HEADER = re.compile(r"([!-9;-~]{1,80})[ \t]{0,20}:(.*)", re.DOTALL)
_PARAMETER = re.compile(
    r";\s{0,40}([A-Za-z0-9-]{1,40})\*?\s{0,20}=\s{0,20}(\"[^\"]{0,400}\"|[^\s;\"]{1,400})"
)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,1000})\?=(?:\s{1,40}(?==\?))?")
_TAG = re.compile(r"<[^<>]{0,3000}>")
#: The boundary between two cells of a row: the first cell is the label of the second.
_NEXT_CELL = re.compile(r"[:：]?\s{0,16}</t[hd]>\s{0,16}<t[hd]\b[^>]{0,400}>", re.IGNORECASE)
_BREAKING_TAG = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?pre|hr)\b[^<>]{0,1000}>", re.IGNORECASE
)
_HIDDEN = re.compile(r"<(style|script|head)\b[^<>]{0,1000}>", re.IGNORECASE)
_JAPANESE = frozenset({"iso-2022-jp", "shift_jis", "shift-jis", "x-sjis", "euc-jp", "cp932"})
_CHARSET_NAME = 40
#: Names in Python's registry: single-byte tables, encodings of Unicode, and East Asian ones.
_TEXT_CODECS = re.compile(
    r"utf-(?:7|8|8-sig|(?:16|32)(?:-[bl]e)?)|iso8859-\d{1,2}|cp\d{3,4}|koi8[-_][rtu]|tis-620"
    r"|mac[-_](?:cyrillic|greek|iceland|latin2|roman|turkish|centeuro|croatian|romanian)|hp-roman8"
    r"|big5(?:hkscs)?|gb(?:2312|k|18030)|hz|johab|kz1048|ptcp154"
    r"|euc[-_](?:jp|kr|jis_2004|jisx0213)|iso2022_(?:jp|kr)(?:_\w{1,4})?|shift_jis(?:_2004|x0213)?"
)
_CHARSETS = {
    "unknown-8bit": "utf-8",
    "cp-850": "cp850",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "iso-2022-jp": "iso2022_jp_3",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
}


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order, unfolded and decoded; names in lower case."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return the first field of a name, or an empty string."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every field of a name."""
        return tuple(value for key, value in self.fields if key == name)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)


@dataclass(frozen=True, kw_only=True, slots=True)
class MimePart:
    """A leaf of the MIME tree.

    Attributes:
        kind: Media type in lower case, such as ``message/delivery-status``.
        text: The decoded text with newlines as line ends; HTML is reduced to its words.
        json: The text with lines of any length if it may be a JSON object, else empty.
    """

    kind: str
    text: str
    headers: Headers = field(default_factory=Headers)
    parameters: Mapping[str, str] = field(default_factory=dict)
    json: str = ""

    @property
    def is_returned(self) -> bool:
        """Whether this is the mail that the report is about, or its headers."""
        return self.kind in {"message/rfc822", "text/rfc822-headers", "message/global"} or (
            self.kind in {"message/global-headers", "message/partial"}
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail with its headers and leaf parts, in their order."""

    headers: Headers
    kind: str
    parameters: Mapping[str, str]
    parts: tuple[MimePart, ...]

    @property
    def subject(self) -> str:
        """The subject on one line."""
        return self.headers.get("subject")

    @property
    def has_empty_sender(self) -> bool:
        """Whether the envelope sender is empty, so no bounce can be sent back (RFC 5321, 4.5.5)."""
        return self.headers.get("return-path").strip() == "<>"

    def of_kind(self, *kinds: str) -> Iterator[MimePart]:
        """Return the parts of these media types."""
        return (part for part in self.parts if part.kind in kinds)

    @property
    def words(self) -> str:
        """The text parts of the mail itself, without the returned message."""
        texts = [part for part in self.parts if part.kind.startswith("text/")]
        plain = [part for part in texts if part.kind != "text/html" and not part.is_returned]
        return "\n".join(part.text for part in plain or texts if not part.is_returned)


def open_mail(raw: bytes, *, envelope_from: str | None = None) -> Mail:
    """Split a mail into its parts; every sequence of octets gives a `Mail`.

    Args:
        raw: The mail as received.
        envelope_from: The envelope sender, if the caller knows it; empty for a notice. It replaces
            Return-Path, which only the final delivery writes (RFC 5321, 4.4).
    """
    octets = raw[:MAIL_OCTETS].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    if octets.startswith((b"From ", b">From ")):
        octets = octets.partition(b"\n")[2]
    headers, body = _split(octets)
    kind, parameters = media_type(headers.get("content-type"))
    parts = tuple(_leaves(headers, body))
    if envelope_from is not None:
        headers = Headers((("return-path", f"<{envelope_from}>"), *headers.fields))
    return Mail(headers=headers, kind=kind, parameters=parameters, parts=parts)


def read_headers(text: str) -> Headers:
    """Read header fields up to the first empty line; skip lines that are not header fields."""
    return _headers(text.lstrip("\n").partition("\n\n")[0])


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the media type and its parameters, names in lower case."""
    kind = value.partition(";")[0].strip().lower() or "text/plain"
    parameters = {
        match[1].lower(): match[2].strip('"') for match in _PARAMETER.finditer(value[:4000])
    }
    return kind, parameters


def decode_words(value: str) -> str:
    """Return a header value with its encoded words (RFC 2047) decoded."""
    if "=?" not in value:
        return value
    return _ENCODED_WORD.sub(_decode_word, value)


def _decode_word(match: re.Match[str]) -> str:
    charset, way, text = match[1].partition("*")[0], match[2].lower(), match[3]
    if way == "q":
        octets = quopri.decodestring(
            text.replace("_", " ").encode("utf-8", "replace"), header=False
        )
    else:
        octets = _base64(text.encode("ascii", "replace"))
    return " ".join(_decode(octets, charset).split())


def _split(octets: bytes) -> tuple[Headers, bytes]:
    if octets.startswith(b"\n"):
        return Headers(), octets[1:]
    head, _, body = octets.partition(b"\n\n")
    return _headers(_decode(head[: _HEADERS * 400], "")), body


def _headers(text: str) -> Headers:
    unfolded: list[str] = []
    size = 0
    for line in text.split("\n")[:_LINES]:
        if line[:1] in {" ", "\t"} and unfolded:
            if size < _HEADER_OCTETS:
                unfolded[-1] += " " + line.strip()[:_LINE]
                size += len(line)
        elif len(unfolded) < _HEADERS:
            unfolded.append(line[:_HEADER_OCTETS])
            size = len(line)
    fields = (_HEADER.match(line) for line in unfolded)
    return Headers(
        tuple((one[1].lower(), decode_words(one[2].strip())) for one in fields if one is not None)
    )


def _leaves(headers: Headers, body: bytes) -> list[MimePart]:
    leaves: list[MimePart] = []
    waiting: list[tuple[Headers, bytes, int]] = [(headers, body, 0)]
    while waiting and len(leaves) < _PARTS:
        headers, body, depth = waiting.pop()
        kind, parameters = media_type(headers.get("content-type"))
        if kind.startswith("multipart/") and depth < _DEPTH:
            named = parameters.get("boundary", "")
            inner = _between(body, named) if named else []
            if not inner and (there := _first_delimiter(body)):
                inner = _between(body, there)
            if inner:
                waiting.extend((*_split_part(one), depth + 1) for one in reversed(inner))
                continue
            kind = "text/plain"
        leaves.append(_leaf(headers, kind, parameters, body))
    return leaves


def _split_part(octets: bytes) -> tuple[Headers, bytes]:
    """Split a part into headers and body; a part without any header is all body."""
    first = octets.partition(b"\n")[0]
    if first and not re.match(rb"[!-9;-~]{1,80}[ \t]{0,20}:", first):
        return Headers(), octets
    return _split(octets)


def _first_delimiter(body: bytes) -> str:
    """Return the boundary from its first line, if the Content-Type parameter does not help."""
    match = re.search(rb"^--([^\s]{4,70})[ \t]{0,8}$", body[:20_000], re.MULTILINE)
    return match[1].decode("utf-8", "surrogateescape") if match else ""


def _between(body: bytes, boundary: str) -> list[bytes]:
    """Return the parts between delimiter lines (RFC 2046 section 5.1.1)."""
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape").rstrip()
    parts: list[bytes] = []
    start = -1
    at = 0 if body.startswith(delimiter) else body.find(b"\n" + delimiter) + 1
    if at == 0 and not body.startswith(delimiter):
        return []
    while len(parts) < _PARTS:
        end_of_line = body.find(b"\n", at)
        rest = body[at + len(delimiter) : end_of_line if end_of_line >= 0 else len(body)].strip()
        if rest in {b"", b"--"}:
            if start >= 0:
                parts.append(body[start : max(at - 1, start)])
            start = end_of_line + 1
            if rest == b"--" or end_of_line < 0:
                return parts
        at = body.find(b"\n" + delimiter, max(end_of_line - 1, at + 1)) + 1
        if at == 0:
            break
    if start >= 0 and len(parts) < _PARTS:
        parts.append(body[start:])
    return parts


def _leaf(headers: Headers, kind: str, parameters: Mapping[str, str], body: bytes) -> MimePart:
    way = headers.get("content-transfer-encoding").strip().lower()
    if way == "base64":
        body = _base64(body)
    elif way == "quoted-printable":
        body = quopri.decodestring(body)
    text = _decode(body, parameters.get("charset", ""))
    if kind == "text/html":
        text = html_words(text)
    start = text.lstrip()
    return MimePart(
        kind=kind,
        text=_bounded(text),
        headers=headers,
        parameters=parameters,
        json=start if start.startswith("{") else "",
    )


def html_words(text: str) -> str:
    """Return the words of HTML, one line for each block, with a colon between a row's cells."""
    for _ in range(10):
        hidden = _HIDDEN.search(text)
        if hidden is None:
            break
        end = text.lower().find(f"</{hidden[1].lower()}", hidden.end())
        text = text[: hidden.start()] + (text[end:] if end >= 0 else "")
    text = _BREAKING_TAG.sub("\n", _NEXT_CELL.sub(": ", text))
    return unescape(_TAG.sub(" ", text)).replace("\xa0", " ")


def _bounded(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n", _LINES)[:_LINES]
    return "\n".join(line[:_LINE] for line in lines)


def _base64(octets: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    try:
        return binascii.a2b_base64(clean[: len(clean) // 4 * 4] + _tail(clean))
    except binascii.Error:
        return octets


def _tail(clean: bytes) -> bytes:
    rest = clean[len(clean) // 4 * 4 :]
    return rest + b"=" * (-len(rest) % 4) if len(rest) > 1 else b""


def _decode(octets: bytes, charset: str) -> str:
    """Decode by the declared charset, unless the octets contradict it."""
    name = charset.strip("'\" ").lower()
    if b"\x1b$" in octets or b"\x1b(J" in octets:
        return octets.decode("iso2022_jp_3", "replace")
    for candidate in (_CHARSETS.get(name, name), "utf-8"):
        if not candidate or candidate in {"us-ascii", "ascii"}:
            continue
        codec = _text_codec(candidate)
        if not codec:
            continue
        try:
            # UTF-7 can hold half a character, which is kept and sent on nowhere.
            text = octets.decode(codec).encode("utf-8", "replace").decode()
        except ValueError:
            continue
        if name in _JAPANESE and codec != "utf-8":
            return usual_japanese(octets) or text  # each charset decodes most octets of the others
        return text
    return usual_japanese(octets) or octets.decode("cp1252", "replace")


@lru_cache(maxsize=256)  # strangers send the names; the few real ones are looked up repeatedly
def _text_codec(name: str) -> str:
    """Return the codec of a charset; empty if the name is not that of a text encoding.

    Python's registry also holds codecs that are not charsets. Some of them need quadratic time
    (``punycode``, ``idna``), and some do not decode bytes at all.
    """
    if len(name) > _CHARSET_NAME:
        return ""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    return codec if _TEXT_CODECS.fullmatch(codec) else ""
