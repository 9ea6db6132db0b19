"""Interpretation of words in cells: a state, a yes or no, a remark about unsubscribing.

The words are in ``formats.toml``. Japanese remarks about unsubscribing are clear or ambiguous. They
are recognised by their composition from these words, so that no list of whole remarks is needed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from newsletter.database.vocabulary import SuppressionReason
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.normal_form import normal_form
from subscribers.lists.words.formats import LETTER, TOKEN, ListState, fold, list_words


class Leaving(StrEnum):
    """The meaning of a remark about unsubscribing."""

    LEFT = "left"
    #: It contains a word for unsubscribing that may refer to the mail.
    UNCLEAR = "unclear"


_END_OF_CLAUSE = r"(?=$|[(:;、,。.!・/\s…→\n-])"
#: A character that forms a compound with an adjacent one: "停止線", "不要品".
_JOINED = re.compile(r"[一-鿿々ァ-ヺー]")
#: The preceding noun, which is the thing that is stopped: "駐車場の解約", "イベント中止".
_THING = re.compile(r"([一-鿿々ァ-ヺーa-zA-Z]+)[のをはがも]?\Z")
#: A character class in a pattern.
_CLASS = re.compile(r"\[[^]]*\]")
#: Characters before a word for unsubscribing that are examined, and successive words for mail.
_LONGEST_THING, _MOST_OF_MAIL = 40, 20


class _Patterns(NamedTuple):
    left: re.Pattern[str]
    stem: re.Pattern[str]
    after: re.Pattern[str]
    ours: re.Pattern[str]
    taken_back: re.Pattern[str]


def read_leaving(text: str) -> Leaving | None:
    """Return the meaning of a remark: a clause about unsubscribing at its beginning, or a word.

    "停止（本人希望）" and "もう要りません" are clear. "停止の件" and "停止、再開" are ambiguous.
    Words for unsubscribing within another word or about another thing are ignored: "停止線前",
    "駐車場の解約".
    """
    normal = normal_form(text).strip()
    words = _patterns()
    if found := words.left.match(normal):
        back = words.taken_back.search(normal, found.end())
        return Leaving.UNCLEAR if back else Leaving.LEFT
    for stem in words.stem.finditer(normal):
        if _JOINED.match(normal, stem.end()) and not words.after.match(normal, stem.end()):
            continue
        before = normal[max(stem.start() - _LONGEST_THING, 0) : stem.start()]
        thing = _THING.search(before)
        if thing is None or words.ours.search(thing[1]):
            return Leaving.UNCLEAR
    return None


def one_of(parts: Iterable[str]) -> str:
    """Return a pattern of alternatives in which each position has only one match.

    This makes repetitions linear: if the rest does not match, "11" is not tried as two numbers, nor
    "いい" as two words. Longer alternatives come first, since the group is atomic.
    """
    longest_first = sorted(parts, key=lambda part: len(_CLASS.sub("x", part)), reverse=True)
    return f"(?>{'|'.join(longest_first)})"


@cache
def _patterns() -> _Patterns:
    text = files("subscribers.lists.words").joinpath("formats.toml").read_text(encoding="utf-8")
    given: dict[str, list[str]] = tomllib.loads(text)["remarks"]
    any_of = {name: f"(?:{'|'.join(parts)})" for name, parts in given.items()}
    mail, when, end = one_of(given["mail"]), one_of(given["when"]), one_of(given["end"])
    stem, who, why = any_of["stem"], any_of["who"], any_of["why"]
    thing = rf"(?:[おご]?{mail}[のをはがも]?\s*)"
    before = rf"(?>(?:{when}|{who}|{why})[、,:]?\s*)"
    of_mail = rf"(?:{thing}{{1,{_MOST_OF_MAIL}}}{any_of['of_mail']})"
    left = (
        rf"{before}*(?:{of_mail}|(?:{thing}+{when}*)?[おご]?{stem})\s*(?>{end}\s*)*{_END_OF_CLAUSE}"
    )
    return _Patterns(
        left=re.compile(left),
        stem=re.compile(rf"{of_mail}|{stem}"),
        after=re.compile(f"{end}|{stem}|{any_of['taken_back']}|{any_of['open']}"),
        ours=re.compile(rf"(?:{mail}|{who}|{why}|{when}|{any_of['ours']})\Z"),
        taken_back=re.compile(any_of["taken_back"]),
    )


#: Characters of the longest cell that can be a state, which is one or two words.
_LONGEST_WORD = 40
#: Characters of the longest answer, which can be an option of a form:
#: "「市政だより」のメール配信を希望します".
_LONGEST_ANSWER = 120
_BY_LEAVING = {Leaving.LEFT: ListState.UNSUBSCRIBED, Leaving.UNCLEAR: ListState.UNCLEAR}
_REMARK = re.compile("[(（:：、,]")
_BRACKETED = re.compile(r"[(（]([^()（）]{1,40})[)）]\s*\Z")
_DASHES = re.compile(r"[-‐-―−ーｰ~_/ ]{1,4}")
#: A time or frequency: a number, a date or only marks.
_WHEN = re.compile(
    r"(?:\W|[\d_年月日時分号回第週毎度頃付でにからよりまし以降]"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b|\b(?:since|from|on|seit|depuis)\b)*"
)
_NEGATIVE = re.compile(r"[-‐-―−－]\d")


def read_state(word: str) -> ListState | None:
    """Return the meaning of a word in a column of states; None if it is unknown."""
    if _NEGATIVE.match(word.strip()):
        # Comparison ignores hyphens, but -1 is not 1.
        return None
    folded = fold(word)
    found = list_words().states.get(folded) or _by_part(folded)
    if found is not None:
        return found
    # "停止（本人希望）": the word before a remark, unless the remark could revoke it.
    before = list_words().states.get(fold(_REMARK.split(word, 1)[0]))
    if before is not None and before is not ListState.CONFIRMED:
        return before
    # "neu (unbestätigt)": a state that explains a word.
    if (bracketed := _BRACKETED.search(word)) is not None:
        explained = list_words().states.get(fold(bracketed[1]))
        if explained is not None and explained is not ListState.CONFIRMED:
            return explained
    return ListState.UNSUBSCRIBED if read_leaving(word) is Leaving.LEFT else None


def read_whole(word: str) -> ListState | None:
    """Return the meaning of a text that is only a state; otherwise None."""
    return list_words().states.get(fold(word))


def read_remark(text: str) -> ListState | None:
    """Return the state against mail in a column of remarks, if the remark is only a state.

    Signs and short words such as "no" or "new" refer to other things in remarks.
    """
    folded = fold(text)
    if len(folded) < (4 if folded.isascii() else 2):
        return None
    state = list_words().states.get(folded)
    if state is None:
        leaving = read_leaving(text)
        return _BY_LEAVING[leaving] if leaving else None
    return None if state in {ListState.CONFIRMED, ListState.PENDING} else state


def read_reason(text: str) -> SuppressionReason:
    """Return the reason of a suppression, by its code or our label in any language.

    Unknown reasons, and reasons that a list cannot have, count as manual.
    """
    return _reasons().get(text, SuppressionReason.MANUAL)


@cache
def _reasons() -> Mapping[str, SuppressionReason]:
    known = set(SuppressionReason) - {SuppressionReason.ERASED}
    words = {name_of(one).in_language(language): one for one in known for language in Language}
    return words | {one.value: one for one in known}


def denies(text: str) -> bool:
    """Return whether a short answer about consent is negative, by its grammar.

    Negative answers are a dash, or begin with a negative word or sign, or have a negative ending,
    except lookalikes ("無料", "制限なし").
    """
    words = normal_form(text).strip().lower()
    if not words or len(words) > _LONGEST_WORD:
        return False
    if not LETTER.search(words):
        return _DASHES.fullmatch(words) is not None
    known = list_words().denials
    if any(part in words for part in known["none"]):
        return False
    tokens = TOKEN.findall(words) or [""]
    first = tokens[0]
    if first in known["words"] or words.startswith(known["begin"]) or tokens[-1] in known["last"]:
        return True
    if list_words().states.get(first) is ListState.UNSUBSCRIBED:
        return True
    return _REMARK.split(words, maxsplit=1)[0].rstrip(" 。.!").endswith(known["end"])


def against_mail(value: str) -> ListState | None:
    """Return the state against mail in a value of any other column, if it is unambiguous."""
    return _by_part(fold(value)) if len(value) <= _LONGEST_WORD else None


def _by_part(folded: str) -> ListState | None:
    return next((state for part, state in list_words().parts if part in folded), None)


def read_opt_in(text: str) -> ListState | None:
    """Return the meaning of an answer about consent; None if it is unclear.

    A yes is a word for it, a sentence that ends with one, a frequency, or a date.
    """
    if "://" in text or "@" in text:
        return None
    against = against_mail(text)
    if against is not None:
        return against
    state = read_state(text)
    if state is not None and state is not ListState.CONFIRMED:
        return state
    if denies(text):
        return ListState.UNSUBSCRIBED
    return ListState.CONFIRMED if state is not None or _affirms(text) else None


def _affirms(text: str) -> bool:
    words = normal_form(text).replace("_", " ").strip().lower()
    if not words or len(words) > _LONGEST_ANSWER:
        return False
    yes = _affirmations()
    if yes.doubt.search(words):
        return False
    clauses = [clause.strip(" 「」『』\"'") for clause in yes.clause.split(words)]
    others = [
        clause
        for clause in clauses
        if not (
            yes.word.fullmatch(clause)
            or yes.sentence.search(clause)
            or yes.agreement.search(clause)
        )
    ]
    # Text next to a yes may revoke it: "同意（撤回）", "yes, revoked".
    return len(others) < len(clauses) and all(
        _WHEN.fullmatch(clause) or yes.filling.fullmatch(clause) for clause in others
    )


class _Affirmations(NamedTuple):
    clause: re.Pattern[str]
    doubt: re.Pattern[str]
    agreement: re.Pattern[str]
    word: re.Pattern[str]
    filling: re.Pattern[str]
    sentence: re.Pattern[str]


@cache
def _affirmations() -> _Affirmations:
    any_of = {name: f"(?:{'|'.join(parts)})" for name, parts in list_words().affirmations.items()}
    stem, end = any_of["stem"], any_of["end"]
    return _Affirmations(
        clause=re.compile(r"[、,。.!;:()]|\s[-‐-―]\s|\s/\s"),
        doubt=re.compile(any_of["doubt"]),
        agreement=re.compile(any_of["agreement"]),
        word=re.compile(f"{any_of['word']}(?:\\s+{any_of['rest']})*(?:\\s+{_WHEN.pattern})?"),
        filling=re.compile(f"{any_of['rest']}(?:\\s+{any_of['rest']})*"),
        sentence=re.compile(rf"{stem}{end}*\Z|\b{any_of['verb']}\b"),
    )
