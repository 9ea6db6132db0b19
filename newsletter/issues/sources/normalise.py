"""Normalisation: text as it should have been typed, every change reported with its line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_KANGXI = re.compile(r"[⼀-⿕]")
#: What copies from PDF carry of the supplement of radicals, which NFKC leaves as it is; after
#: Unicode's EquivalentUnifiedIdeograph.txt.
_SUPPLEMENT = str.maketrans(
    "\u2e9f\u2ea0\u2ec1\u2ec4\u2ec6\u2ed1\u2ed8\u2edd"
    "\u2ee3\u2ee4\u2ee8\u2ee9\u2eeb\u2eed\u2eef\u2ef2",
    "母民虎西角長青食骨鬼麦黄斉歯竜亀",
)
_ODD_SPACES = re.compile(r"[\u00a0\u202f\u2007]")
#: What no editor means to type and no mail can carry: controls of C0 and C1, what Unicode calls no
#: characters, halves of surrogates. Tab and line feed are text.
CONTROLS = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(17))
    + "]"
)
_INVISIBLE = re.compile(r"[\ufeff\u200b]")
#: Line and page ends of word processors (VT, FF), and Unicode's own: words on both sides are apart.
_OTHER_ENDS = re.compile(r"[\x0b\x0c\u2028\u2029]")
#: What Windows-1252 has where ISO 8859-1 has controls: dashes and quotation marks of old files.
_WINDOWS = {
    chr(code): bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D}
}
_MENDED = str.maketrans(_WINDOWS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplacedCharacter:
    """One character replaced; lines and columns count from 1, in the normalised text's lines."""

    line: int
    column: int
    before: str
    after: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Normalised:
    """Text with its changes, in order."""

    text: str
    changes: tuple[ReplacedCharacter, ...]


def normalise(text: str) -> Normalised:
    """Replace what only looks like the right character, and odd spaces; lines end with LF."""
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
    """Return the text with LF for what ends lines otherwise, with a change for each."""
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
    """Return a character as it should have been typed, and why it differs; empty if it does not."""
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
    """Return the control characters in a text by code point; empty where there are none."""
    found = dict.fromkeys(CONTROLS.findall(text))
    return ", ".join(f"U+{ord(character):04X}" for character in found)


def without_controls(text: str) -> str:
    """Return a text as a mail can carry it."""
    return CONTROLS.sub("", text.translate(_MENDED))
