"""Interpretation of words in cells: a state, a yes or no, a remark about unsubscribing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from newsletter.database.vocabulary import SuppressionReason
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.normal_form import normal_form
from subscribers.lists.words.formats import LETTER, TOKEN, ListState, fold, list_words
from subscribers.lists.words.remarks import Leaving, read_leaving

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
