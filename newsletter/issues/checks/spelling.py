"""Hints about probable mistakes in Japanese and English texts.

In Japanese: a repeated particle, a する verb whose noun lost a character (「共同で実します」), and
different spellings of a word within an issue. In English: unknown words that are similar to a word
of the dictionary, and repeated words. All of these are hints, and each newsletter has a dictionary
of accepted words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from importlib.resources import files

from rapidfuzz.distance import OSA

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import normal_form
from newsletter.issues.checks.findings import Finding, IssuePlace, Severity
from newsletter.issues.checks.japanese import read_japanese, replace_katakana
from newsletter.issues.model import Issue
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.walking import walk_passages, walk_texts

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
    """Return the frequencies of words; recent words that the dictionary lacks count as common.

    It is symspellpy's, with 82,000 words in British and American spelling.
    """
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
    """Return the dictionary's words by first letter and length, to compare few with an unknown one.

    A comparison takes half a millisecond; symspellpy's own search takes 150 MB and five seconds to
    load.
    """
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


_KANJI = "\u4e00-\u9fff\u3005"
#: Single kanji that form a verb with する, or can precede it.
_VERBS_OF_ONE = frozenset(
    "愛圧按案逸印映益閲謁演汚応化科架課賀解介会害画関喫帰期記議供遇具屈訓決検験現抗講航号際察賛産視資"
    "死失謝酌熟祝宿書処称証賞障乗食信浸審進遂制征製請税接節絶奏即属存損託諾達断値着徴呈適徹転点投動"
    "得毒熱念把廃配拝排博発罰反比秘評表瀕付服復封偏変便封奉報訪没模面目約訳有要擁浴抑楽利律略領療列"
    "労論和恋旅涙汗噂値対略何度心縁頂絶脱滅命銘免臨輪令冷励歴廉練録"
)
#: Kanji of verbs that end in す: 移す, 話す, 示す.
_VERBS_IN_SU = frozenset(
    "移話出示押返消渡直回残放足貸隠流正倒殺表現記落下許犯侵冒耕志施催促探刺指差散試成為崩壊明冷覚起過越"
    "脅尽輝乾浸満鳴慣増減燃溶鎖離濁映写照晒召申致干伸延垂覆腐狂惑癒遣遺余亡逃外帰宿著顕託熟挿射醸凝飛"
    "晴枯荒懲均滑廻凌諭翻潰漏免戻退励隔曝糾質蒸貶費甦零漂生通透活利交済澄抜乱果"
)
#: A single kanji and a form of する: 「実します」「施する」.
_LONE_VERB = re.compile(
    rf"(?<![{_KANJI}\u30a1-\u30ffA-Za-z0-9])([{_KANJI}])(しま(?:す|した|せん|しょう)|する)"
)
#: A repeated particle, except 「のの」「とと」「もも」「かか」, which occur in words.
_TWICE = re.compile(
    rf"(?<=[{_KANJI}\u30a1-\u30ff])(をを|がが|にに|はは|でで)(?=[{_KANJI}\u30a1-\u30ff])"
)
#: Spellings of one word that the dictionary regards as different words or as endings.
_VARIANTS: tuple[tuple[str, ...], ...] = (
    ("ください", "下さい"),
    ("いたします", "致します"),
    ("ウェブサイト", "ウェブ・サイト", "Webサイト"),
    ("ホームページ", "ホーム・ページ"),
)
_KATAKANA = re.compile(r"[\u30a1-\u30faー]{3,}")
_LONGEST = 12


#: A repeated English word that is never correct.
_WORD_TWICE = re.compile(
    r"(?<![\w'’-])(a|an|and|are|as|be|by|for|from|of|or|our|the|their|this|to|we|with|you|your)"
    r"\s+\1(?![\w'’-])"
)


def check_spelling(issue: Issue, known_words: Collection[str] = ()) -> Iterator[Finding]:
    """Yield hints about probable mistakes in an issue.

    Args:
        issue: The issue.
        known_words: The words of the newsletter's dictionary, folded by `folded_word`.
    """
    for finding in _all_slips(issue):
        if folded_word(finding.word) not in known_words:
            yield finding


def folded_word(word: str) -> str:
    """Return a word for comparison, independent of width and case."""
    return normal_form(word).casefold().strip()


def _all_slips(issue: Issue) -> Iterator[Finding]:
    texts = [(place, normal_form(text)) for place, text in walk_texts(issue)]
    for place, text in texts:
        yield from _slips(place, text)
        yield from _by_dictionary(place, text)
    yield from _two_spellings(texts)
    for place, text in walk_passages(issue):
        yield from _english_slips(place, text)


def _by_dictionary(place: IssuePlace, text: str) -> Iterator[Finding]:
    words = read_japanese(text)
    for word, likely in words.slips:
        yield _misspelled(place, word, likely)
    for clipped in words.clipped:
        yield _lost(place, text, text.index(clipped), clipped)


def _lost(place: IssuePlace, text: str, start: int, word: str) -> Finding:
    around = _around(text, start, start + len(word))
    return _hint(
        place,
        code="spelling-lost",
        about=word,
        message=msg("A letter may be missing in “{word}”: {around}", word=word, around=around),
    )


def _around(text: str, start: int, end: int) -> str:
    return text[max(0, start - 6) : end + 6]


def _misspelled(place: IssuePlace, word: str, near: str) -> Finding:
    finding = _hint(
        place,
        code="spelling-word",
        about=word,
        message=msg("“{word}” is not in the dictionary. “{near}”?", word=word, near=near),
    )
    return replace(
        finding,
        fix=partial(_with_word, word=word, other=near),
        act=msg("Change to “{word}”", word=near),
    )


def _english_slips(place: IssuePlace, text: str) -> Iterator[Finding]:
    for word, near in misspelled_words(text):
        yield _misspelled(place, word, near)
    for match in _WORD_TWICE.finditer(text):
        yield _twice(place, "spelling-twice", match[0], word=match[1])


def _twice(place: IssuePlace, code: str, around: str, *, word: str) -> Finding:
    message = msg("“{word}” stands twice: {around}", word=word, around=around)
    return replace(_hint(place, code=code, about=around, message=message), word="")


def _with_word(issue: Issue, *, word: str, other: str) -> Issue:
    rewrite = replace_word if word.isascii() else replace_katakana
    return rewrite_issue(issue, text=partial(rewrite, word=word, other=other))


def _slips(place: IssuePlace, text: str) -> Iterator[Finding]:
    for match in _TWICE.finditer(text):
        around = _around(text, match.start(), match.end())
        yield _twice(place, "spelling-particle", around, word=match[1][0])
    for match in _LONE_VERB.finditer(text):
        if match[1] in _VERBS_OF_ONE | _VERBS_IN_SU:
            continue
        yield _lost(place, text, match.start(), match[0])


def _two_spellings(texts: list[tuple[IssuePlace, str]]) -> Iterator[Finding]:
    """Yield a finding for each word with several spellings, at the place of the second one."""
    words: dict[tuple[str, ...], dict[str, IssuePlace]] = {}
    for place, text in texts:
        for word, written in (*_by_rule(text), *read_japanese(text).spellings):
            words.setdefault(word, {}).setdefault(written, place)
    reported: set[frozenset[str]] = set()
    for spellings in words.values():
        if len(spellings) > 1 and frozenset(spellings) not in reported:
            reported.add(frozenset(spellings))
            second = list(spellings)[1]
            yield _hint(
                spellings[second],
                code="spelling-two",
                about=second,
                message=msg("One word is spelled in two ways: {words}", words="、".join(spellings)),
            )


def _by_rule(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the different spellings that are found without the dictionary.

    These are the words of `_VARIANTS`, and katakana words with and without a long vowel.
    """
    for words in _VARIANTS:
        rest = text
        # Longer words first, since they can contain shorter ones.
        for word in sorted(words, key=len, reverse=True):
            if word in rest:
                yield words, word
                rest = rest.replace(word, "\n")
    for word in _KATAKANA.findall(text):
        if len(word) <= _LONGEST:
            yield ("katakana", word.removesuffix("ー")), word


def _hint(place: IssuePlace, *, code: str, about: str, message: Message) -> Finding:
    return Finding(
        code=code,
        severity=Severity.HINT,
        place=place,
        about=about,
        message=message,
        remedy=msg("Read it once more."),
        word=about,
    )
