"""Japanese remarks about unsubscribing: clear ones, and ambiguous ones.

The words are in ``formats.toml``. Remarks are recognised by their composition from these words, so
that no list of whole remarks is needed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from newsletter.i18n.normal_form import normal_form


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
