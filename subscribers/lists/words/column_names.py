"""What the name of a list's column asks: whether somebody wants mail, left, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from newsletter.i18n.normal_form import normal_form, single_spaced
from subscribers.lists.words.cell_words import denies
from subscribers.lists.words.formats import LETTER, TOKEN, fold, guess_field, list_words

#: The IP address of somebody who joined or left: "ip" within "subscription" is none.
_OF_IP = re.compile("^ip|(?<!sh)ip$")
#: A name that asks: "Can we email you?", "メールを送ってもよいですか".
_QUESTION = re.compile(r"(?:\?|か)\s*\Z")
#: What may be post, in a folded name.
_POST = re.compile("(?<!e)mail")
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")


def mark_of(name: str) -> str:
    """Return ``disabled``, ``hint`` or ``remark`` for a column that speaks of mail."""
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
    """Tell whether a column's name asks of another way to reach somebody, or how a thing stands.

    Whatever it says is not said of mail: "SMS_BLACKLISTED", "電話拒否", "payment status".
    """
    has = _parts_of_name(name)
    if "mail" in has:
        return False
    return ("channels" in has and not has.isdisjoint(_WISHES)) or {"things", "standing"} <= has


def of_post(names: Collection[str]) -> frozenset[str]:
    """Return the columns whose mail is post, as another of the same name is of e-mail.

    “Do Not Mail” beside “Do Not Email” says nothing of e-mail; alone it may.
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
    """Tell whether a column's name asks whence somebody came: "newsletter_source"."""
    has = _parts_of_name(name)
    return "whence" in has and "against" not in has


def asks_for_mail(name: str) -> bool:
    """Tell whether a column's name asks if somebody wants mail, so that only a yes is consent.

    It names mail and the wish ("メール受信可否", "accepts_marketing_emails"), or is one of the
    names that are enough. Names of which, when and how much ask something else ("配信地域").
    """
    has = _parts_of_name(name)
    if not has.isdisjoint({"besides", "against", "measure", "which"}):
        return False
    if speaks_of_other_ways(name):
        return False
    if asks_against_mail(name):
        return False
    whole = not has.isdisjoint({"mail words", "whole", "consent"})
    return whole or {"mail", "wanted"} <= has or {"mail", "topic"} <= has


#: A yes and a no side by side name a question, and deny nothing.
_EITHER = re.compile(
    r"有無|[可要諾賛適]否|(?:する|あり|有り?|可|要|はい|yes|ja|oui|s[ií]|sim)\s*[・/／|,、]?\s*"
    r"(?:しない|なし|無し?|不可|不要|否|いいえ|no|nein|non|não)",
    re.IGNORECASE,
)
#: What denies within a name of a script that parts no words.
_DENYING = re.compile(r"ない|ません|不要|不可|拒|断")


def asks_against_mail(name: str) -> bool:
    """Tell whether a column's name may ask who does not want mail ("…を希望しない").

    Then a yes is a no, or the name only speaks of one: whoever imports it is asked.
    """
    rest = _EITHER.sub(" ", single_spaced(name)).strip()
    words = {word for word in words_of_name(rest) if len(word) > 1}
    denying = list_words().denials["words"]
    return denies(rest) or not words.isdisjoint(denying) or _DENYING.search(rest) is not None


#: A wish, and what only joins it to what is wished.
_WISH = re.compile("希望|可否")
_JOINING = re.compile("有無|[のをにへがはもごお御者]")


def wishes_something_else(name: str) -> bool:
    """Tell whether a column's name asks who wishes something that is not said to be mail.

    "参加希望" is of an event, and a no to it says nothing of mail; "希望" alone names nothing else.
    """
    folded, marks = fold(name), list_words().marks
    if not _WISH.search(folded) or not _parts_of_name(name).isdisjoint(_OF_MAIL):
        return False
    for part in sorted({*marks["state"], *marks["wanted"]}, key=len, reverse=True):
        folded = folded.replace(part, "")
    return LETTER.search(_JOINING.sub("", folded)) is not None


#: What is wished follows the wish, or its number stands before: "希望日", "第2希望".
_WHICH = re.compile(
    r"希望(?:する|の)?(?:日|時|曜|期|月|会場|場所|コース|講座|席|サイズ|クラス|種目|部門|教室|店|人数|枚数|個数|品|商品|色|学年|学科|順|金額)"
    r"|第[1-9一二三四五]希望"
)


def wishes_which(name: str) -> bool:
    """Tell whether a column's name asks which of several somebody wishes, and of no mail."""
    found = _WHICH.search(normal_form(name))
    return found is not None and _parts_of_name(name).isdisjoint(_OF_MAIL)


_COUNTS = re.compile(
    r"count|回数|件数|カウント|nombre de |anzahl|number of |numero de |aantal"
    r"|\b(?:opens|opened|clicks|clicked)\b|開封|クリック",
    re.IGNORECASE,
)


def counts(name: str) -> bool:
    """Tell whether a column's name is of a count, which says how often and not whether."""
    return _COUNTS.search(normal_form(name)) is not None


def speaks_of_other_ways(name: str) -> bool:
    """Tell whether a column's name speaks of another way to reach somebody: telephone, post."""
    has = _parts_of_name(name)
    return "channels" in has and "mail" not in has


def asks_or_denies(name: str) -> bool:
    """Tell whether a column's name speaks of mail, a wish or a state, or is one of remarks."""
    # A question mark alone asks nothing of mail: "How did you hear about us?".
    return not _parts_of_name(_QUESTION.sub("", name)).isdisjoint(_ASKING)


_OF_MAIL = frozenset({"mail", "mail words", "topic", "consent", "whole"})
_WISHES = frozenset({"against", "state", "consent", "wanted", "topic", "whole"})
_ASKING = frozenset(
    {"against", "state", "whole", "mail", "mail words", "consent", "wanted", "remark"}
)


def words_of_name(name: str) -> frozenset[str]:
    """Return the words of a column's name, small."""
    return frozenset(TOKEN.findall(normal_form(f"{name} {_HUMP.sub(' ', name)}").lower()))


@lru_cache(maxsize=8192)
def _parts_of_name(name: str) -> frozenset[str]:
    """Return which kinds of marks a column's name has, as ``formats.toml`` lists them."""
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
        # "DM(郵送)希望": letters and notices that come by another way.
        has -= {"mail", "mail words"}
    return frozenset(has)


#: Kinds of marks that are whole names.
_WHOLE = ("whole", "mail words")
#: Kinds of marks of which some words are too short to be looked for within others.
_BY_WORD = ("against", "mail", "wanted", "which", "channels", "things", "whence")


def asks_something(name: str) -> bool:
    """Tell whether a column's name asks, counts or is a time, of what stands above it."""
    return not _parts_of_name(name).isdisjoint({"wanted", "measure"})
