"""Names and values that are not about mail, and remarks that are.

The words are in ``harmless.toml``. A missing name or value causes an unnecessary question. Only
missing words of remarks, and of notes next to names, could admit people who do not want mail.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

from newsletter.i18n.normal_form import normal_form
from subscribers.lists.words.cell_words import denies, one_of, read_state
from subscribers.lists.words.column_names import (
    asks_or_denies,
    tells_origin,
    wishes_which,
    words_of_name,
)
from subscribers.lists.words.formats import ListState, fold, list_words


class ValueKind(Enum):
    """The kinds of values."""

    BLANK = auto()
    DATE = auto()
    NUMBER = auto()
    #: Clearly not an answer: an address, a place, a size.
    PLAIN = auto()
    TEXT = auto()


_NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?\s*%?")
#: Texts that look like dates: "2026-01-31", "R8.1.31", "31.01.2026 10:00", "2026年3月", "2026".
_DATE = re.compile(
    r"(?:19|20)\d\d\s*年?度?|"
    r"(?:令和|平成|昭和|[rhs])?\.?\d{1,4}\s*[-./年]\s*\d{1,2}(?:\s*[-./月]\s*\d{0,4}\s*日?)?"
    r"\.?(?:[\st(].*)?|\d{1,2}\.\s?\d{1,2}\.\s?(?:19|20)\d\d\.?(?:\s.*)?|\d{1,2}\.?\s+[a-zäéû]{3,9}\.?\s+\d{4}.*|[a-zäéû]{3,9}\.?\s+\d{1,2},?\s+\d{4}.*"
)
#: Empty values: a dash, an empty object or a date of zeros.
_BLANK = re.compile(r"[-‐-―−ーｰ~_/.。()\[\]{}*:・\s]*|(?=.*0[/\-.])[0/\-.: t]*", re.IGNORECASE)
#: A date with year, month and day in all usual orders, and an optional time, which is ignored.
_DAY = re.compile(
    r"(?:(\d{4})[-/.年]?(\d\d?)[-/.月]?(\d\d?)日?"
    r"|(\d\d?|dec\w*|jan\w*)[-/.\s]+(\d\d?|dec\w*|jan\w*)[-/.,\s]+(\d{4}))(?:[t\s].*)?"
)
#: Dates that systems write for "never" and "not yet": the last possible one, and the origins of
#: Excel, Unix, SQL Server, Windows and .NET. Month and day may be in either order.
_NEVER = {
    *((year, 12, 31) for year in (9999, 3999, 2999, 2199, 2099, 1969)),
    *((year, 1, 1) for year in (1, 1601, 1753, 1900, 1970)),
    (1899, 12, 30),
    (1900, 0, 1),
}
_MONTHS = {"dec": 12, "jan": 1}
_LONGEST_PLAIN = 80
#: Letters of scripts without vocabulary, from Armenian to Georgian (Hebrew, Arabic, Hindi, Thai …),
#: Amharic, Khmer; and the replacement character of undecodable text.
_UNREAD = re.compile("[\ufffd\u0530-\u08ff\u0900-\u10ff\u1200-\u137f\u1780-\u17ff]")
#: A code of one or two letters in square brackets at the end of a remark.
_CODE = re.compile(r"[\[［【][^\W\d_]{1,2}[\]］】][^\S\n]*$", re.MULTILINE)
#: The suffix of further columns with the same name.
_NUMBERED = re.compile(r" \(\d+\)\Z")
#: Folded names of further addresses and of their kinds in address books.
_OF_AN_ADDRESS = re.compile(
    r"(?:secondary|alternate|alternative|further)email(?:address)?"
    r"|(?:email|電子メール)[1-9](?:label|type|value|address|displayname|アドレス|の?種類|表示名)?"
    r"|(?:email|電子メール)(?:displayname|の?種類|表示名)"
)
_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
#: Letters with strokes, which Unicode does not decompose.
_STROKES = str.maketrans("łŁøØđĐı", "lLoOdDi")
#: Characters that separate the parts of a value.
_SIGNS = "()[]【】（）［］「」〈〉<>、，,;；:：/／・→⇒※*＊-"
_PIECE = re.compile(f"[{re.escape(_SIGNS.removesuffix('-'))}]| [-‐-―] ")


class _Words(NamedTuple):
    parts: tuple[str, ...]
    words: frozenset[str]
    dates: tuple[str, ...]
    joined: re.Pattern[str]
    mail: re.Pattern[str]
    values: re.Pattern[str]
    speaking: Sequence[re.Pattern[str]]
    of_mail: re.Pattern[str]
    struck: re.Pattern[str]
    struck_first: frozenset[str]
    leaving: re.Pattern[str]
    leaving_joined: re.Pattern[str]
    leaving_first: frozenset[str]
    leaving_begun: re.Pattern[str]
    leaving_mail: re.Pattern[str]


@cache
def _words() -> _Words:
    text = files("subscribers.lists.words").joinpath("harmless.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)
    harmless, speaking = known["harmless"], known["speaking"]
    struck = speaking["struck"]
    leaving, left = known["leaving"], list_words().left
    joined, parted = leaving["joined"], leaving["words"]
    stem = "|".join(re.escape(word).replace(r"\*", ".{0,40}") for word in (*joined, *parted))
    before, after = one_of(leaving["before"]), one_of(leaving["after"])
    return _Words(
        parts=tuple(map(fold, harmless["parts"])),
        words=frozenset(bare(word).lower() for word in chain(*harmless["words"].values())),
        dates=tuple(map(fold, harmless["dates"])),
        joined=re.compile("|".join(map(bare, harmless["joined"]))),
        mail=re.compile("|".join(harmless["mail"])),
        values=re.compile("|".join(harmless["values"])),
        # Two separate patterns on lower case, which is faster for many remarks.
        speaking=(
            re.compile("|".join(map(str.lower, (*speaking["parts"], *left["parts"])))),
            re.compile(rf"\b(?:{'|'.join((*speaking['words'], *left['stems']))})"),
        ),
        of_mail=re.compile("|".join(speaking["of_mail"])),
        struck=re.compile(
            rf"(?:^|(?<=[\s:：_/-]))(?:{'|'.join(map(re.escape, struck))})(?=$|[\s:：_/-])",
            re.IGNORECASE,
        ),
        struck_first=frozenset(re.split("[ -]", word)[0] for word in struck),
        leaving=re.compile(rf"(?>{before}[\s、,:]*)*(?:{stem})(?>[\s、,:]*{after})*"),
        leaving_joined=re.compile("|".join(joined).replace("*", "")),
        leaving_first=frozenset(word.split()[0].rstrip("*").split("-")[0] for word in parted),
        leaving_begun=re.compile(
            rf"\b(?:{'|'.join(word[:-1] for word in parted if re.fullmatch(r'[^ *-]+[*]', word))})"
        ),
        leaving_mail=re.compile("|".join(leaving["mail"])),
    )


@lru_cache(maxsize=1024)
def may_ask(name: str) -> bool:
    """Return whether a column's name is about mail, a wish, a state or unsubscribing."""
    return asks_or_denies(name) or speaks(name)


@lru_cache(maxsize=1024)
def is_harmless(name: str) -> bool:
    """Return whether a column's name is clearly about something else than mail."""
    if tells_origin(name) or wishes_which(name):
        return True
    folded, known = fold(_NUMBERED.sub("", name)), _words()
    if folded in known.words or _OF_AN_ADDRESS.fullmatch(folded) or "ip" in words_of_name(name):
        # The whole name is known, so parts such as "object" in "objectClass" are no objection.
        return True
    if may_ask(name):
        return False
    words = words_of_name(name) | _bare_words(name)
    return not known.words.isdisjoint(words) or any(part in folded for part in known.parts)


def _bare_words(name: str) -> frozenset[str]:
    """Return the words of a name without accents, which are often omitted in column names."""
    return frozenset(_LETTERS.findall(bare(name).lower()))


def bare(text: str) -> str:
    """Return a text without diacritical marks: "Imie" for "Imię"."""
    parts = unicodedata.normalize("NFKD", normal_form(text))
    return "".join(char for char in parts if unicodedata.category(char)[0] != "M").translate(
        _STROKES
    )


def is_harmless_date(name: str) -> bool:
    """Return whether a column's name shows that its dates are not about unsubscribing."""
    folded, known = fold(name), _words()
    if wishes_which(name) or known.joined.fullmatch(" ".join(_WORD.findall(bare(name).lower()))):
        return True
    return not may_ask(name) and any(part in folded for part in known.dates)


def speaks(text: str) -> bool:
    """Return whether a remark is about mail, unsubscribing, moving, death or returned mail."""
    small = text.lower()
    return any(words.search(small) for words in _words().speaking)


def speaks_of_more_than_mail(text: str) -> bool:
    """Return whether a title is about unsubscribing etc. and not only mail: "メルマガ一覧"."""
    return speaks(_words().of_mail.sub(" ", text.lower()))


def may_speak(text: str) -> bool:
    """Return whether a remark is or may be about these.

    It is if it tells of leaving by itself. It may be if its script has no vocabulary, or if it ends
    with a code in brackets, by which mailing list managers mark people who get no mail:
    "Chidi Oduya [B]".
    """
    is_unread = not text.isascii() and _UNREAD.search(text) is not None
    return is_unread or _CODE.search(text) is not None or speaks(text) or tells_leaving(text)


def may_speak_of_leaving(text: str) -> bool:
    """Return whether a value is more than a word for mail, such as "Newsletter"."""
    rest = _words().mail.sub(" ", text.lower())
    return may_speak(rest) or tells_leaving(text) or _says_no(text)


def _says_no(text: str) -> bool:
    return denies(text) or read_state(text) not in {None, ListState.CONFIRMED}


def speaking_ones(texts: Iterable[str]) -> list[str]:
    """Return the remarks for which `may_speak` is true."""
    together = list(texts)
    # Most remarks do not match, so all of them are searched at once.
    may = may_speak("\n".join(together)) or _may_tell(" ".join(together))
    return list(filter(may_speak, together)) if may else []


def tells_leaving(text: str) -> bool:
    """Return whether a value clearly says that a person left or died, or that mail was returned.

    This can be the whole value, or a part in brackets or after a comma: "退職", "left in 2023",
    "部長（逝去）". The name of a department is not such a value: "退職手当係".
    """
    plain = normal_form(text).lower()
    pieces = [plain, *_PIECE.split(plain)]
    if not plain.isascii():
        pieces += plain.split()
    return any(_words().leaving.fullmatch(piece.strip()) for piece in pieces)


def leaves_mail(text: str) -> bool:
    """Return whether a word of leaving concerns mail alone: "désabonné", and not "cancelled"."""
    return _words().leaving_mail.search(normal_form(text).lower()) is not None


def leaving_ones(texts: Iterable[str]) -> list[str]:
    """Return the values for which `tells_leaving` is true, fast enough for a million values."""
    together = list(texts)
    return list(filter(tells_leaving, together)) if _may_tell(" ".join(together)) else []


def _may_tell(texts: str) -> bool:
    known, small = _words(), texts.lower()
    if not texts.isascii() and known.leaving_joined.search(small):
        return True
    for sign in _SIGNS:
        small = small.replace(sign, " ")
    begun = known.leaving_begun.search(small) is not None
    return begun or not known.leaving_first.isdisjoint(small.split())


def struck_word(name: str) -> str:
    """Return the word next to a name that excludes its row; empty if there is none."""
    found = _words().struck.search(name)
    return found[0] if found else ""


def may_hold_struck_word(names: str) -> bool:
    """Return whether any of many names may have such a word, fast enough for a million names."""
    for sign in ":：_/-":
        names = names.replace(sign, " ")
    return not _words().struck_first.isdisjoint(names.lower().split())


def is_blank(text: str) -> bool:
    """Return whether a value is empty: blank, a dash, "0000-00-00", "9999-12-31", "1/1/1970"."""
    return _BLANK.fullmatch(text) is not None or _is_never(text)


def _is_never(text: str) -> bool:
    found = _DAY.fullmatch(text.lower())
    if found is None:
        return False
    first, second, third = (_MONTHS.get(part[:3]) or int(part) for part in found.groups() if part)
    year, rest = (first, (second, third)) if found[1] else (third, (first, second))
    return (year, *rest) in _NEVER or (year, *reversed(rest)) in _NEVER


@lru_cache(maxsize=8192)
def kind_of_value(text: str) -> ValueKind:
    """Return the kind of a value."""
    if is_blank(text):
        return ValueKind.BLANK
    plain = normal_form(text).strip().lower()
    if len(plain) > _LONGEST_PLAIN:
        return ValueKind.TEXT
    if _DATE.fullmatch(plain):
        return ValueKind.DATE
    if _NUMBER.fullmatch(plain):
        return ValueKind.NUMBER
    return ValueKind.PLAIN if _words().values.fullmatch(plain) else ValueKind.TEXT
