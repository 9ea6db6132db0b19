"""Slips of the pen in Japanese that can be told without a dictionary of all words.

Only what is wrong wherever it stands is told: a particle written twice, a verb in する whose noun
lost a letter (「共同で実します」), one word spelled in two ways within an issue. Each is a hint:
the editor knows better.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import Finding, IssuePlace, Severity
from newsletter.issues.model import Issue
from newsletter.issues.walking import walk_texts

_KANJI = "\u4e00-\u9fff\u3005"
#: Single letters that make a verb with する, or stand before it by themselves.
_VERBS_OF_ONE = frozenset(
    "愛圧按案逸印映益閲謁演汚応化科架課賀解介会害画関喫帰期記議供遇具屈訓決検験現抗講航号際察賛産視資"
    "死失謝酌熟祝宿書処称証賞障乗食信浸審進遂制征製請税接節絶奏即属存損託諾達断値着徴呈適徹転点投動"
    "得毒熱念把廃配拝排博発罰反比秘評表瀕付服復封偏変便封奉報訪没模面目約訳有要擁浴抑楽利律略領療列"
    "労論和恋旅涙汗噂値対略何度心縁頂絶脱滅命銘免臨輪令冷励歴廉練録"
)
#: Letters of verbs that end in す by themselves: 移す, 話す, 示す.
_VERBS_IN_SU = frozenset(
    "移話出示押返消渡直回残放足貸隠流正倒殺表現記落下許犯侵冒耕志施催促探刺指差散試成為崩壊明冷覚起過越"
    "脅尽輝乾浸満鳴慣増減燃溶鎖離濁映写照晒召申致干伸延垂覆腐狂惑癒遣遺余亡逃外帰宿著顕託熟挿射醸凝飛"
    "晴枯荒懲均滑廻凌諭翻潰漏免戻退励隔曝糾質蒸貶費甦零漂生通透活利交済澄抜乱果"
)
#: 「実します」「施する」: one kanji after what is none, and a form of する.
_LONE_VERB = re.compile(
    rf"(?<![{_KANJI}\u30a1-\u30ffA-Za-z0-9])([{_KANJI}])(しま(?:す|した|せん|しょう)|する)"
)
#: A particle twice. 「のの」 begins words, 「とと」「もも」「かか」 stand in them.
_TWICE = re.compile(
    rf"(?<=[{_KANJI}\u30a1-\u30ff])(をを|がが|にに|はは|でで)(?=[{_KANJI}\u30a1-\u30ff])"
)
#: Spellings of one word, of which an issue should use one; the first is what public offices write.
_VARIANTS: tuple[tuple[str, ...], ...] = (
    ("お問い合わせ", "お問合せ", "お問合わせ", "お問い合せ"),
    ("申し込み", "申込み", "申しこみ"),
    ("受け付け", "受付け"),
    ("取り組み", "取組み", "とりくみ"),
    ("打ち合わせ", "打合せ", "打合わせ"),
    ("引き続き", "引続き"),
    ("ください", "下さい"),
    ("いたします", "致します"),
    ("ウェブサイト", "ウェブ・サイト", "Webサイト"),
    ("ホームページ", "ホーム・ページ"),
)
_KATAKANA = re.compile(r"[\u30a1-\u30faー]{3,}")
_LONGEST = 12


def check_spelling(issue: Issue) -> Iterator[Finding]:
    """Yield slips of the pen in an issue's Japanese."""
    texts = [(place, unicodedata.normalize("NFKC", text)) for place, text in walk_texts(issue)]
    for place, text in texts:
        yield from _slips(place, text)
    yield from _two_spellings(texts)
    yield from _two_ends(texts)


def _slips(place: IssuePlace, text: str) -> Iterator[Finding]:
    for match in _TWICE.finditer(text):
        around = text[max(0, match.start() - 6) : match.end() + 6]
        yield _hint(
            place,
            code="spelling-particle",
            about=around,
            message=msg("“{word}” stands twice: {around}", word=match[1][0], around=around),
        )
    for match in _LONE_VERB.finditer(text):
        if match[1] in _VERBS_OF_ONE | _VERBS_IN_SU:
            continue
        around = text[max(0, match.start() - 6) : match.end() + 2]
        yield _hint(
            place,
            code="spelling-lost",
            about=around,
            message=msg(
                "A letter may be missing before “{word}”: {around}", word=match[0], around=around
            ),
        )


def _two_spellings(texts: list[tuple[IssuePlace, str]]) -> Iterator[Finding]:
    for words in _VARIANTS:
        first: dict[str, IssuePlace] = {}
        for place, text in texts:
            rest = text
            # The longer first: one is a part of another.
            for word in sorted(words, key=len, reverse=True):
                if word in rest:
                    first.setdefault(word, place)
                    rest = rest.replace(word, "\n")
        if len(first) > 1:
            last = next(word for word in words if word in first)
            others = [word for word in first if word != last]
            yield _hint(
                first[others[0]],
                code="spelling-two",
                about=others[0],
                message=msg("One word is spelled in two ways: {words}", words="、".join(first)),
            )


def _two_ends(texts: list[tuple[IssuePlace, str]]) -> Iterator[Finding]:
    """Yield words of katakana that stand with and without their long vowel at the end."""
    first: dict[str, IssuePlace] = {}
    for place, text in texts:
        for word in _KATAKANA.findall(text):
            if len(word) <= _LONGEST:
                first.setdefault(word, place)
    for word, place in first.items():
        if not word.endswith("ー") and f"{word}ー" in first:
            yield _hint(
                place,
                code="spelling-two",
                about=word,
                message=msg("One word is spelled in two ways: {words}", words=f"{word}ー、{word}"),
            )


def _hint(place: IssuePlace, *, code: str, about: str, message: Message) -> Finding:
    return Finding(
        code=code,
        severity=Severity.HINT,
        place=place,
        about=about,
        message=message,
        remedy=msg("Read it once more."),
    )
