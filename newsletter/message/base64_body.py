"""A body in base64 whose fixed text was encoded once, and whose slots cost only their own octets.

Base64 turns three octets into four characters, so what a fixed segment looks like depends only on
how many octets before it wait for the next group: none, one or two. Each segment is encoded in
these three phases beforehand. Its lines begin anew after each slot; RFC 2045 section 6.8 bounds the
length of a line by 76, and says nothing of short ones.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Sequence
from html import escape as escape_html

from newsletter.rendering.model import Slot, SlottedText, SlotUse

_LINE_OCTETS = 57
_PHASES = 3


class _Segment:
    """Fixed octets in three phases: what ends the waiting group, the lines, what waits next."""

    __slots__ = ("_phases", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self._phases = tuple(self._encode(octets, waiting) for waiting in range(_PHASES))

    @staticmethod
    def _encode(octets: bytes, waiting: int) -> tuple[bytes, bytes, bytes]:
        head = octets[: (_PHASES - waiting) % _PHASES]
        rest = octets[len(head) :]
        whole = len(rest) // _PHASES * _PHASES
        return head, encode_lines(rest[:whole]), rest[whole:]

    def append_to(self, out: list[bytes], carry: bytes) -> bytes:
        head, lines, tail = self._phases[len(carry)]
        first = carry + head
        if len(first) < _PHASES and carry:
            return first
        if first:
            out.append(b2a_base64(first, newline=False) + b"\r\n")
        if lines:
            out.append(lines)
        return tail


def encode_lines(octets: bytes) -> bytes:
    """Return base64 in lines of at most 76 characters, each ended by CRLF."""
    return b"".join(
        b2a_base64(octets[start : start + _LINE_OCTETS], newline=False) + b"\r\n"
        for start in range(0, len(octets), _LINE_OCTETS)
    )


class Base64Body:
    """A slotted text compiled for joining."""

    def __init__(self, slotted: SlottedText) -> None:
        self._parts: Sequence[_Segment | SlotUse] = tuple(
            part if isinstance(part, SlotUse) else _Segment(_with_crlf(part).encode("utf-8"))
            for part in slotted
        )

    def append_to(self, out: list[bytes], value: Callable[[Slot], str]) -> None:
        """Append the encoded body with its slots filled."""
        carry = b""
        for part in self._parts:
            if isinstance(part, _Segment):
                carry = part.append_to(out, carry)
                continue
            text = value(part.slot)
            octets = carry + (escape_html(text, quote=True) if part.escape else text).encode()
            whole = len(octets) // _PHASES * _PHASES
            if whole:
                out.append(encode_lines(octets[:whole]))
            carry = octets[whole:]
        if carry:
            out.append(b2a_base64(carry, newline=False) + b"\r\n")


def _with_crlf(text: str) -> str:
    """RFC 2045 section 6.8: line breaks of text are CRLF before they are encoded."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n")
