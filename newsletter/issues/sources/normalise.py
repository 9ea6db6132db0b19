"""Normalisation of text and its unsuitable characters, which reports each change with its line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing
from newsletter.issues.checks.findings import Severity

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


#: Bidi controls (UAX #9), which are invisible and can reorder the display of a URL or a name.
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Bidi controls except marks, which do not reorder text and are needed in right-to-left scripts.
_BIDI_BUT_MARKS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
#: Letters of right-to-left scripts: Hebrew, Arabic, Syriac, Thaana, N'Ko and others.
_RIGHT_TO_LEFT = re.compile(r"[\u0591-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
#: Invisible characters. A zero-width joiner is allowed between emoji, and next to letters of Arabic
#: and Indian scripts, whose shape it determines.
_UNSEEN = re.compile(
    r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2060-\u2064\u3164\uffa0\U000e0000-\U000e007f]"
    r"|(?<![\u2600-\u27bf\ufe0f\U0001f000-\U0001faff\u0600-\u08ff\u0900-\u0dff])\u200d"
)
#: Flags of regions, such as Scotland's, consist of a black flag and tag characters (UTS 51).
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f")
#: Texts of only common characters, which need no further checks; nearly all texts are such.
ORDINARY = re.compile(
    "[\\t\\n\\x20-\\x7e\u3000-\u3002\u3008-\u3011\u3041-\u3096\u30a1-\u30fe\u4e00-\u9fff\uff01-\uff5e]*"
)
_DAMAGED = re.compile(r"\ufffd+")
_PRIVATE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_HALF_KANA = re.compile(r"[\uff66-\uff9f]+")
#: The largest number of characters that a message lists.
_MOST_NAMED = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class CharacterFault:
    """A kind of unsuitable characters in a text, and these characters."""

    code: str
    severity: Severity
    found: str
    message: Message
    mendable: bool


def find_character_faults(text: str) -> tuple[CharacterFault, ...]:
    """Return the unsuitable characters in a text, with one entry per kind."""
    if ORDINARY.fullmatch(text):
        return ()
    found = [
        _normalisable(text),
        _seen(
            "character-control",
            Severity.ERROR,
            CONTROLS,
            text,
            msg("Control characters that cannot be sent by email"),
        ),
        _seen(
            "character-bidi",
            Severity.ERROR,
            _bidi(text),
            text,
            msg("Control characters that change the writing direction"),
        ),
        _seen(
            "character-invisible",
            Severity.WARNING,
            _UNSEEN,
            _FLAG.sub("", text),
            msg("Invisible characters"),
        ),
        _seen(
            "character-damaged",
            Severity.ERROR,
            _DAMAGED,
            text,
            msg("Text damaged by a wrong encoding (U+FFFD)"),
            mendable=False,
        ),
        _seen(
            "character-private",
            Severity.ERROR,
            _PRIVATE,
            text,
            msg("Private-use characters that readers cannot see"),
            mendable=False,
        ),
        _seen(
            "character-half-kana",
            Severity.HINT,
            _HALF_KANA,
            text,
            msg("Half-width katakana"),
        ),
    ]
    return tuple(fault for fault in found if fault is not None)


def mend_characters(text: str) -> str:
    """Return a text in which characters with a single possible correction are corrected."""
    flags = [*_FLAG.findall(text), ""]
    between = _FLAG.split(_bidi(text).sub("", text))
    without = "".join(
        _UNSEEN.sub("", part) + flag for part, flag in zip(between, flags, strict=True)
    )
    whole = _HALF_KANA.sub(lambda match: unicodedata.normalize("NFKC", match[0]), without)
    return "".join(normalise_character(character)[0] for character in whole)


def _bidi(text: str) -> re.Pattern[str]:
    """Return the pattern of the bidi controls that a text does not need."""
    return _BIDI_BUT_MARKS if _RIGHT_TO_LEFT.search(text) else _BIDI


def _normalisable(text: str) -> CharacterFault | None:
    found = "".join(
        char
        for char in dict.fromkeys(text)
        if normalise_character(char)[1] and not CONTROLS.match(char)
    )
    if not found:
        return None
    return CharacterFault(
        code="character-lookalike",
        severity=Severity.WARNING,
        found=found,
        message=msg("Characters that only look right, or odd spaces: {found}", found=_named(found)),
        mendable=True,
    )


def _seen(
    code: str,
    severity: Severity,
    pattern: re.Pattern[str],
    text: str,
    message: Message,
    *,
    mendable: bool = True,
) -> CharacterFault | None:
    found = "".join(dict.fromkeys("".join(pattern.findall(text))))
    if not found:
        return None
    visible = tuple(filter(_is_visible, found))
    if visible:
        names = Listing(visible[:_MOST_NAMED])
        message = msg("{message}: {names}", message=message, names=names)
    return CharacterFault(
        code=code, severity=severity, found=found, message=message, mendable=mendable
    )


def _named(characters: str) -> Listing:
    """Return a list of characters; invisible ones are shown by their names."""
    names = dict.fromkeys(
        char
        if _is_visible(char)
        else msg("unusual spaces")
        if char.isspace()
        else msg("characters without width")
        for char in characters
    )
    return Listing(tuple(names)[:_MOST_NAMED])


def _is_visible(character: str) -> bool:
    return character.isprintable() and not character.isspace()
