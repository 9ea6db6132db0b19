"""The part of a report that is stored: its statements, without the returned message and our links.

Operators read reports, and a returned message holds its reader's personal links. Anybody who
follows such a link can act as that reader, in other newsletters as well. A report is therefore
parsed and written anew from its headers, its own text, its status fields and the returned message's
headers. All are decoded, so that no encoding hides a token.
"""

from __future__ import annotations

import base64
import json
import re

from newsletter.bounces.bounce_text import divide
from newsletter.bounces.mail import MAIL_OCTETS, Headers, Mail, MimePart, open_mail, read_headers
from newsletter.bounces.reading import MAX_FORWARDED
from newsletter.message.identifiers import without_return_paths
from newsletter.tokens import WITHHELD, without_tokens

#: Characters of a text that are searched for the headers of a report.
_HEAD_CHARACTERS = 16_000
#: Media types with fields only, by RFC 3464, 5965, 8098 and 6533.
_STATUS_KINDS = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
        "message/disposition-notification",
        "message/global-disposition-notification",
    }
)
#: Lines of base64 as in MIME, with the shorter last line.
_BLOCK = re.compile(
    r"(?:^[ \t>]{0,16}[A-Za-z0-9+/]{40,}={0,2}[ \t]{0,8}\r?\n)+"
    r"(?:[ \t>]{0,16}[A-Za-z0-9+/]{1,100}={0,2}[ \t]{0,8}$)?",
    re.MULTILINE,
)
_WORD = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
#: Lines that consist of base64 characters only, however short.
_LINES = re.compile(
    r"(?:^[ \t>]{0,16}[A-Za-z0-9+/]{8,}={0,2}[ \t]{0,8}\r?\n)+"
    r"[ \t>]{0,16}[A-Za-z0-9+/]{1,1000}={0,2}[ \t]{0,8}$",
    re.MULTILINE,
)
_HEADER = re.compile(r"\s{0,8}(?:From [^\n]{1,400}\n)?[!-9;-~]{1,80}[ \t]{0,8}:")
_FIELD_LINE = re.compile(r"[ \t]|[!-9;-~]{1,80}[ \t]{0,8}:")
_OF_MAIL = frozenset({"from", "received", "return-path", "message-id"})


def evidence_of_mail(raw: bytes, *, has_words: bool = True) -> str:
    """Return the part of a report by mail that is stored.

    Args:
        raw: The mail as received.
        has_words: Whether its own text is stored as well as headers and status fields.
    """
    mail = open_mail(raw)
    if mail.headers.fields:
        return without_secrets(_of_mail(mail, has_words=has_words, depth=0))
    text = raw[:MAIL_OCTETS].decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return without_secrets(_own_words(text)) if has_words else WITHHELD


def evidence_of_call(raw: bytes, *, has_words: bool = True) -> str:
    """Return the part of a provider's event that is stored; the event may quote mail as well."""
    text = raw.decode("utf-8", "backslashreplace")
    try:
        event = json.loads(text)
        kept = _of_value(event, has_words=has_words)
    except (ValueError, RecursionError):
        return without_secrets(text)
    return without_secrets(text if kept == event else json.dumps(kept, ensure_ascii=False))


def without_secrets(text: str) -> str:
    """Return a text without our tokens, in plain form or in base64."""
    plain = without_return_paths(without_tokens(text))
    return _WORD.sub(_without_encoded, _LINES.sub(_without_encoded, plain))


def _without_encoded(match: re.Match[str]) -> str:
    octets = re.sub(r"[\s>=]", "", match[0])
    for start in range(4):  # A path before the token may consist of base64 characters too.
        aligned = octets[start : start + (len(octets) - start) // 4 * 4]
        decoded = base64.b64decode(aligned).decode("latin-1").replace("\0", "")
        if without_tokens(decoded) != decoded:
            return WITHHELD
    return match[0]


def _of_mail(mail: Mail, *, has_words: bool, depth: int) -> str:
    blocks = [_fields(mail.headers)]
    is_alone = len(mail.parts) == 1 and mail.parts[0].kind == mail.kind
    for part in mail.parts:
        body = _of_part(part, has_words=has_words, depth=depth)
        blocks.append(body if is_alone and body != WITHHELD else f"[{part.kind}]\n{body}")
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _of_part(part: MimePart, *, has_words: bool, depth: int) -> str:
    if part.is_returned:
        return _returned(part.text, has_words=has_words, depth=depth)
    if part.kind in _STATUS_KINDS:
        return _without_blocks(part.text)
    if part.kind.startswith("text/") and has_words:
        return _own_words(part.text, depth=depth)
    return WITHHELD


def _own_words(text: str, *, depth: int = 0) -> str:
    """Return a text's own statements, followed by the headers of the mail that it returns."""
    own, returned = divide(text)
    kept = _without_blocks(own)
    if not returned.strip():
        return kept
    return f"{kept.rstrip()}\n\n{_returned(returned, has_words=True, depth=depth)}"


def _without_blocks(text: str) -> str:
    return _BLOCK.sub(f"{WITHHELD}\n", text)


def _returned(text: str, *, has_words: bool, depth: int) -> str:
    """Return the headers of a returned mail, even below a block of a provider's own headers.

    A forwarded report is stored as a report.
    """
    text = text.lstrip("\n ")
    if depth < MAX_FORWARDED and "multipart/report" in _head(text):
        inner = open_mail(text.encode("utf-8", "replace"))
        return _of_mail(inner, has_words=has_words, depth=depth + 1)
    top, _, rest = text.partition("\n\n")
    kept = _fields(_fields_of(top))
    second = rest.partition("\n\n")[0]
    if "from" not in _fields_of(top) and all(map(_FIELD_LINE.match, second.split("\n"))):
        kept = f"{kept}\n\n{_fields(_fields_of(second))}"
    return f"{kept.strip()}\n\n{WITHHELD}".lstrip()


def _head(text: str) -> str:
    return text[:_HEAD_CHARACTERS].partition("\n\n")[0].lower()


def _fields_of(text: str) -> Headers:
    lines = [line for line in text.split("\n") if line.strip()]
    quoted = lines and all(line.lstrip().startswith(">") for line in lines)
    stripped = [line.lstrip().removeprefix(">").removeprefix(" ") for line in lines]
    width = len(lines[0]) - len(lines[0].lstrip(" ")) if lines else 0
    outdented = [line[width:] if not line[:width].strip() else line for line in lines]
    return read_headers("\n".join(stripped if quoted else outdented))


def _fields(headers: Headers) -> str:
    # Each field is handled alone: a token at the end of a value does not extend to the next field.
    return "\n".join(f"{name.title()}: {without_tokens(value)}" for name, value in headers.fields)


def _of_value(value: object, *, has_words: bool) -> object:
    if isinstance(value, dict):
        return {name: _of_value(one, has_words=has_words) for name, one in value.items()}
    if isinstance(value, list):
        return [_of_value(one, has_words=has_words) for one in value]
    return _of_text(value, has_words=has_words) if isinstance(value, str) else value


def _of_text(value: str, *, has_words: bool) -> str:
    """Return a text of an event; a text that is a mail is stored like a mail."""
    if value.lstrip().startswith(("{", "[")):  # SNS and others nest an event in a text.
        try:
            event = json.loads(value)
        except (ValueError, RecursionError):
            event = None
        kept = _of_value(event, has_words=has_words)
        if kept != event:
            return json.dumps(kept, ensure_ascii=False)
    text = value.replace("\r\n", "\n")
    if "\n" not in text:
        return without_secrets(value)
    if _HEADER.match(text) and any(name in _OF_MAIL for name, _ in read_headers(text).fields):
        mail = open_mail(text.encode("utf-8", "replace"))
        return without_secrets(_of_mail(mail, has_words=has_words, depth=0))
    if not has_words:
        return WITHHELD
    own, returned = divide(text)
    if returned.strip() or _BLOCK.search(own):
        return without_secrets(_own_words(text))
    return without_secrets(value)
