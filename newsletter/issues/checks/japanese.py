"""Japanese words, by the dictionary of Sudachi: spellings of one word, and likely slips.

The dictionary gives each word the form that its spellings share: 「申込」 and 「申し込み」,
「ブラウザ」 and 「ブラウザー」. It is mapped into memory, loads in 15 ms, and reads a sentence
in some 30 µs.
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
#: What stands directly before or behind a noun and makes a compound of it, which may leave out its
#: kana: 申込書 beside 申し込み.
_COMPOUNDING = frozenset({"名詞", "接尾辞"})
#: Kanji from which on a word with another ending is not another word: 「話」 and 「話し」 are two.
_FEWEST_KANJI = 2
#: Endings that a noun of doing has only behind する.
_ENDINGS = frozenset({"て", "た", "たり", "ます", "まし", "ませ"})
#: Letters of katakana that are taken for each other: voiced or not, small or not.
_EXCHANGED = re.findall(
    r"\S+",
    """カガ キギ クグ ケゲ コゴ サザ シジ スズ セゼ ソゾ タダ チヂ ツヅッ テデ トド ハバパ ヒビピ
    フブプ ヘベペ ホボポ アァ イィ ウゥ エェ オォ ヤャ ユュ ヨョ ャュョ ァィゥェォ シツ ソン""",
)
#: What is written with ヴ as with バ.
_WITH_V = (("ヴァ", "バ"), ("ヴィ", "ビ"), ("ヴェ", "ベ"), ("ヴォ", "ボ"), ("ヴ", "ブ"))
#: Letters that are left out or written once too often.
_ADDED = "ーッ"
#: Letters of a word from which on a slip in it can be told from another word.
_SHORTEST_SLIP = 5
#: Letters of one beyond which it is no word: for each letter some others are tried in its place,
#: and each attempt is looked up whole.
_LONGEST_SLIP = 30
#: Letters that Sudachi takes at once, well below its limit of 49,149 bytes.
_LONGEST = 10_000
_local = threading.local()


class Spelling(NamedTuple):
    """How one word is spelled somewhere; two with one ``word`` are spellings of the same."""

    word: tuple[str, ...]
    written: str


class JapaneseWords(NamedTuple):
    """What is noteworthy of the words of a text.

    Attributes:
        spellings: Of words that may be spelled in another way, each once.
        clipped: Nouns of doing that have an ending of verbs without its する: 「確認てください」.
        slips: Words in katakana that the dictionary does not have, or has as a slip, each with the
            one that it likely stands for: 「シュミレーション」, 「カレンター」.
    """

    spellings: tuple[Spelling, ...] = ()
    clipped: tuple[str, ...] = ()
    slips: tuple[tuple[str, str], ...] = ()


@cache
def _dictionary() -> Dictionary:
    return Dictionary(dict="small")


def _tokenizer() -> Tokenizer:
    """Return this thread's tokenizer: one cannot be used by two at once."""
    if not hasattr(_local, "tokenizer"):
        _local.tokenizer = _dictionary().tokenizer(mode=SplitMode.C)
    tokenizer: Tokenizer = _local.tokenizer
    return tokenizer


@lru_cache(maxsize=4096)
def read_japanese(text: str) -> JapaneseWords:
    """Return what is noteworthy of the words of a text; none where nothing of it is Japanese."""
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
    """Return the word that one in katakana likely stands for; empty where it is right itself.

    The dictionary has common slips beside the right form, as it has words with two right forms.
    A slip differs in one mark, small letter or long vowel, or in two letters changed about; so do
    few names differ from a noun of the dictionary.
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
    """Return a word without what may be written in two ways: long vowels, and ヴ."""
    for before, after in _WITH_V:
        word = word.replace(before, after)
    return word.replace("ー", "")


def _is_noun(word: str) -> bool:
    return any(
        entry.surface() == word and entry.part_of_speech()[:2] == ("名詞", "普通名詞")
        for entry in _dictionary().lookup(word)
    )


def _slips_of(word: str) -> Iterator[str]:
    """Yield the words of which this may be a slip of one letter."""
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
    """Return a text with a word in katakana changed to another wherever it stands by itself."""
    return _KATAKANA.sub(lambda match: other if match[0] == word else match[0], text)
