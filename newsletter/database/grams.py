"""Letters and their neighbours, by which an index finds texts that hold a part.

Japanese has no blanks between words, and many words of two letters. So of each line of a text there
are known: each letter that is not ASCII, each pair of neighbours, and each three of ASCII, whose
pairs are in too many texts. A text that holds a part has all the grams of that part; whether it
holds the part itself is then asked of the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

#: Of a part that is looked for, so many grams are asked of the index.
_MOST_ASKED = 24


def grams_of(text: str) -> set[str]:
    """Return all grams of a text; none spans two of its lines."""
    found: set[str] = set()
    for line in text.split("\n"):
        found.update(map("".join, pairwise(line)))
        threes = set(map("".join, zip(line, line[1:], line[2:], strict=False)))
        if line.isascii():
            found |= threes
        else:
            found.update(letter for letter in line if not letter.isascii())
            found.update(filter(str.isascii, threes))
    return found


def grams_asked(part: str) -> Sequence[str]:
    """Return the grams of a part that are worth asking for; none of a single letter of ASCII."""
    grams = grams_of(part)
    threes = [gram for gram in grams if len(gram) == 3]  # noqa: PLR2004 - letters
    covered = {pair for three in threes for pair in (three[:2], three[1:])}
    pairs = [gram for gram in grams if len(gram) == 2 and gram not in covered]  # noqa: PLR2004
    letters = {letter for gram in threes + pairs for letter in gram}
    single = [gram for gram in grams if len(gram) == 1 and gram not in letters]
    # Pairs with letters beyond ASCII are in the fewest texts.
    return sorted(threes + pairs + single, key=lambda gram: (gram.isascii(), gram))[:_MOST_ASKED]


@lru_cache(maxsize=200_000)
def fts_word(gram: str) -> str:
    """Return a gram as FTS5 takes it for one word, whatever its letters are."""
    return "x".join(f"{ord(letter):x}" for letter in gram)


def fts_words(grams: Iterable[str]) -> str:
    """Return grams as a text for FTS5, or as a question to it that asks for all of them."""
    return " ".join(map(fts_word, grams))


def fts_text(text: str | None) -> str:
    """Return the grams of a text as FTS5 takes them: the same text for the same text."""
    return fts_words(sorted(grams_of(text or "")))
