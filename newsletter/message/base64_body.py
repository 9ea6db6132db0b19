"""A base64 body whose fixed text is encoded once; each message encodes only its slots.

Base64 turns groups of three octets into four characters. The encoding of a fixed segment therefore
depends only on the number of octets left over before it: none, one or two. Each segment is encoded
at most once for each of these phases. Octets in a group shared with a slot are encoded together
with the slot's value. A new line begins after each slot: RFC 2045 section 6.8 limits the length of
a line to 76 characters, and short lines are allowed.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape_html

from newsletter.rendering.model import SlottedText

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
