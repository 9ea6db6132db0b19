"""Hints about probable mistakes in Japanese and English texts.

In Japanese: a repeated particle, a する verb whose noun lost a character (「共同で実します」), and
different spellings of a word within an issue. In English: unknown words that are similar to a word
of the dictionary, and repeated words. All of these are hints, and each newsletter has a dictionary
of accepted words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial

from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import normal_form
from newsletter.issues.checks.english import misspelled_words, replace_word
from newsletter.issues.checks.findings import Finding, IssuePlace, Severity
from newsletter.issues.checks.japanese import read_japanese, replace_katakana
from newsletter.issues.model import Issue
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.walking import walk_passages, walk_texts

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
