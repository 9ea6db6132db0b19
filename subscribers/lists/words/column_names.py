"""Interpretation of column names: about consent, unsubscribing, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache
from typing import NamedTuple

from newsletter.i18n.normal_form import normal_form, single_spaced
from subscribers.lists.words.cell_words import denies
from subscribers.lists.words.formats import (
    CYRILLIC,
    LATIN,
    LETTER,
    TOKEN,
    fold,
    guess_field,
    list_words,
)

#: Names of IP addresses; the "ip" in "subscription" is not one.
_OF_IP = re.compile("^ip|(?<!sh)ip$")
#: A name that is a question: "Can we email you?", "メールを送ってもよいですか".
_QUESTION = re.compile(r"(?:\?|か)\s*\Z")
#: A word for mail that may mean post, in a folded name.
_POST = re.compile("(?<!e)mail")
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")


def mark_of(name: str) -> str:
    """Return the mark of a column about mail: ``disabled``, ``hint`` or ``remark``."""
    has = _parts_of_name(name)
    if "besides" in has or asks_of_something_else(name):
        return ""
    if "mail words" in has:
        return "hint"
    if "against" in has:
        return "disabled"
    if ("channels" not in has or "mail" in has) and "whence" not in has:
        asks = {"mail", "wanted"} <= has and "measure" not in has
        if asks or "whole" in has or "state" in has:
            return "hint"
    return "remark" if "remark" in has else ""


def asks_of_something_else(name: str) -> bool:
    """Return whether a column is about another channel, or about the state of a thing.

    Its values do not apply to mail: "SMS_BLACKLISTED", "電話拒否", "payment status".
    """
    has = _parts_of_name(name)
    if "mail" in has:
        return False
    return ("channels" in has and not has.isdisjoint(_WISHES)) or {"things", "standing"} <= has


def of_post(names: Collection[str]) -> frozenset[str]:
    """Return the columns whose "mail" means post, since there is another column for e-mail.

    “Do Not Mail” next to “Do Not Email” is not about e-mail; on its own it may be.
    """
    folded = {fold(name): name for name in names}
    return frozenset(
        name
        for short, name in folded.items()
        if (electronic := _POST.sub("email", short)) != short
        and electronic in folded
        and guess_field(folded[electronic]) != "address"
    )


def tells_origin(name: str) -> bool:
    """Return whether a column is about a person's origin: "newsletter_source"."""
    has = _parts_of_name(name)
    return "whence" in has and "against" not in has


def asks_for_mail(name: str) -> bool:
    """Return whether a column is about consent to mail, so that only a yes is consent.

    Its name contains mail and a wish ("メール受信可否", "accepts_marketing_emails"), or is a known
    name. Names about kind, time and amount are about something else ("配信地域").
    """
    has = _parts_of_name(name)
    if not has.isdisjoint({"besides", "against", "measure", "which"}):
        return False
    if speaks_of_other_ways(name):
        return False
    if asks_against_mail(name) or is_unclear_hint(name):
        return False
    whole = not has.isdisjoint({"mail words", "whole", "consent"})
    return whole or {"mail", "wanted"} <= has or {"mail", "topic"} <= has


#: A yes and a no together are a question and no negation.
_EITHER = re.compile(
    r"有無|[可要諾賛適]否|(?:する|あり|有り?|可|要|はい|yes|ja|oui|s[ií]|sim)\s*[・/／|,、]?\s*"
    r"(?:しない|なし|無し?|不可|不要|否|いいえ|no|nein|non|não)",
    re.IGNORECASE,
)
#: The last words of names of numbers that tell people apart.
_OF_ONE = frozenset({"id", "uid", "number", "nummer", "番号"})
#: Negations within names of scripts without spaces.
_DENYING = re.compile(r"ない|ません|不要|不可|拒|断")


def asks_against_mail(name: str) -> bool:
    """Return whether a column's name may be a negative question ("…を希望しない").

    A yes may then mean no, so there is a question about the column.
    """
    rest = _EITHER.sub(" ", single_spaced(name)).strip()
    words = {word for word in words_of_name(rest) if len(word) > 1}
    denying = list_words().denials["words"]
    # In names, "na" is a preposition of Slavic languages.
    is_refused = not words.isdisjoint({*denying, *list_words().denials["refusal"]} - {"na"})
    return denies(rest) or is_refused or _DENYING.search(rest) is not None


def tells_left(name: str) -> bool:
    """Return whether a column's name is about those who left, are blocked or cannot be reached.

    "Konto gesperrt", "退会", also behind a word for mail: "Mailsperre". The name may deny it.
    """
    plain = normal_form(name).lower()
    return _name_patterns().left.search(plain) is not None


def tells_consent(name: str) -> bool:
    """Return whether a column's name asks who wants mail, and all of its words are understood.

    A word that is not understood may be any, such as that for "blocked" in another language.
    """
    has = _parts_of_name(name)
    if not has.isdisjoint({"besides", "against", "measure", "which"}) or tells_left(name):
        return False
    if asks_against_mail(name) or wishes_something_else(name) or speaks_of_other_ways(name):
        return False
    words = _HUMP.sub(" ", normal_form(name)).lower()
    is_core = _name_patterns().core.search(words) or guess_field(name) == "state"
    return is_core and _is_understood(name, _NAME_WORD)


def is_unclear_hint(name: str) -> bool:
    """Return whether a column's name speaks of mail, but has words that are not understood."""
    return tells_left(name) or not _is_understood(name, _ALPHABETIC) or _ends_unclear(name)


def _is_understood(name: str, words: re.Pattern[str]) -> bool:
    understood = _name_patterns().understood
    text = _HUMP.sub(" ", normal_form(name)).lower()
    return all(understood.fullmatch(word) for word in words.findall(text))


def _ends_unclear(name: str) -> bool:
    """Return whether a name ends with signs of Chinese or Japanese that are not understood.

    Those scripts do not separate words, and what ends a name can deny the rest: メール配信終.
    """
    text = normal_form(name).lower()
    return _IDEOGRAPH_LAST.search(text) is not None and not _name_patterns().end.search(text)


#: Letters at the end of a word that are understood with its beginning: "subscri-ption".
_ENDING = 5
_IDEOGRAPH_LAST = re.compile(r"[\u3400-\u9fff]\W*\Z")
_NAME_WORD = re.compile(r"[^\W\d_]+")
_ALPHABETIC = re.compile(f"[{LATIN}{CYRILLIC}ά-ώ]+")


class _NamePatterns(NamedTuple):
    left: re.Pattern[str]
    core: re.Pattern[str]
    understood: re.Pattern[str]
    end: re.Pattern[str]


@cache
def _name_patterns() -> _NamePatterns:
    known, marks = list_words(), list_words().marks
    stems, parts = "|".join(known.left["stems"]), "|".join(known.left["parts"])
    mail = "|".join(map(re.escape, marks["mail"]))
    consent = [*marks["mail"], *marks["consent"], *marks["topic"]]
    own = [*marks["mail words"], *marks["wanted words"]]
    core = rf"(?:{'|'.join((*map(re.escape, consent), *known.consents['core']))})"
    also = "|".join(map(re.escape, (*marks["wanted"], *marks["state"])))
    rest = "|".join((*known.consents["rest"], *map(re.escape, own)))
    return _NamePatterns(
        left=re.compile(rf"(?:\b|(?<=_)|{mail})s?[-_ ]?(?:{stems})|{parts}"),
        core=re.compile(
            rf"(?<![^\W\d_a-z]){core}|\b{core}|\b(?:{'|'.join(map(re.escape, own))})\b"
        ),
        understood=re.compile(
            rf"(?:{rest}|e?(?:{core}|{also})(?:{core}|{also}|{rest})*[{LATIN}{CYRILLIC}α-ω]{{0,{_ENDING}}})+"
        ),
        end=re.compile(rf"(?:{core}|{also}|{rest}|{'|'.join(known.consents['end'])})\W*\Z"),
    )


#: Words for wishes.
_WISH = re.compile("希望|可否")
_JOINING = re.compile("有無|[のをにへがはもごお御者]")


def wishes_something_else(name: str) -> bool:
    """Return whether a column's name is about a wish for something else than mail.

    "参加希望" is about an event, and a no does not concern mail; "希望" alone can be about mail.
    """
    folded, marks = fold(name), list_words().marks
    if not _WISH.search(folded) or not _parts_of_name(name).isdisjoint(_OF_MAIL):
        return False
    for part in sorted({*marks["state"], *marks["wanted"]}, key=len, reverse=True):
        folded = folded.replace(part, "")
    return LETTER.search(_JOINING.sub("", folded)) is not None


#: A wish for a particular choice: "希望日", "第2希望".
_WHICH = re.compile(
    r"希望(?:する|の)?(?:日|時|曜|期|月|会場|場所|コース|講座|席|サイズ|クラス|種目|部門|教室|店|人数|枚数|個数|品|商品|色|学年|学科|順|金額)"
    r"|第[1-9一二三四五]希望"
)


def wishes_which(name: str) -> bool:
    """Return whether a column is about a choice between several things, and not about mail."""
    found = _WHICH.search(normal_form(name))
    return found is not None and _parts_of_name(name).isdisjoint(_OF_MAIL)


_CONSENTED = re.compile("consent|optin|同意")
_COUNTS = re.compile(
    r"count|回数|件数|カウント|nombre de |anzahl|number of |numero de |aantal"
    r"|\b(?:opens|opened|clicks|clicked)\b|開封|クリック",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def says_consented(name: str) -> bool:
    """Return whether a column of days is of consent by its name, and not of joining: 同意日."""
    return _CONSENTED.search(fold(name)) is not None


def counts(name: str) -> bool:
    """Return whether a column's name is that of a count."""
    return _COUNTS.search(normal_form(name)) is not None


def numbers_people(name: str) -> bool:
    """Return whether a column's name is that of a number of each person, and not of a state."""
    words = TOKEN.findall(normal_form(name).lower())
    return bool(words) and words[-1] in _OF_ONE and not asks_or_denies(name)


def speaks_of_other_ways(name: str) -> bool:
    """Return whether a column's name mentions another channel, such as telephone or post."""
    has = _parts_of_name(name)
    return "channels" in has and "mail" not in has


def asks_or_denies(name: str) -> bool:
    """Return whether a column's name is about mail, a wish or a state, or is that of remarks."""
    # Questions alone need not be about mail: "How did you hear about us?".
    return not _parts_of_name(_QUESTION.sub("", name)).isdisjoint(_ASKING)


_OF_MAIL = frozenset({"mail", "mail words", "topic", "consent", "whole"})
_WISHES = frozenset({"against", "state", "consent", "wanted", "topic", "whole"})
_ASKING = frozenset(
    {"against", "state", "whole", "mail", "mail words", "consent", "wanted", "remark"}
)


def words_of_name(name: str) -> frozenset[str]:
    """Return the words of a column's name in lower case."""
    return frozenset(TOKEN.findall(normal_form(f"{name} {_HUMP.sub(' ', name)}").lower()))


@lru_cache(maxsize=8192)
def _parts_of_name(name: str) -> frozenset[str]:
    """Return the kinds of marks in a column's name, as listed in ``formats.toml``."""
    folded, marks = fold(name).rstrip("?"), list_words().marks
    tokens = words_of_name(name)
    has = {
        kind
        for kind, parts in marks.items()
        if (folded in parts if kind in _WHOLE else any(part in folded for part in parts))
    }
    has |= {kind for kind in _BY_WORD if not tokens.isdisjoint(marks[f"{kind} words"])}
    if _OF_IP.search(folded):
        has.add("besides")
    if _QUESTION.search(normal_form(name)):
        has.add("wanted")
    if {"channels", "mail"} <= has and "electronic" not in has:
        # "DM(郵送)希望": letters and notices by another channel.
        has -= {"mail", "mail words"}
    return frozenset(has)


#: Kinds of marks that must be the whole name.
_WHOLE = ("whole", "mail words")
#: Kinds of marks with words that are too short to be searched within other words.
_BY_WORD = ("against", "mail", "wanted", "which", "channels", "things", "whence")


def asks_something(name: str) -> bool:
    """Return whether a column's name is a question, a count or a time about its heading."""
    return not _parts_of_name(name).isdisjoint({"wanted", "measure"})
