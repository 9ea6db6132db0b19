"""Japanese words by the dictionary of Sudachi: inconsistent spellings and probable misspellings.

The dictionary has a common form for the spellings of a word: 「申込」 and 「申し込み」,
「ブラウザ」 and 「ブラウザー」. It is mapped into memory, loads in 15 ms, and a sentence takes some
30 µs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from sudachipy import Dictionary, Morpheme, SplitMode, Tokenizer

_KANJI = re.compile("[\u4e00-\u9fff\u3005]")
_KATAKANA = re.compile("[\u30a1-\u30faー]+")
_MIXED = re.compile("[\u4e00-\u9fff\u3005\u3041-\u3096]+")
_JAPANESE = re.compile("[\u3041-\u30ff\u4e00-\u9fff]")
#: Parts of speech that form compounds with a noun, which may omit its kana: 申込書 besides
#: 申し込み.
_COMPOUNDING = frozenset({"名詞", "接尾辞"})
#: Kanji from which on another ending does not make another word; 「話」 and 「話し」 differ.
_FEWEST_KANJI = 2
#: Endings that a verbal noun can have only after する.
_ENDINGS = frozenset({"て", "た", "たり", "ます", "まし", "ませ"})
#: Katakana that are often confused: voiced or unvoiced, small or large.
_EXCHANGED = re.findall(
    r"\S+",
    """カガ キギ クグ ケゲ コゴ サザ シジ スズ セゼ ソゾ タダ チヂ ツヅッ テデ トド ハバパ ヒビピ
    フブプ ヘベペ ホボポ アァ イィ ウゥ エェ オォ ヤャ ユュ ヨョ ャュョ ァィゥェォ シツ ソン""",
)
#: Equivalent spellings with ヴ and バ.
_WITH_V = (("ヴァ", "バ"), ("ヴィ", "ビ"), ("ヴェ", "ベ"), ("ヴォ", "ボ"), ("ヴ", "ブ"))
#: Letters that are often omitted or added.
_ADDED = "ーッ"
#: Letters from which on a misspelling can be distinguished from another word.
_SHORTEST_SLIP = 5
#: Letters of the longest checked word; for each letter, several replacements are looked up.
_LONGEST_SLIP = 30
#: Characters passed to Sudachi at once, well below its limit of 49,149 bytes.
_LONGEST = 10_000
_local = threading.local()


class Spelling(NamedTuple):
    """One spelling of a word; spellings with the same ``word`` belong together."""

    word: tuple[str, ...]
    written: str


class JapaneseWords(NamedTuple):
    """Notable words of a text.

    Attributes:
        spellings: The spellings of words that have several, each once.
        clipped: Verbal nouns with the ending of a verb but without する: 「確認てください」.
        slips: Katakana words that the dictionary lacks or marks as wrong, each with the probable
            correction: 「シュミレーション」, 「カレンター」.
    """

    spellings: tuple[Spelling, ...] = ()
    clipped: tuple[str, ...] = ()
    slips: tuple[tuple[str, str], ...] = ()


@cache
def _dictionary() -> Dictionary:
    return Dictionary(dict="small")


def _tokenizer() -> Tokenizer:
    """Return the tokenizer of this thread; a tokenizer cannot be shared between threads."""
    if not hasattr(_local, "tokenizer"):
        _local.tokenizer = _dictionary().tokenizer(mode=SplitMode.C)
    tokenizer: Tokenizer = _local.tokenizer
    return tokenizer


@lru_cache(maxsize=4096)
def read_japanese(text: str) -> JapaneseWords:
    """Return the notable words of a text; none if it contains no Japanese."""
    if not _JAPANESE.search(text):
        return JapaneseWords()
    spellings: dict[Spelling, None] = {}
    clipped: dict[str, None] = {}
    slips: dict[tuple[str, str], None] = {}
    for start in range(0, len(text), _LONGEST):
        morphemes = list(_tokenizer().tokenize(text[start : start + _LONGEST]))
        kinds = ["", *(each.part_of_speech()[0] for each in morphemes), ""]
        for at, morpheme in enumerate(morphemes):
            if (spelling := _spelling(morpheme, {kinds[at], kinds[at + 2]})) is not None:
                spellings[spelling] = None
            if likely := _likely(morpheme):
                slips[morpheme.surface(), likely] = None
        for noun, ending in pairwise(morphemes):
            if _is_clipped(noun, ending):
                clipped[noun.surface() + ending.surface()] = None
    return JapaneseWords(tuple(spellings), tuple(clipped), tuple(slips))


def _is_clipped(noun: Morpheme, ending: Morpheme) -> bool:
    return (
        ending.surface() in _ENDINGS
        and ending.part_of_speech()[0] in {"助詞", "助動詞"}
        and noun.part_of_speech()[2] == "サ変可能"
        and len(_KANJI.findall(noun.surface())) == len(noun.surface()) >= _FEWEST_KANJI
    )


def _likely(morpheme: Morpheme) -> str:
    """Return the probable correction of a katakana word; empty if the word is correct.

    The dictionary contains common misspellings with their correct form, but also words with two
    correct forms. A misspelling differs in one voicing mark, small letter or long vowel, or by two
    swapped letters. Few names differ from a noun of the dictionary in this way.
    """
    written = morpheme.surface()
    if not _KATAKANA.fullmatch(written) or len(written) > _LONGEST_SLIP:
        return ""
    if not morpheme.is_oov():
        usual = morpheme.normalized_form()
        return usual if usual in _slips_of(written) and _alike(usual) != _alike(written) else ""
    if len(written) < _SHORTEST_SLIP:
        return ""
    return next((near for near in dict.fromkeys(_slips_of(written)) if _is_noun(near)), "")


def _alike(word: str) -> str:
    """Return a word in a form that is independent of long vowels and ヴ."""
    for before, after in _WITH_V:
        word = word.replace(before, after)
    return word.replace("ー", "")


def _is_noun(word: str) -> bool:
    return any(
        entry.surface() == word and entry.part_of_speech()[:2] == ("名詞", "普通名詞")
        for entry in _dictionary().lookup(word)
    )


def _slips_of(word: str) -> Iterator[str]:
    """Yield the possible corrections of a word by one change."""
    for at, letter in enumerate(word):
        for others in _EXCHANGED:
            if letter in others:
                yield from (word[:at] + other + word[at + 1 :] for other in others)
        if letter in _ADDED:
            yield word[:at] + word[at + 1 :]
        yield from (word[: at + 1] + added + word[at + 1 :] for added in _ADDED)
        yield word[:at] + word[at + 1 : at + 2] + letter + word[at + 2 :]


def _spelling(morpheme: Morpheme, beside: set[str]) -> Spelling | None:
    kind, *_, conjugation, _form = morpheme.part_of_speech()
    if kind not in {"名詞", "動詞"} or morpheme.is_oov():
        return None
    written = morpheme.dictionary_form()
    if _KATAKANA.fullmatch(written):
        return Spelling((kind, morpheme.normalized_form()), written)
    kanji = "".join(_KANJI.findall(written))
    if not _MIXED.fullmatch(written) or len(kanji) < _FEWEST_KANJI:
        return None
    if kanji == written and beside & _COMPOUNDING:
        return None
    return Spelling((kind, conjugation, morpheme.normalized_form(), kanji), written)


def replace_katakana(text: str, *, word: str, other: str) -> str:
    """Return a text in which all separate occurrences of a katakana word are replaced."""
    return _KATAKANA.sub(lambda match: other if match[0] == word else match[0], text)
