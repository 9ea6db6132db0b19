"""What lists call things: our fields' names, the words of states, the exports of known systems.

The tables are data, in ``formats.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from newsletter.database.vocabulary import SuppressionReason
from newsletter.database.words import name_of
from newsletter.i18n.language import Language
from newsletter.i18n.normal_form import normal_form, single_spaced
from subscribers.lists.remarks import Leaving, read_leaving

#: What a column can be, besides ``field.KEY``.
FIELDS = (
    *(
        "address",
        "name",
        "given_name",
        "family_name",
        "language",
        "time_zone",
        "format",
        "frequency",
    ),
    *("state", "opt_in", "tags", "consented_at", "confirmed_at", "unsubscribed_at", "bounced_at"),
    *("complained_at", "deleted_at", "disabled", "paused_until", "consent_basis"),
    *("consent_source", "consent_wording", "suppressed", "suppressed_at"),
    *("suppression_evidence", "attributes"),
)
#: Says that a column is none of ours.
IGNORED = "-"
#: The column of our own export that holds the definitions of the fields.
DEFINITIONS = "fields"
#: The zone of a column's times: ``When they left (Asia/Tokyo)``.
_ZONE = re.compile(r"(?<!\s)\s*+[(（]([A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*)[)）]\Z")
#: A cell that says something of mail is a word or two.
_LONGEST_WORD = 40
#: An answer may be a whole option of a form: "「市政だより」のメール配信を希望します".
_LONGEST_ANSWER = 120


class ListState(StrEnum):
    """What a list says of somebody."""

    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    PENDING = "pending"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    #: Known to the other system, and never on its list.
    NEVER = "never"
    #: Nobody but a person can tell whether it says no: a word of leaving said of who knows what, or
    #: an answer that is no yes.
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFormat:
    """The export of a known system.

    Attributes:
        header: Columns by which it is recognised, folded.
        columns: Which of our fields a column is, by its folded name.
        ignored: Columns that would be taken for ours by their names, and are not.
        zone: The time zone of instants without one; empty for the newsletter's.
        blank: What an empty state means.
        states: What its words mean, where it has its own.
        files: The state of all rows by how the file's name begins.
        whole: The state of all rows of a file that has one of these columns, and only one.
        own: Whether it is ours: its states are exact, and cells like formulas are defused.
        others: Columns of its own that say nothing of mail.
    """

    name: str
    header: frozenset[str]
    columns: Mapping[str, str]
    ignored: frozenset[str] = frozenset()
    zone: str = ""
    blank: ListState = ListState.CONFIRMED
    states: Mapping[str, ListState] = field(default_factory=dict)
    files: Mapping[str, ListState] = field(default_factory=dict)
    whole: Mapping[str, ListState] = field(default_factory=dict)
    own: bool = False
    others: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        """Tell whether a column is one of its own, and not one that its users added."""
        folded = fold(name)
        own = (self.header, self.columns, self.ignored, self.others)
        return any(folded in each for each in own)


#: The IP address of somebody who joined or left: "ip" within "subscription" is none.
_OF_IP = re.compile("^ip|(?<!sh)ip$")
_BY_LEAVING = {Leaving.LEFT: ListState.UNSUBSCRIBED, Leaving.UNCLEAR: ListState.UNCLEAR}
_REMARK = re.compile("[(（:：、,]")
_LETTER = re.compile(r"[^\W_]")
_DASHES = re.compile(r"[-‐-―−ーｰ~_/ ]{1,4}")
_NEGATIVE = re.compile(r"[-‐-―−－]\d")
#: A word of a name or an answer: letters of one kind.
_TOKEN = re.compile(r"[a-zà-ɏ]+|[а-я]+|[^\W\d_a-zà-ɏа-я]+")
#: A name that asks: "Can we email you?", "メールを送ってもよいですか".
_QUESTION = re.compile(r"(?:\?|か)\s*\Z")
_HUMP = re.compile("(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Return a name or word as it is compared: without case, width, blanks, hyphens, brackets."""
    normal = normal_form(text).lower()
    return "".join(char for char in normal if not char.isspace() and char not in "-_()[]*:・")


def guess_field(name: str) -> str:
    """Return which of our fields a column is by its name; empty for none."""
    return _tables().columns.get(fold(_ZONE.sub("", name) if zone_in(name) else name), "")


def zone_in(name: str) -> str:
    """Return the time zone that a column's name ends with, as our lists for people have it."""
    found = _ZONE.search(name)
    return found[1] if found and found[1] in _zones() else ""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_weak(name: str) -> bool:
    """Tell whether a column's name means ours only where no other column does."""
    return fold(name) in _tables().weak


def read_state(word: str) -> ListState | None:
    """Return what a word of a list's column of states means; None when it is not known."""
    if _NEGATIVE.match(word.strip()):
        # Names are compared without hyphens; -1 is not 1.
        return None
    folded = fold(word)
    found = _tables().states.get(folded) or _by_part(folded)
    if found is not None:
        return found
    # "停止（本人希望）": what stands before a remark, unless that could take it back.
    before = _tables().states.get(fold(_REMARK.split(word, 1)[0]))
    if before is not None and before is not ListState.CONFIRMED:
        return before
    return ListState.UNSUBSCRIBED if read_leaving(word) is Leaving.LEFT else None


def read_whole(word: str) -> ListState | None:
    """Return what a word of a state means where nothing else stands with it; else None."""
    return _tables().states.get(fold(word))


def read_remark(text: str) -> ListState | None:
    """Return what a word of a state says against mail that stands alone among remarks.

    Signs and words as short as "no" or "new" are said of other things there.
    """
    folded = fold(text)
    if len(folded) < (4 if folded.isascii() else 2):
        return None
    state = _tables().states.get(folded)
    if state is None:
        leaving = read_leaving(text)
        return _BY_LEAVING[leaving] if leaving else None
    return None if state in {ListState.CONFIRMED, ListState.PENDING} else state


def read_reason(text: str) -> SuppressionReason:
    """Return why an address is suppressed, by its name or our words of any language.

    What is in none of them, and what no list can say, was done by hand.
    """
    return _reasons().get(text, SuppressionReason.MANUAL)


@cache
def _reasons() -> Mapping[str, SuppressionReason]:
    known = set(SuppressionReason) - {SuppressionReason.ERASED}
    words = {name_of(one).in_language(language): one for one in known for language in Language}
    return words | {one.value: one for one in known}


def denies(text: str) -> bool:
    """Tell whether a short answer to "do they want mail?" is a no, in whatever words.

    By its grammar: a dash alone, a first word or sign that denies, an ending that does, but for
    what only looks like it ("無料", "制限なし").
    """
    words = normal_form(text).strip().lower()
    if not words or len(words) > _LONGEST_WORD:
        return False
    if not _LETTER.search(words):
        return _DASHES.fullmatch(words) is not None
    known = _tables().denials
    if any(part in words for part in known["none"]):
        return False
    tokens = _TOKEN.findall(words) or [""]
    first = tokens[0]
    if first in known["words"] or words.startswith(known["begin"]) or tokens[-1] in known["last"]:
        return True
    if _tables().states.get(first) is ListState.UNSUBSCRIBED:
        return True
    return _REMARK.split(words, maxsplit=1)[0].rstrip(" 。.!").endswith(known["end"])


def against_mail(value: str) -> ListState | None:
    """Return what a value of any other column says against mail, if it clearly does."""
    return _by_part(fold(value)) if len(value) <= _LONGEST_WORD else None


def _by_part(folded: str) -> ListState | None:
    return next((state for part, state in _tables().parts if part in folded), None)


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
    denying = _tables().denials["words"]
    return denies(rest) or not words.isdisjoint(denying) or _DENYING.search(rest) is not None


#: A wish, and what only joins it to what is wished.
_WISH = re.compile("希望|可否")
_JOINING = re.compile("有無|[のをにへがはもごお御者]")


def wishes_something_else(name: str) -> bool:
    """Tell whether a column's name asks who wishes something that is not said to be mail.

    "参加希望" is of an event, and a no to it says nothing of mail; "希望" alone names nothing else.
    """
    folded, marks = fold(name), _tables().marks
    if not _WISH.search(folded) or not _parts_of_name(name).isdisjoint(_OF_MAIL):
        return False
    for part in sorted({*marks["state"], *marks["wanted"]}, key=len, reverse=True):
        folded = folded.replace(part, "")
    return _LETTER.search(_JOINING.sub("", folded)) is not None


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
    return frozenset(_TOKEN.findall(normal_form(f"{name} {_HUMP.sub(' ', name)}").lower()))


@lru_cache(maxsize=8192)
def _parts_of_name(name: str) -> frozenset[str]:
    """Return which kinds of marks a column's name has, as ``formats.toml`` lists them."""
    folded, marks = fold(name).rstrip("?"), _tables().marks
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


def read_opt_in(text: str) -> ListState | None:
    """Return what the answer to "do they want mail?" says; None where it is no clear answer.

    Only a yes is one: a word for it, a sentence that ends with it, how often, or since when.
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
    return any(
        yes.word.fullmatch(clause) or yes.sentence.search(clause) or yes.agreement.search(clause)
        for clause in clauses
    )


class _Affirmations(NamedTuple):
    clause: re.Pattern[str]
    doubt: re.Pattern[str]
    agreement: re.Pattern[str]
    word: re.Pattern[str]
    sentence: re.Pattern[str]


@cache
def _affirmations() -> _Affirmations:
    any_of = {name: f"(?:{'|'.join(parts)})" for name, parts in _tables().affirmations.items()}
    stem, end = any_of["stem"], any_of["end"]
    return _Affirmations(
        clause=re.compile(r"[、,。.!;:()]|\s[-‐-―]\s|\s/\s"),
        doubt=re.compile(any_of["doubt"]),
        agreement=re.compile(any_of["agreement"]),
        word=re.compile(f"{any_of['word']}(?:\\s+{any_of['rest']})*"),
        sentence=re.compile(rf"{stem}{end}*\Z|\b{any_of['verb']}\b"),
    )


def asks_something(name: str) -> bool:
    """Tell whether a column's name asks, counts or is a time, of what stands above it."""
    return not _parts_of_name(name).isdisjoint({"wanted", "measure"})


def recognise(names: Collection[str]) -> KnownFormat | None:
    """Return the system whose export has these columns."""
    folded = {fold(name) for name in names}
    return next((known for known in _tables().formats if known.header <= folded), None)


def state_of_file(
    known: KnownFormat | None, names: Iterable[str], file_name: str
) -> ListState | None:
    """Return the state of all rows of a list, by its file's name or an export's columns."""
    if known is None:
        folded_name = file_name.lower()
        return next((state for part, state in _tables().files if part in folded_name), None)
    for beginning, state in known.files.items():
        if file_name.lower().startswith(beginning):
            return None if state is ListState.CONFIRMED else state
    marks = [known.whole[folded] for name in names if (folded := fold(name)) in known.whole]
    return marks[0] if len(marks) == 1 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tables:
    columns: Mapping[str, str]
    weak: frozenset[str]
    states: Mapping[str, ListState]
    parts: tuple[tuple[str, ListState], ...]
    marks: Mapping[str, tuple[str, ...]]
    denials: Mapping[str, tuple[str, ...]]
    affirmations: Mapping[str, tuple[str, ...]]
    files: tuple[tuple[str, ListState], ...]
    formats: tuple[KnownFormat, ...]


@cache
def _tables() -> _Tables:
    text = files("subscribers.lists").joinpath("formats.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)
    columns = {fold(word): ours for ours, words in known["columns"].items() for word in words}
    weak = {fold(word): ours for ours, words in known["weak"].items() for word in words}
    return _Tables(
        columns=weak | columns,
        weak=frozenset(weak) - frozenset(columns),
        states={
            fold(word): ListState(state)
            for state, words in known["states"].items()
            for word in words
        },
        parts=_pairs(known["parts"]),
        marks={
            kind: tuple(parts if kind.endswith(" words") else map(fold, parts))
            for kind, parts in known["marks"].items()
        },
        denials={kind: tuple(words) for kind, words in known["denials"].items()},
        affirmations={kind: tuple(words) for kind, words in known["affirmations"].items()},
        files=_pairs(known["files"], folded=False),
        formats=tuple(map(_format, known["formats"])),
    )


def _pairs(
    table: Mapping[str, Sequence[str]], *, folded: bool = True
) -> tuple[tuple[str, ListState], ...]:
    return tuple(
        (fold(part) if folded else part, ListState(state))
        for state, parts in table.items()
        for part in parts
    )


def _format(known: Mapping[str, Any]) -> KnownFormat:
    return KnownFormat(
        name=known["name"],
        header=frozenset(map(fold, known["header"])),
        columns={fold(name): ours for name, ours in known["columns"].items()},
        ignored=frozenset(map(fold, known.get("ignored", ()))),
        zone=known.get("zone", ""),
        blank=ListState(known.get("blank", "confirmed")),
        states={fold(word): ListState(state) for word, state in known.get("states", {}).items()},
        files={name: ListState(state) for name, state in known.get("files", {}).items()},
        whole={fold(name): ListState(state) for name, state in known.get("whole", {}).items()},
        own=known.get("own", False),
        others=frozenset(map(fold, known.get("others", ()))),
    )
