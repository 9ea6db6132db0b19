"""Normalisation of text, which reports each change with its line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_KANGXI = re.compile(r"[⼀-⿕]")
#: Characters of the radicals supplement, which occur in text copied from PDF and which NFKC does
#: not change; from Unicode's EquivalentUnifiedIdeograph.txt.
_SUPPLEMENT = str.maketrans(
    "\u2e9f\u2ea0\u2ec1\u2ec4\u2ec6\u2ed1\u2ed8\u2edd"
    "\u2ee3\u2ee4\u2ee8\u2ee9\u2eeb\u2eed\u2eef\u2ef2",
    "母民虎西角長青食骨鬼麦黄斉歯竜亀",
)
_ODD_SPACES = re.compile(r"[\u00a0\u202f\u2007]")
#: Characters that are never intended and not possible in mail: C0 and C1 controls except tab and
#: line feed, noncharacters, lone surrogates.
CONTROLS = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(17))
    + "]"
)
_INVISIBLE = re.compile(r"[\ufeff\u200b]")
#: Line and page ends of word processors (VT, FF) and of Unicode, which separate words.
_OTHER_ENDS = re.compile(r"[\x0b\x0c\u2028\u2029]")
#: Characters of Windows-1252 at the positions of controls in ISO 8859-1: dashes, quotation marks.
_WINDOWS = {
    chr(code): bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}
_MENDED = str.maketrans(_WINDOWS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplacedCharacter:
    """One replaced character; line and column count from 1 in the normalised text."""

    line: int
    column: int
    before: str
    after: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalised:
    """The normalised text and its changes in order."""

    text: str
    changes: tuple[ReplacedCharacter, ...]


def normalise(text: str) -> Normalised:
    """Replace lookalike characters and unusual spaces; line ends become LF."""
    lines: list[str] = []
    changes: list[ReplacedCharacter] = []
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    if unified != text:
        before = "\r\n" if "\r\n" in text else "\r"
        changes.append(
            ReplacedCharacter(line=1, column=1, before=before, after="\n", reason="line ends")
        )
    unified = _with_other_ends(unified, changes)
    for number, line in enumerate(unified.split("\n"), start=1):
        lines.append(_normalise_line(line, number, changes))
    return Normalised(text="\n".join(lines), changes=tuple(changes))


def _with_other_ends(text: str, changes: list[ReplacedCharacter]) -> str:
    """Return the text with LF instead of other line ends, and record each change."""
    ended = _OTHER_ENDS.sub("\n", text)
    line, since = 1, 0
    for end in _OTHER_ENDS.finditer(text):
        at = end.start()
        line += ended.count("\n", since, at)
        column = at - ended.rfind("\n", 0, at)
        changes.append(
            ReplacedCharacter(
                line=line, column=column, before=end[0], after="\n", reason="line ends"
            )
        )
        since = at
    return ended


def _normalise_line(line: str, number: int, changes: list[ReplacedCharacter]) -> str:
    characters = []
    for column, before in enumerate(line, start=1):
        after, reason = normalise_character(before)
        if reason:
            changes.append(
                ReplacedCharacter(
                    line=number, column=column, before=before, after=after, reason=reason
                )
            )
        characters.append(after)
    result = "".join(characters)
    trimmed = result.rstrip(" \t\u3000")
    if "\u3000" not in result[len(trimmed) :]:
        return result
    changes.append(
        ReplacedCharacter(
            line=number,
            column=len(trimmed) + 1,
            before=result[len(trimmed) :],
            after="",
            reason="full-width space at the end of a line",
        )
    )
    return trimmed


def normalise_character(character: str) -> tuple[str, str]:  # noqa: PLR0911 - one a kind
    """Return the intended character, and the reason of the change; empty if there is none."""
    if ord(character) in _SUPPLEMENT:
        return character.translate(_SUPPLEMENT), "radical that stands for an ideograph"
    if _KANGXI.match(character):
        return unicodedata.normalize("NFKC", character), "radical that stands for an ideograph"
    if _ODD_SPACES.match(character):
        return " ", "no-break space"
    if character in _WINDOWS:
        return _WINDOWS[character], "character of Windows-1252"
    if _OTHER_ENDS.match(character):
        return " ", "line ends"
    if CONTROLS.match(character):
        return "", "control character"
    if _INVISIBLE.match(character):
        return "", "invisible character"
    return character, ""


def find_controls(text: str) -> str:
    """Return the code points of the control characters in a text; empty if there are none."""
    found = dict.fromkeys(CONTROLS.findall(text))
    return ", ".join(f"U+{ord(character):04X}" for character in found)


def without_controls(text: str) -> str:
    """Return a text without control characters."""
    return CONTROLS.sub("", text.translate(_MENDED))
