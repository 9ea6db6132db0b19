"""Header fields as octets: encoded words (RFC 2047), addresses, lists, without line breaks."""

from __future__ import annotations

import re
from binascii import b2a_base64

from newsletter.errors import MessageError
from newsletter.i18n.messages import msg

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
