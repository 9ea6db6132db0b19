"""Wrap plain text at 70 columns by East Asian widths and Japanese line-breaking rules.

The rules are the kinsoku of JIS X 4051: closing marks and small kana may not begin a line, and
opening marks may not end one. Words between spaces, in any script, and URLs are never broken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

from wcwidth import iter_graphemes, wcswidth

from newsletter.rendering.slots import SLOT_MARK

#: Columns of a line; mail programs show 72 to 80.
COLUMNS = 70
_NO_START = frozenset(
    "、。,.・:;?!゛゜ヽヾゝゞ々ー’”)〕]}〉》」』】°′″℃%‰"
    "\uff0c\uff0e\uff1a\uff1b\uff1f\uff01\uff09\uff3d\uff5d\uff05"
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ…‥"
)
_NO_END = frozenset("‘“(〔[{〈《「『【¥$#\uff08\uff3b\uff5b\uffe5\uff04\uff03")
#: Maximum characters of a line whose wrapping is cached.
_KEPT_LENGTH = 500
#: A text as wide as a name, which replaces the mark of a slot.
_NAME = "n" * 8
_OF_URL = r"[^\s<>「」『』()、。]"
#: A bracket inside a URL is closed in it; a closing bracket of the sentence is not part of it.
_URL = rf"https?://(?:{_OF_URL}|\((?:{_OF_URL}|\({_OF_URL}*\))*\))+"
#: A space between Japanese text and a URL may not begin a line before a closing mark.
_ADDRESS = re.compile(rf"({_URL}(?: [{re.escape(''.join(sorted(_NO_START)))}]+)?)")
#: Characters that join letters to one word.
_WITHIN_WORDS = "’\u2010\u2011"
#: Scripts of South East Asia, which are written without spaces between words.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def may_not_begin_line(letter: str) -> bool:
    """Return whether a character may not begin a line, as closing marks may not."""
    return letter in _NO_START


def width(text: str) -> int:
    """Return the columns that ``text`` takes in a fixed-width font.

    Japanese fonts draw characters of ambiguous width (■, ─, …) two columns wide.
    """
    text = SLOT_MARK.sub(_NAME, text) if "slot" in text else text
    columns = wcswidth(text, ambiguous_width=2)
    return columns if columns >= 0 else len(text)


def wrap(
    text: str, *, indent: str = "", columns: int = COLUMNS, whole: frozenset[str] = frozenset()
) -> str:
    """Wrap each line of ``text``; continuation lines begin with ``indent`` as the first does.

    Link texts in ``whole`` are kept on one line if they take at most half of it.
    """
    room = columns - width(indent)
    kept = frozenset(words for words in whole if words and 2 * width(words) <= room)
    return "\n".join(
        indent + part for line in text.split("\n") for part in _wrap_line(line, room, kept)
    )


def _wrap_line(line: str, room: int, whole: frozenset[str]) -> Iterable[str]:
    """Wrap one line; the result is cached, because a draft is wrapped again after each change."""
    if len(line) > _KEPT_LENGTH:
        return _wrapped_line(line, room, whole)
    return _kept_lines(line, room, whole)


@lru_cache(maxsize=4096)
def _kept_lines(line: str, room: int, whole: frozenset[str]) -> tuple[str, ...]:
    return tuple(_wrapped_line(line, room, whole))


def _wrapped_line(line: str, room: int, whole: frozenset[str]) -> Iterator[str]:
    current, used = "", 0
    for piece in _unbreakable(line, whole):
        piece_width = width(piece)
        if used and used + width(piece.rstrip()) > room:
            yield current.rstrip()
            current, used = "", 0
            if piece.isspace():
                continue
        current += piece
        used += piece_width
    yield current.rstrip()


def _tokens(line: str, whole: frozenset[str]) -> Iterator[str]:
    """Yield tokens: URLs, link texts, western words, spaces, and each other letter.

    A letter is a grapheme (UAX 29): an emoji of several persons, kanji with a variation selector.
    """
    together = _unbroken_pattern(whole) if whole else _ADDRESS
    for index, part in enumerate(together.split(line)):
        if index % 2:
            yield part
        else:
            for kind, letters in groupby(iter_graphemes(part), key=_kind):
                if kind:
                    yield "".join(letters)
                else:
                    yield from letters


@lru_cache(maxsize=256)
def _unbroken_pattern(whole: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern for URLs and for the link texts before them, the longest first."""
    words = "|".join(map(re.escape, sorted(whole, key=len, reverse=True)))
    return re.compile(f"((?:{words})(?= <)|{_ADDRESS.pattern[1:]}")


def _kind(letter: str) -> str:
    """Return the kind of a letter; neighbours of the same kind form one token."""
    if letter.isspace():
        return "space"
    return "word" if _joins(letter[0]) else ""


def _joins(character: str) -> bool:
    """Return whether a character belongs to a word that spaces separate, in any script."""
    if character.isascii() or character in _WITHIN_WORDS:
        return True
    return (
        (character.isalpha() or character.isdecimal())
        and unicodedata.east_asian_width(character) not in {"W", "F", "H"}
        and not _UNSPACED.match(character)
    )


def _unbreakable(line: str, whole: frozenset[str]) -> Iterator[str]:
    """Join tokens that kinsoku keeps together."""
    waiting = ""
    for token in _tokens(line, whole):
        closes = token[0] in _NO_START or (token[0] == ">" and "<http" in waiting)
        opens = waiting[-1:] in _NO_END or (waiting[-1:] == "<" and _is_url(token))
        if waiting and (closes or opens):
            waiting += token
            continue
        if waiting:
            yield waiting
        waiting = token
    if waiting:
        yield waiting


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))
