"""Names in lists: those of our fields, and the export formats of known systems.

The tables are in ``formats.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

from newsletter.i18n.messages import msg
from newsletter.i18n.normal_form import normal_form
from newsletter.i18n.values import Worded
from subscribers.subscription_columns import CHOSEN, IMPORTED, LABELS

#: The possible mappings of a column, besides ``field.KEY``, with their names for people, in the
#: order in which they are offered.
FIELDS: Mapping[str, Worded] = {
    "address": msg("Email address"),
    "name": LABELS["name"],
    "given_name": msg("First name"),
    "family_name": msg("Last name"),
    **{name: LABELS[name] for name in CHOSEN},
    "state": LABELS["state"],
    "opt_in": msg("Whether they want email"),
    "tags": msg("Tags"),
    **{name: LABELS[name] for name in ("consented_at", "confirmed_at", "unsubscribed_at")},
    "bounced_at": msg("Bounced at"),
    "complained_at": msg("When they complained"),
    "deleted_at": msg("When they were deleted"),
    "disabled": msg("Mark against mail"),
    "paused_until": LABELS["paused_until"],
    **{name: LABELS[name] for name in IMPORTED if name != "attributes"},
    "suppressed": msg("Why suppressed"),
    "suppressed_at": msg("When suppressed"),
    "suppression_evidence": msg("Evidence of suppression"),
    "attributes": LABELS["attributes"],
}
#: The mapping of a column that is ignored.
IGNORED = "-"
#: The column of our own export with the definitions of the fields.
DEFINITIONS = "fields"
#: The time zone in a column's name: ``When they unsubscribed (Asia/Tokyo)``.
_ZONE = re.compile(r"(?<!\s)\s*+[(（]([A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*)[)）]\Z")


class ListState(StrEnum):
    """The state of a person according to a list."""

    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    PENDING = "pending"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    #: Known to the other system, and never subscribed there.
    NEVER = "never"
    #: Must be decided by a person: a word for unsubscribing that may refer to something else, or an
    #: answer that is not a yes.
    UNCLEAR = "unclear"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFormat:
    """The export format of a known system.

    Attributes:
        header: The folded names of columns by which the format is recognised.
        columns: The mappings of columns by their folded names.
        ignored: Columns whose names look like our fields but are not.
        zone: The time zone of moments without offset; empty for that of the newsletter.
        blank: The meaning of an empty state.
        states: The meanings of the system's own words.
        files: The state of all rows, by the beginning of the file name.
        whole: The state of all rows, if the file has exactly one of these columns.
        own: Whether it is our own format, whose states are exact and whose cells are escaped.
        others: Further columns of the system that are not about mail.
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
        """Return whether a column belongs to the format and was not added by users."""
        folded = fold(name)
        own = (self.header, self.columns, self.ignored, self.others)
        return any(folded in each for each in own)


LETTER = re.compile(r"[^\W_]")
#: The small letters of the Latin and Cyrillic scripts, with those of Vietnamese.
LATIN, CYRILLIC = "a-zà-ɏḁ-ỿ", "а-ӿ"
#: A word of a name or an answer, which consists of letters of one script.
TOKEN = re.compile(rf"[{LATIN}]+|[{CYRILLIC}]+|[^\W\d_{LATIN}{CYRILLIC}]+")


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Return a text for comparison: without case, width, spaces, hyphens and brackets."""
    normal = normal_form(text).lower()
    return "".join(char for char in normal if not char.isspace() and char not in "-_()[]*:・")


def guess_field(name: str) -> str:
    """Return the mapping of a column by its name; empty if there is none."""
    return list_words().columns.get(fold(_ZONE.sub("", name) if zone_in(name) else name), "")


def zone_in(name: str) -> str:
    """Return the time zone at the end of a column's name, as in our readable exports."""
    found = _ZONE.search(name)
    return found[1] if found and found[1] in _zones() else ""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_weak(name: str) -> bool:
    """Return whether a column's name is a mapping only if no other column has the mapping."""
    return fold(name) in list_words().weak


def recognise(names: Collection[str]) -> KnownFormat | None:
    """Return the system whose export has these columns."""
    folded = {fold(name) for name in names}
    return next((known for known in list_words().formats if known.header <= folded), None)


def state_of_file(
    known: KnownFormat | None, names: Iterable[str], file_name: str
) -> ListState | None:
    """Return the state of all rows of a list, by its file name or the columns of the format."""
    if known is None:
        folded_name = file_name.lower()
        return next((state for part, state in list_words().files if part in folded_name), None)
    for beginning, state in known.files.items():
        if file_name.lower().startswith(beginning):
            return None if state is ListState.CONFIRMED else state
    column = whole_column(known, names)
    return known.whole[fold(column)] if column else None


def whole_column(known: KnownFormat | None, names: Iterable[str]) -> str:
    """Return the column by which an export only contains unsubscribed or bounced people."""
    found = [name for name in names if known is not None and fold(name) in known.whole]
    return found[0] if len(found) == 1 else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListWords:
    """The tables of ``formats.toml``, with folded words where needed."""

    columns: Mapping[str, str]
    weak: frozenset[str]
    states: Mapping[str, ListState]
    parts: tuple[tuple[str, ListState], ...]
    marks: Mapping[str, tuple[str, ...]]
    denials: Mapping[str, tuple[str, ...]]
    affirmations: Mapping[str, tuple[str, ...]]
    left: Mapping[str, tuple[str, ...]]
    consents: Mapping[str, tuple[str, ...]]
    noes: frozenset[str]
    files: tuple[tuple[str, ListState], ...]
    formats: tuple[KnownFormat, ...]


@cache
def list_words() -> ListWords:
    """Return the vocabulary of lists."""
    text = files("subscribers.lists.words").joinpath("formats.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)
    columns = {fold(word): ours for ours, words in known["columns"].items() for word in words}
    weak = {fold(word): ours for ours, words in known["weak"].items() for word in words}
    return ListWords(
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
        left={kind: tuple(words) for kind, words in known["left"].items()},
        consents={kind: tuple(words) for kind, words in known["consents"].items()},
        noes=frozenset(map(fold, known["noes"]["words"])),
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
