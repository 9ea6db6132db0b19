"""The displayed values of a workbook's cells: formatted numbers, dates and times, rich text.

Texts are stored as HTML fragments, in which struck-out text is in ``<s>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from html import escape
from typing import NamedTuple

from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number
from subscribers.lists.parsers.workbook_parts import SAVE_SHEETS, Attributes, Parts

#: Shared texts, and characters of all of them.
_MOST_TEXTS, _MOST_CHARACTERS = 2_000_000, 80_000_000
#: Characters of one shared text: the limit of a row, and more than that of a cell (32,767).
_LONGEST_TEXT = 1024 * 1024
#: Built-in formats by number; those from 27 on belong to East Asian versions.
_PERCENT, _FIXED = {9: 0, 10: 2}, {2: 2, 4: 2}
_DAYS = frozenset({14, 15, 16, 17, *range(27, 32), 34, 35, 36, *range(50, 59)})
_TIMES = frozenset({18, 19, 20, 21, 32, 33, 45, 47})
_BOTH, _ELAPSED = frozenset({22}), frozenset({46})
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\[\]]*\]', re.IGNORECASE)
#: Characters of a format, whose limit in Excel is 255, and digits of its number.
_LONGEST_CODE, _DIGITS = 1000, 10
_PLACES = re.compile(r"[0#][0#() -]*[0#]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
#: Days before this one are shifted, since the year 1900 has a 29 February in Excel.
_MARCH_1900 = 61
_MOST_DAYS = 2_958_466
_LAST_CONTROL, _SURROGATES = 0x20, range(0xD800, 0xE000)


class NumberFormat(NamedTuple):
    """The format of a number.

    Attributes:
        day: Whether it has a date; ``time`` is whether it has a time.
        percent: The decimals of a percentage; None for other numbers.
        places: Digits with leading zeros, and separators: ``000-0000``.
    """

    day: bool = False
    time: bool = False
    elapsed: bool = False
    percent: int | None = None
    places: str = ""


@dataclass(slots=True)
class Styles:
    """The number format of each style, and whether it is struck out."""

    shown: list[NumberFormat] = field(default_factory=list)
    struck: list[bool] = field(default_factory=list)

    def of(self, number: str | None) -> tuple[NumberFormat, bool]:
        """Return both for the style of a cell."""
        at = int(number) if number and number.isdecimal() and len(number) < 8 else 0  # noqa: PLR2004 - a limit of digits
        return (
            (self.shown[at], self.struck[at]) if at < len(self.shown) else (NumberFormat(), False)
        )


def is_on(attributes: Attributes, name: str, *, by_default: bool = False) -> bool:
    """Return the value of a boolean attribute."""
    value = attributes.get(name)
    return by_default if value is None else value.lower() in {"1", "true", "on"}


def read_styles(parts: Parts, path: str) -> Styles:
    """Return the styles of a workbook; empty if it has none."""
    styles, formats, fonts = Styles(), dict[str, str](), list[bool]()
    above: list[str] = []

    def start(tag: str, attributes: Attributes) -> None:
        within = above[1] if len(above) > 1 else ""
        parts.refuse_many(max(len(styles.shown), len(fonts), len(formats)))
        if tag == "numFmt" and within == "numFmts":
            number = parts.keep(attributes.get("numFmtId", ""))
            formats[number] = parts.keep(attributes.get("formatCode", "")[:_LONGEST_CODE])
        elif tag == "font" and within == "fonts":
            fonts.append(False)
        elif tag == "strike" and within == "fonts" and fonts:
            fonts[-1] = is_on(attributes, "val", by_default=True)
        elif tag == "xf" and within == "cellXfs":
            # Longer texts are not numbers, and must not be stored as keys.
            number = attributes.get("numFmtId", "0")[:_DIGITS]
            font = attributes.get("fontId", "0")
            styles.shown.append(_shown(number, formats.get(number, "")))
            styles.struck.append(
                font.isdecimal() and len(font) < 6 and int(font) < len(fonts) and fonts[int(font)]  # noqa: PLR2004 - a limit of digits
            )
        above.append(tag)

    def end(_tag: str) -> None:
        above.pop()

    if parts.has(path):
        parts.parse(path, start=start, end=end)
    return styles


@lru_cache(maxsize=512)
def _shown(number: str, code: str) -> NumberFormat:
    known = int(number) if number.isdecimal() and len(number) < 6 else 0  # noqa: PLR2004 - a limit of digits
    if not code:
        return NumberFormat(
            day=known in _DAYS | _BOTH,
            time=known in _TIMES | _BOTH | _ELAPSED,
            elapsed=known in _ELAPSED,
            percent=_PERCENT.get(known),
        )
    plain = _LITERAL.sub("", code).partition(";")[0].strip().lower()
    if "general" in plain or "標準" in plain:
        return NumberFormat()
    if plain.endswith("%") or "%" in plain:
        return NumberFormat(percent=len(plain.partition(".")[2].rstrip(" %")))
    written = code.partition(";")[0].replace("\\", "").replace('"', "").strip()
    if _PLACES.fullmatch(written):
        return NumberFormat(places=written)
    plain = plain.replace("e+", "").replace("e-", "")
    elapsed = re.search(r"\[(?:h|m|s)", plain) is not None
    time = elapsed or "h" in plain or "s" in plain
    day = any(sign in plain for sign in "ydeg") or ("m" in plain and not time)
    return NumberFormat(day=day, time=time, elapsed=elapsed)


def number_shown(text: str, shown: NumberFormat, *, from_1904: bool) -> str:
    """Return a number as displayed, or a date and time in ISO 8601."""
    try:
        value = float(text)
    except ValueError:
        return text
    if (shown.day or shown.time) and 0 <= value < _MOST_DAYS:
        return _moment(value, shown, from_1904=from_1904)
    if shown.percent is not None and abs(value) < 1e12:  # noqa: PLR2004 - exactly representable
        return f"{value * 100:.{min(shown.percent, 15)}f}%"
    if value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - exactly representable
        digits = str(int(value))
        return _placed(digits, shown.places) if shown.places and value >= 0 else digits
    if value != value or abs(value) > 1e20:  # noqa: PLR0124, PLR2004 - NaN, or very large
        return text
    # Spreadsheets display 15 digits, so 0.1 + 0.2 is 0.3.
    return f"{Decimal(f'{value:.15g}'):f}"


def _moment(value: float, shown: NumberFormat, *, from_1904: bool) -> str:
    seconds = round(value * 86_400)
    if shown.elapsed or (shown.time and not shown.day):
        hours, rest = divmod(seconds if shown.elapsed else seconds % 86_400, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    if from_1904:
        begins = datetime(1904, 1, 1)  # noqa: DTZ001 - local time of a spreadsheet
    else:
        begins = datetime(1899, 12, 30 if value >= _MARCH_1900 - 1 else 31)  # noqa: DTZ001 - local time of a spreadsheet
    try:
        moment = begins + timedelta(seconds=seconds)
    except OverflowError:
        return f"{value:f}"
    return moment.isoformat(sep=" ") if shown.time else moment.date().isoformat()


def _placed(digits: str, places: str) -> str:
    """Return digits filled into places from the right: 123 in ``000-0000`` is 000-0123."""
    rest = list(digits)
    row: list[str] = []
    for sign in reversed(places):
        if sign == "0":
            row.append(rest.pop() if rest else "0")
        elif sign == "#":
            if rest:
                row.append(rest.pop())
        else:
            row.append(sign)
    return "".join([*rest, *reversed(row)]).strip(" -")


def piece_of(text: str, *, struck: bool = False) -> str:
    """Return text as an HTML fragment, with spaces instead of characters not allowed in XML."""
    if "_x" in text:
        text = _ESCAPED.sub(_character, text)
    piece = escape(text, quote=False)
    return f"<s>{piece}</s>" if struck and piece.strip() else piece


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return " " if code < _LAST_CONTROL or code in _SURROGATES else chr(code)


class Runs:
    """The text of one or several runs during parsing, without phonetic readings."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._text: list[str] = []
        self._struck = False
        self._aloud = self._in_text = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """Take the beginning of an element."""
        if tag == "rPh":
            self._aloud = True
        elif tag == "r":
            self._struck = False
        elif tag == "strike":
            self._struck = is_on(attributes, "val", by_default=True)
        elif tag == "t":
            self._in_text = not self._aloud

    def text(self, text: str) -> None:
        """Process text."""
        if self._in_text:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """Take the end of an element."""
        if tag == "rPh":
            self._aloud = False
        elif tag == "t":
            if self._text:
                self._pieces.append(piece_of("".join(self._text), struck=self._struck))
                self._text.clear()
            self._in_text = False
        elif tag == "r":
            self._struck = False

    @property
    def holds(self) -> bool:
        """Whether there is any text."""
        return bool(self._pieces)

    def taken(self) -> str:
        """Return the text as an HTML fragment, and reset."""
        taken = "".join(self._pieces)
        self._pieces.clear()
        self._struck = False
        return taken


def read_texts(parts: Parts, path: str) -> list[str]:
    """Return the shared texts of a workbook.

    Raises:
        ListError: There are too many.
    """
    texts: list[str] = []
    if not parts.has(path):
        return texts
    runs = Runs()
    size = own = 0

    def refuse() -> None:
        raise parts.refusal(
            msg("The workbook holds more than {count} texts.", count=Number(_MOST_TEXTS)),
            SAVE_SHEETS,
        )

    def take(text: str) -> None:
        nonlocal size, own
        size, own = size + len(text), own + len(text)
        # Counted during parsing, since a highly compressed text would fill the memory.
        if size > _MOST_CHARACTERS or own > _LONGEST_TEXT:
            refuse()
        runs.text(text)

    def end(tag: str) -> None:
        nonlocal own
        runs.end(tag)
        if tag != "si":
            return
        texts.append(runs.taken())
        own = 0
        if len(texts) > _MOST_TEXTS:
            refuse()

    parts.parse(path, start=runs.start, end=end, text=take)
    return texts
