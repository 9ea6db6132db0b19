"""Spelling of English words, with suggestions for unknown ones.

The dictionary is that of symspellpy, with 82,000 words in British and American spelling and their
frequencies. Symspellpy's own search needs 150 MB and five seconds to load. Comparing a word with
those of the same first letter and about the same length takes half a millisecond, and is only
needed for unknown words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files

from rapidfuzz.distance import OSA

#: A separate word, which is not part of a URL, a file name, a setting or a number.
_WORD = re.compile(
    r"(?<![\w@./\\:#&=+%$~'’-])[A-Za-z]+(?:['’][A-Za-z]+)*(?![\w@/\\=+#&]|[.:'’-]\w)", re.ASCII
)
#: Prefixes that form new words.
_PREFIXES = ("un", "re", "non", "pre", "sub", "co", "over", "multi")
#: Letters of the shortest checked word; shorter ones are often abbreviations.
_SHORTEST = 4
#: Letters from which on one and two wrong letters are considered; in shorter words, only two
#: swapped letters.
_ONE_WRONG, _TWO_WRONG = 6, 8
#: Letters from which on a capitalised word, usually a name, is compared with the dictionary.
_SHORTEST_CAPITALISED = 8
#: Occurrences in the dictionary's corpus of 10¹² words; rarer words are not more likely than names.
_RARE = 100_000
#: The share of known words from which on a text is English; other languages have some of them, too.
_ENGLISH = 0.5
#: The number of English words that may occur in a text of any language as names and terms.
_FEW = 3


@lru_cache(maxsize=1)
def _dictionary() -> Mapping[str, int]:
    """Return the frequencies of words; recent words that the dictionary lacks count as common."""
    counts: dict[str, int] = {}
    published = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    with published.open(encoding="utf-8-sig") as lines:
        for line in lines:
            word, _, count = line.rstrip().rpartition(" ")
            counts[word] = int(count)
    recent = files(__package__) / "recent_words.txt"
    for line in recent.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            counts.setdefault(line, _RARE)
    return counts


@lru_cache(maxsize=1)
def _by_beginning() -> Mapping[tuple[str, int], list[str]]:
    """Return the dictionary's words by first letter and length."""
    by_beginning: dict[tuple[str, int], list[str]] = {}
    for word in _dictionary():
        by_beginning.setdefault((word[0], len(word)), []).append(word)
    return by_beginning


@lru_cache(maxsize=8192)
def is_known(word: str) -> bool:
    """Return whether the dictionary has a word, also with a usual prefix or suffix."""
    word = word.replace("’", "'").lower()
    words = _dictionary()
    bare = word.removesuffix("'s").removesuffix("'")
    if word in words or bare in words or (bare.endswith(("s", "ed")) and bare[:-1] in words):
        return True
    return any(
        bare.startswith(prefix) and len(bare) - len(prefix) >= _SHORTEST
        and bare[len(prefix) :] in words
        for prefix in _PREFIXES
    )  # fmt: skip


@lru_cache(maxsize=8192)
def nearest_word(word: str) -> str:
    """Return the most likely correction of an unknown word; empty if there is none.

    A correction has one letter added, removed or replaced, or two letters swapped. Long words may
    have two such changes, and short ones only a swap. Of equally near words, the most frequent is
    returned.
    """
    plain = word.lower()
    capitalised = word[0].isupper()
    limit = 1 if capitalised or len(plain) < _TWO_WRONG else 2
    counts = _dictionary()
    best: tuple[int, int, str] | None = None
    for length in range(len(plain) - limit, len(plain) + limit + 1):
        for other in _by_beginning().get((plain[0], length), ()):
            distance = OSA.distance(plain, other, score_cutoff=limit)
            if distance <= limit and counts[other] >= _RARE:
                if len(plain) < _ONE_WRONG and sorted(plain) != sorted(other):
                    continue
                candidate = (distance, -counts[other], other)
                best = candidate if best is None else min(best, candidate)
    if best is None:
        return ""
    return best[2].capitalize() if capitalised else best[2]


def misspelled_words(text: str) -> Iterator[tuple[str, str]]:
    """Yield the probably misspelled words of a text with their corrections.

    Names and abbreviations are skipped: a capitalised word is checked only if it is long and almost
    equals a word of the dictionary. Texts in other languages are skipped.
    """
    words = [match[0] for match in _WORD.finditer(text)]
    known = sum(map(is_known, words))
    if len(words) > _FEW and known < len(words) * _ENGLISH:
        return
    for word in words:
        shortest = _SHORTEST if word.islower() else _SHORTEST_CAPITALISED
        regular = word.islower() or word.istitle()
        if (
            len(word) >= shortest
            and regular
            and not is_known(word)
            and (near := nearest_word(word))
        ):
            yield word, near


def replace_word(text: str, *, word: str, other: str) -> str:
    """Return a text in which all separate occurrences of a word are replaced."""
    return _WORD.sub(lambda match: other if match[0] == word else match[0], text)
