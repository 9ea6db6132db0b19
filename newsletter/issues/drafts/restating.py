"""Replacing an edition's date or number in texts: 11月号 becomes 12月号.

Only dates and numbers of the edition itself are replaced: in the issue of 1 November, 11月20日 is
not changed.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date

#: A numeral: digits of one kind.
NUMERAL = r"(?:[0-9]+|[０-９]+|[〇一二三四五六七八九十百千]+)"
_KANJI = "〇一二三四五六七八九"
_WIDE = "０１２３４５６７８９"
_UNITS = ((1000, "千"), (100, "百"), (10, "十"))
#: The maximum number of digits of an edition's number or a date.
_LONGEST = 9
#: Longer texts are not changed, which limits the work; no title is that long.
_LONGEST_TEXT = 1000


def read_numeral(text: str) -> int | None:
    """Return a numeral's value; None if it is not valid, such as 十千."""
    if not text or len(text) > _LONGEST:
        return None
    if text[0] in _WIDE or text[0].isascii():
        return int(text)
    if not set(text) & {"十", "百", "千"}:
        return int("".join(str(_KANJI.index(letter)) for letter in text))
    value, digit, least = 0, 0, 10_000
    for letter in text:
        if letter in _KANJI[1:] and not digit:
            digit = _KANJI.index(letter)
            continue
        unit = next((size for size, name in _UNITS if name == letter), 0)
        if not 0 < unit < least:
            return None
        value, digit, least = value + (digit or 1) * unit, 0, unit
    return value + digit


def write_numeral(value: int, *, like: str) -> str:
    """Return a value in the style of a numeral, with leading zeros if the numeral has them."""
    if like[0].isascii():
        return str(value).zfill(len(like) if like.startswith("0") else 0)
    if like[0] in _WIDE:
        plain = str(value).zfill(len(like) if like.startswith("０") else 0)
        return "".join(_WIDE[int(digit)] for digit in plain)
    by_place = len(like) > 1 and not set(like) & {"十", "百", "千"}
    if by_place or value >= 10_000:  # noqa: PLR2004 - 万 is not read either
        return "".join(_KANJI[int(digit)] for digit in str(value))
    words = ""
    for size, name in _UNITS:
        count, value = divmod(value, size)
        words += ("" if count == 1 else _KANJI[count]) + name if count else ""
    return words + (_KANJI[value] if value or not words else "")


LineRange = tuple[int, int]
#: From Monday on.
WEEKDAYS = "月火水木金土日"
#: The year before an era's first.
ERAS = {"令和": 2018, "平成": 1988, "R": 2018, "Ｒ": 2018}
_NO_DIGIT_BEFORE, _NO_DIGIT_AFTER = r"(?<![0-9０-９])", r"(?![0-9０-９])"
_N = NUMERAL
_ENGLISH = "|".join(
    f"{calendar.month_name[month]}|{calendar.month_abbr[month]}" for month in range(1, 13)
)
_JAPANESE_DATE = re.compile(
    rf"{_NO_DIGIT_BEFORE}(?:(?P<era>令和|平成|R|Ｒ)?(?P<year>{_N}|元)年\s?)?"
    rf"(?P<month>{_N})月(?!間|刊|末|謝)(?:\s?(?P<day>{_N})日(?!間))?"
    r"(?P<open>\s?[（(])?(?(open)(?P<weekday>[月火水木金土日])(?=曜?日?[)）]))?"
)
_JAPANESE_YEAR = re.compile(
    rf"{_NO_DIGIT_BEFORE}(?P<era>令和|平成|R|Ｒ)?(?P<year>{_N}|元)年(?!度|間|前|後|ぶり|目)"
)
_NUMERIC_DATES = tuple(
    re.compile(rf"{_NO_DIGIT_BEFORE}(?<![./-]){pattern}(?![./-]?\d)")
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?:(?P=mark)(?P<day>\d{1,2}))?",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})",
    )
)
_ENGLISH_DATE = re.compile(
    rf"(?:(?<!\d)(?P<day>\d{{1,2}})(?P<th>st|nd|rd|th)? )?\b(?P<name>{_ENGLISH})\b\.?"
    r"(?: (?P<day2>\d{1,2})(?P<th2>st|nd|rd|th)?(?!\d))?(?:,? (?P<year>\d{4})(?!\d))?"
)
_COUNTED = re.compile(
    rf"(?P<before>第|通巻|\b[Nn]o\.?|№|\b[Vv]ol\.?|#|＃|\b[Ii]ssue|\b[Nn]umber)?(?P<space>\s?)"
    rf"{_NO_DIGIT_BEFORE}(?P<number>{_N}){_NO_DIGIT_AFTER}(?P<after>\s?(?:号|便|版|報))?"
)


def restate(text: str, *, dates: tuple[date, date], numbers: tuple[str, str]) -> str:
    """Return a text with an edition's date and number replaced by another's.

    Args:
        text: The text, such as a title.
        dates: The old and the new date.
        numbers: The old and the new number. If both are empty, a number in the text is incremented.
    """
    if len(text) > _LONGEST_TEXT:
        return text
    text, stated = _restate_date(text, *dates)
    before, after = numbers
    if before and before != after and (at := _find_apart(text, before, stated)) >= 0:
        return text[:at] + after + text[at + len(before) :]
    old, new = _last_value(before), _last_value(after)

    def counted(match: re.Match[str]) -> str | None:
        value, marked = read_numeral(match["number"]), match["before"] or match["after"]
        if value is None or not marked or (before and value != old):
            return None
        following = new if before and new is not None else value + 1
        written = write_numeral(following, like=match["number"])
        return f"{match['before'] or ''}{match['space']}{written}{match['after'] or ''}"

    return _replace(_COUNTED, text, counted, stated)[0]


def next_number(number: str, *, before: date, after: date) -> str:
    """Return the next number: ``42`` and ``第42号`` are incremented, ``11月号`` is a date.

    Args:
        number: The printed number; without any digit it is not changed.
        before: The date of its edition.
        after: The date of the next edition.
    """
    if len(number) > _LONGEST_TEXT:
        return number
    text, stated = _restate_date(number, before, after)
    runs = [
        match
        for match in re.finditer(NUMERAL, text)
        if not _overlaps(match.span(), stated) and read_numeral(match[0]) is not None
    ]
    if not runs:
        return text
    last = runs[-1]
    following = write_numeral((read_numeral(last[0]) or 0) + 1, like=last[0])
    return text[: last.start()] + following + text[last.end() :]


def _last_value(number: str) -> int | None:
    values = [read_numeral(run) for run in re.findall(NUMERAL, number)]
    return values[-1] if values else None


def _find_apart(text: str, words: str, stated: list[LineRange]) -> int:
    """Return the position of a number with other characters, outside dates; -1 if not found."""
    if re.fullmatch(NUMERAL, words):
        return -1
    pattern = rf"{_NO_DIGIT_BEFORE}{re.escape(words)}{_NO_DIGIT_AFTER}"
    match = re.search(pattern, text)
    return match.start() if match and not _overlaps(match.span(), stated) else -1


def _overlaps(span: LineRange, others: list[LineRange]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _restate_date(text: str, old: date, new: date) -> tuple[str, list[LineRange]]:
    """Return the text with the new date, and its positions."""
    stated: list[LineRange] = []
    for pattern in (_JAPANESE_DATE, *_NUMERIC_DATES, _JAPANESE_YEAR):
        text, stated = _replace(pattern, text, lambda found: _dated(found, old, new), stated)
    return _replace(_ENGLISH_DATE, text, lambda found: _dated_english(found, old, new), stated)


def _dated(match: re.Match[str], old: date, new: date) -> str | None:
    parts = match.groupdict()
    written = match[0]
    start = ERAS.get(parts.get("era") or "", 0)
    changes: list[tuple[LineRange, str]] = []
    for name, was, becomes in (
        ("year", old.year - start, new.year - start),
        ("month", old.month, new.month),
        ("day", old.day, new.day),
    ):
        if (numeral := parts.get(name)) is None:
            continue
        if (1 if numeral == "元" else read_numeral(numeral)) != was:
            return None
        like = "1" if numeral == "元" else numeral
        same = becomes == was
        changes.append((match.span(name), numeral if same else write_numeral(becomes, like=like)))
    if parts.get("weekday"):
        changes.append((match.span("weekday"), WEEKDAYS[new.weekday()]))
    for (start_at, end_at), words in reversed(changes):
        offset = match.start()
        written = written[: start_at - offset] + words + written[end_at - offset :]
    return written


def _dated_english(match: re.Match[str], old: date, new: date) -> str | None:
    day = match["day"] or match["day2"]
    names = (calendar.month_name[old.month], calendar.month_abbr[old.month])
    if match["name"] not in names or (day and int(day) != old.day):
        return None
    if match["year"] and int(match["year"]) != old.year:
        return None
    if match["name"] == "May" and not (day or match["year"]):
        return None  # A verb, as likely as not.
    in_full = match["name"] == calendar.month_name[old.month]
    name = (calendar.month_name if in_full else calendar.month_abbr)[new.month]
    written = match[0].replace(match["name"], name, 1)
    if day:
        ending = match["th"] or match["th2"] or ""
        following = f"{new.day}{_ordinal(new.day) if ending else ''}"
        written = re.sub(rf"(?<!\d){day}{ending}(?!\d)", following, written, count=1)
    return written.replace(match["year"], str(new.year)) if match["year"] else written


def _ordinal(day: int) -> str:
    teens = range(11, 14)
    return "th" if day in teens else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _replace(
    pattern: re.Pattern[str],
    text: str,
    change: Callable[[re.Match[str]], str | None],
    kept: list[LineRange],
) -> tuple[str, list[LineRange]]:
    """Change the matches of a pattern outside ``kept``; return the text and all kept ranges."""
    written, spans, end = "", [], 0
    for match in pattern.finditer(text):
        words = None if _overlaps(match.span(), kept) else change(match)
        if words is None:
            continue
        written += text[end : match.start()]
        spans.append((len(written), len(written) + len(words), match.start(), match.end()))
        written += words
        end = match.end()
    written += text[end:]
    moved = [(_moved(start, spans), _moved(stop, spans)) for start, stop in kept]
    return written, [*moved, *((start, stop) for start, stop, _, _ in spans)]


def _moved(place: int, spans: list[tuple[int, int, int, int]]) -> int:
    """Return the position in the new text for one in the old text."""
    return place + sum((b - a) - (d - c) for a, b, c, d in spans if d <= place)
