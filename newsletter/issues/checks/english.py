"""English words: which are spelled as the dictionary has them, and what another may stand for.

The dictionary is symspellpy's, 82,000 words in British and American spelling with how often each
is met. Its own search would hold 150 MB and take five seconds to load; one word against those of
its first letter and about its length takes half a millisecond, and is needed for unknown words
alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files

from rapidfuzz.distance import OSA

#: A word that stands by itself: no part of an address, a file's name, a setting or a number.
_WORD = re.compile(
    r"(?<![\w@./\\:#&=+%$~'’-])[A-Za-z]+(?:['’][A-Za-z]+)*(?![\w@/\\=+#&]|[.:'’-]\w)", re.ASCII
)
#: Beginnings that make a new word of any.
_PREFIXES = ("un", "re", "non", "pre", "sub", "co", "over", "multi")
#: Shorter ones are abbreviations as often as mistakes.
_SHORTEST = 4
#: From how many letters on one may be wrong, and two: in a shorter word, two may be changed about.
_ONE_WRONG, _TWO_WRONG = 6, 8
#: A capital makes it a name, unless it is so long and so near to a word.
_SHORTEST_CAPITALISED = 8
#: A word met less often, in the dictionary's text of 10¹² words, is no more likely than a name.
_RARE = 100_000
#: A text is English where so many of its words are: another language shares some.
_ENGLISH = 0.5
#: Up to so many words stand in a text of any language, as names and terms.
_FEW = 3


@lru_cache(maxsize=1)
def _dictionary() -> Mapping[str, int]:
    """Return each word and how often it is met; those of our days that it lacks are common."""
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
    """Whether the dictionary has a word, as it is or with a usual beginning or ending."""
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
    """Return the word that an unknown one most likely stands for; empty where none is near.

    Near is one letter too many, too few, wrong, or two changed about; twice so in long words, and
    in short ones the last alone. Of two as near, the one met more often.
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
    """Yield each word of a text that is likely misspelled, with what it may stand for.

    Names and abbreviations are none: a word with a capital is judged only where it is long and all
    but a word of the dictionary. A text in another language is not judged.
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
    """Return a text with a word of it changed to another wherever it stands by itself."""
    return _WORD.sub(lambda match: other if match[0] == word else match[0], text)
