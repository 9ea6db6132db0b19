"""Numerals as editors write them: 12, １２, 十二, 〇一二; each written on in its own style."""

from __future__ import annotations

#: A run of digits of one kind.
NUMERAL = r"(?:[0-9]+|[０-９]+|[〇一二三四五六七八九十百千]+)"
_KANJI = "〇一二三四五六七八九"
_WIDE = "０１２３４５６７８９"
_UNITS = ((1000, "千"), (100, "百"), (10, "十"))
#: Digits beyond which a run is no number of an edition or date.
_LONGEST = 9


def read_numeral(text: str) -> int | None:
    """Return a numeral's value; None for what is none, such as 十千."""
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
    """Write a value in the style of a numeral, as wide where that begins with a nought."""
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
