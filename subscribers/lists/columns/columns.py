"""A list's columns: which of ours each is, and in what form the list as a whole is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from subscribers.fields.model import Field, field_named
from subscribers.lists.parsers.column_guesses import FIELD, SHARED, guess_column, guess_list
from subscribers.lists.parsers.inner_columns import WITHIN, addresses_within, own_key
from subscribers.lists.parsers.json_lines import is_json
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS, SECTION
from subscribers.lists.words.cell_words import read_opt_in, read_state
from subscribers.lists.words.column_names import (
    asks_of_something_else,
    mark_of,
    of_post,
    speaks_of_other_ways,
)
from subscribers.lists.words.formats import (
    FIELDS,
    IGNORED,
    KnownFormat,
    ListState,
    fold,
    state_of_file,
    whole_column,
    zone_in,
)
from subscribers.lists.words.harmless import may_ask

#: Says that a column is about something else than mail, whatever it is kept as.
UNRELATED = "other"
#: Says that a column holds remarks of which some speak of mail or leaving.
REMARK = "remark"
_HEEDED = "heeded"
#: What is ours and may speak against mail all the same: a name that is struck out, "never".
_OF_OURS = {
    **dict.fromkeys(("name", "given_name", "family_name"), "name"),
    "address": "address",
    **dict.fromkeys(("frequency", "format"), "choice"),
    "tags": "tags",
}
#: What a column can be mapped to, besides ``field.KEY``.
KNOWN_COLUMNS = (*FIELDS, IGNORED)
#: Only our own list for people has all of these.
_OURS_FOR_PEOPLE = frozenset({"consent_basis", "consent_source", "consent_wording"})
_CHOOSE_ADDRESS = msg("Choose the column with --map COLUMN=address.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnAnswers:
    """What somebody said of columns of which it was asked whether they say who wants mail.

    Attributes:
        unrelated: They say nothing of mail.
        heeded: A remark in them that speaks of mail or leaving keeps its row out.
        left_out: They are not to be used: nothing is asked, and a plain word against mail counts.
        passed_over: Of all of them together it was said that none says who wants mail: what says
            by itself that somebody left counts all the same, as nobody may have looked for it.
        states: What words of its columns of states mean, by the word as `fold` has it.
    """

    unrelated: Collection[str] = ()
    heeded: Collection[str] = ()
    left_out: Collection[str] = ()
    passed_over: Collection[str] = ()
    states: Mapping[str, ListState] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        said = (self.unrelated, self.heeded, self.left_out, self.passed_over)
        return any(name in each for each in said)


NO_ANSWERS = ColumnAnswers()


def meanings_of(words: Mapping[str, str]) -> dict[str, ListState]:
    """Return what somebody said that words of states mean, as `ColumnAnswers` has it."""
    return {fold(word): ListState(meaning) for word, meaning in words.items()}


@dataclass(kw_only=True, slots=True)
class ListForm:
    """How a list is to be read.

    Attributes:
        columns: The list's own columns → ``address`` …, ``field.KEY``, or ``-`` for nothing.
        known: The system whose export it is, where that was recognised.
        state: What it says of everybody on it.
        whole: The column by which it says so; empty where nothing has to be asked of that.
        marks: Columns that are none of ours, and may all the same say something against mail:
            ``disabled`` where they do when filled, ``hint`` where their value may be a state,
            ``remark`` where it may be one that stands alone, ``plain remark`` where it then leaves
            nothing open, ``heeded`` where whatever speaks of mail counts, ``passed over`` where
            what says by itself that somebody left does, ``name``, ``address`` (of the name in it)
            and ``tags`` where a word beside them may, ``choice`` where a no does, empty
            where only a plain word counts.
        defused: Whether cells that begin like formulas have an apostrophe before them.
        own_zone: The time zone of its instants that name none; empty where it says nothing of it.
        custom: The fields of the newsletter's people, by key.
        answers: What somebody said of its columns.
        made: The keys of the fields that are made for it.
        marked: Columns in which even a no is an entry, as `noes.find_marked` has it.
        unsure: Columns of which nobody knows whether they say something of mail.
        inner: Keys within objects that were chosen as columns, ``attributes.newsletter``: where
            each stands.
    """

    columns: dict[str, str]
    custom: Mapping[str, Field] = field(default_factory=dict)
    known: KnownFormat | None = None
    state: ListState | None = None
    whole: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    defused: bool = False
    own_zone: str = ""
    answers: ColumnAnswers
    made: Collection[str] = ()
    marked: Collection[str] = ()
    unsure: set[str] = field(default_factory=set)
    inner: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    fields: dict[str, list[str]] = field(init=False)
    #: Each column that is not left out, what it is, and the key of the field if it is one.
    kept: list[tuple[str, str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.fields = {}
        self.kept = []
        for name, ours in self.columns.items():
            self.add(name, ours)

    def add(self, name: str, ours: str) -> None:
        """Take a column."""
        self.columns[name] = ours
        self.fields.setdefault(ours, []).append(name)
        if ours != IGNORED:
            key = ours.removeprefix(FIELD) if ours.startswith(FIELD) else ""
            self.kept.append((name, ours, key))

    def add_late(self, name: str, ours: str) -> None:
        """Take a column that the list's beginning did not have, with what its name marks."""
        self.add(name, ours)
        if self._is_unsure(name, ours):
            self.unsure.add(name)
        self.mark(name, ours)

    def mark(self, name: str, ours: str) -> None:
        """Note how a column that is none of ours may say something against mail."""
        # What a known system means by it is known: Substack's paid subscription is no state.
        if self.known is not None and (self.known.own or fold(name) in self.known.ignored):
            return
        if ours == IGNORED and asks_of_something_else(name):
            return
        if name == SECTION and ours == IGNORED:
            is_plain = name in self.answers.unrelated or name in self.answers.passed_over
            self.marks[name] = "plain heading" if is_plain else "heading"
        elif ours == IGNORED or ours.startswith(FIELD):
            # Comments that come where nobody was asked any more refuse their rows.
            is_heeded = name in self.answers.heeded or name == COMMENTS
            mark = _HEEDED if is_heeded else mark_of(name)
            is_passed = name in self.answers.passed_over
            # A title is of all rows: it may say who is not among them.
            is_told = is_passed and name != BESIDE
            if is_passed or name in self.answers.unrelated:
                # A plain remark of leaving was not what was asked.
                is_remark = mark == "remark" or name == COMMENTS
                mark = "plain remark" if is_remark else "passed over" if is_told else ""
            if mark or not (is_passed or name in self.answers.unrelated):
                self.marks[name] = mark
        elif ours in _OF_OURS and not (
            self.has_states or self.is_ours or name in self.answers.unrelated
        ):
            self.marks[name] = _OF_OURS[ours]

    def find_unsure(self, guessed: Mapping[str, str]) -> None:
        """Note of which columns nobody knows whether they speak of mail.

        Args:
            guessed: What the columns are by their names.
        """
        self.unsure |= {
            name
            for name, ours in self.columns.items()
            if self._says_little(guessed.get(name, IGNORED)) and self._is_unsure(name, ours)
        }

    def _is_unsure(self, name: str, ours: str) -> bool:
        return (
            not self.is_ours
            and self.state is None
            and not (self.known is not None and self.known.has(name))
            and name not in self.answers
            and self._says_little(ours)
            and mark_of(name) != "disabled"
            and not speaks_of_other_ways(name)
            and not asks_of_something_else(name)
        )

    @property
    def may_ask(self) -> bool:
        """Whether something may have to be asked of one of its columns."""
        has_states = not self.fields.keys().isdisjoint({"state", "opt_in"})
        has_states = has_states and self.may_ask_of_states
        return (
            bool(self.unsure or self.whole)
            or has_states
            or ("attributes" in self.fields and not self.is_ours)
        )

    @property
    def may_ask_of_states(self) -> bool:
        """Whether nobody knows all words that may stand in its columns of states."""
        return self.known is None and self.state is None

    def read_state(self, word: str) -> ListState | None:
        """Return what a word of a column of states means; None when it is not known."""
        folded = fold(word)
        if folded in self.answers.states:
            return self.answers.states[folded]
        return (self.known.states.get(folded) if self.known else None) or read_state(word)

    def read_opt_in(self, word: str) -> ListState | None:
        """Return what a word of a column of wishes means; None when it is not clear.

        What was said of words is said of those of a state, where the list has one.
        """
        said = self.answers.states.get(fold(word)) if "state" not in self.fields else None
        return said or read_opt_in(word)

    def is_unsure_within(self, name: str, key: str) -> bool:
        """Tell whether nobody knows if a key of a column's objects speaks of mail."""
        inner = f"{name}{WITHIN}{key}"
        return self._is_unsure(inner, self._ours_of(inner))

    def _says_little(self, ours: str) -> bool:
        """Tell whether it is nothing of ours, or a field that does not know its own values.

        What the newsletter asks by a field of yes and no, or of options, it knows. A text may be
        any, and a field that is made of the column knows nothing.
        """
        field = self._field_of(ours)
        if field is None:
            return ours == IGNORED
        return field.key in self.made or field.type is FieldType.TEXT

    def is_field(self, name: str) -> bool:
        """Tell whether a column, or a key within one, is a field that asks nothing of mail.

        One that is made of the column does not count.
        """
        field = self._field_of(self._ours_of(name))
        return field is not None and field.key not in self.made and not may_ask(name)

    def _ours_of(self, name: str) -> str:
        """Return what a column is, or a key within one: a field by its own name."""
        if name in self.columns or WITHIN not in name:
            return self.columns.get(name, IGNORED)
        field = field_named([*self.custom.values()], name.partition(WITHIN)[2])
        return FIELD + field.key if field else IGNORED

    def _field_of(self, ours: str) -> Field | None:
        return self.custom.get(ours.removeprefix(FIELD)) if ours.startswith(FIELD) else None

    def left_out(self, chosen: Collection[str]) -> tuple[str, ...]:
        """Return the columns that are nothing of ours, and that nobody nor any system left out."""
        known = self.known.ignored if self.known is not None else ()
        return tuple(
            name
            for name, ours in self.columns.items()
            if ours == IGNORED
            and name not in chosen
            and name not in self.answers
            and name not in {BESIDE, COMMENTS}
            and fold(name) not in known
            and self.marks.get(name) not in {"disabled", "hint", "heading", "plain heading"}
        )

    @property
    def needs_confirming(self) -> bool:
        """Whether the list says of people when they confirmed, and of their state nothing else."""
        own = self.is_ours or self.has_states
        return "confirmed_at" in self.fields and "state" not in self.fields and not own

    @property
    def has_states(self) -> bool:
        """Whether a row may say something of mail though none of its columns does."""
        return self.known is not None or self.state is not None

    @property
    def is_ours(self) -> bool:
        """Whether it is an export of ours, whose values are exact."""
        return self.defused or (self.known is not None and self.known.own)

    def zone(self, fallback: ZoneInfo) -> ZoneInfo:
        """Return the time zone of instants that name none."""
        return ZoneInfo(self.own_zone) if self.own_zone else fallback


#: What a column may be and still be called nothing, without its word against mail being lost.
_NOT_TO_IGNORE = frozenset(
    {
        *(IGNORED, "state", "opt_in", "disabled", "unsubscribed_at", "bounced_at"),
        *("complained_at", "deleted_at"),
    }
)


def form_of(
    names: Iterable[str],
    chosen: Mapping[str, str],
    *,
    custom: Sequence[Field],
    source: str,
    file_name: str = "",
    answers: ColumnAnswers = NO_ANSWERS,
    made: Collection[str] = (),
    addressed: Sequence[str] = (),
    is_beginning: bool = False,
) -> ListForm:
    """Return how a list with these columns is to be read.

    Args:
        names: The list's columns.
        chosen: What somebody chose for some of them; ``-`` for none of ours.
        custom: The fields of the newsletter's people; a column of a key or label is that field.
        source: Names the list in errors.
        file_name: Of exports that say by it what they hold.
        answers: What somebody said of its columns.
        made: The keys of the fields that are made for it.
        addressed: What `find_addressed` found; taken where no name and no choice says it.
        is_beginning: Whether further columns may come, of which some may be chosen.

    Raises:
        ListError: A choice names no column, two columns are one field, or none is the address.
    """
    names = [name for name in names if name]
    place = Place(source=source, line=1)
    lost = [name for name in chosen if name not in names]
    inner = {
        name: (head, key)
        for name in (*lost, *answers.heeded)
        if name not in names
        for head, _, key in [name.partition(WITHIN)]
        if key and head in names
    }
    if not inner.keys() >= set(lost) and not is_beginning:
        lost = [name for name in lost if name not in inner]
        raise ListError(
            msg("The list has no column “{column}”.", column=lost[0]),
            place=place,
            remedy=msg("Its columns are: {names}.", names=Listing(tuple(names[:20]))),
        )
    # One that comes later is what it is for the rows before it, too: there it is blank.
    names += lost
    guess = guess_list(names, custom, () if "address" in chosen.values() else addressed)
    columns = {name: chosen.get(name) or guess.columns.get(name, IGNORED) for name in names}
    keys = {each.key: each for each in custom}
    for name, ours in columns.items():
        if ours not in KNOWN_COLUMNS and ours.removeprefix(FIELD) not in keys:
            raise ListError(
                msg("Column “{column}” cannot be assigned to “{field}”.", field=ours, column=name),
                remedy=msg("The fields are: {names}.", names=Listing(tuple(keys))),
            )
    _refuse_doubles(columns, place)
    if "address" not in columns.values():
        if len(several := addresses_within(names) or addressed) > 1:
            raise ListError(
                msg(
                    "Several columns hold email addresses: {names}.",
                    names=Listing(tuple(several[:20])),
                ),
                place=place,
                remedy=msg("Choose the one of the subscribers."),
                command=_CHOOSE_ADDRESS,
            )
        raise ListError(
            msg("The list has no column of email addresses."),
            place=place,
            remedy=msg("Name it email or メールアドレス in line 1."),
            command=_CHOOSE_ADDRESS,
        )
    own = guess.known is not None and guess.known.own
    state = None if own else state_of_file(guess.known, names, file_name)
    whole = whole_column(guess.known, names)
    if whole in answers.unrelated:
        state = None
    form = ListForm(
        columns=columns,
        custom=keys,
        answers=answers,
        made=made,
        inner=inner,
        known=guess.known,
        state=state,
        whole="" if state is None or whole in answers else whole,
        defused=(own or set(columns.values()) >= _OURS_FOR_PEOPLE) and not is_json(file_name),
        own_zone=guess.known.zone
        if guess.known and guess.known.zone
        else next(filter(None, map(zone_in, names)), ""),
    )
    form.find_unsure(guess.columns)
    by_post = of_post(names)
    for name, ours in columns.items():
        if name in by_post and ours == IGNORED:
            continue
        # Nothing is no choice where none was, nor where there is no name for what the column is.
        if chosen.get(name) != IGNORED or guess.columns.get(name, IGNORED) in _NOT_TO_IGNORE:
            form.mark(name, ours)
    return form


def _refuse_doubles(columns: Mapping[str, str], place: Place) -> None:
    first: dict[str, str] = {}
    for name, ours in columns.items():
        if ours in first and ours != IGNORED and ours not in SHARED:
            raise ListError(
                msg(
                    "The columns “{first}” and “{second}” are read as the same field.",
                    first=first[ours],
                    second=name,
                ),
                place=place,
                remedy=msg("Rename one, or leave it out."),
                command=msg("Leave it out with --map COLUMN=-."),
            )
        first.setdefault(ours, name)


def late_column(name: str, form: ListForm) -> str:
    """Return what a column is that the list's beginning did not have."""
    key = own_key(name, column_of_address(form))
    ours = guess_column(name, form.known) or (guess_column(key, form.known) if key else "")
    ours = ours or IGNORED
    if ours in {IGNORED, "opt_in"} and (field := field_named([*form.custom.values()], name)):
        ours = FIELD + field.key
    return IGNORED if ours not in SHARED and ours in form.fields else ours


def column_of_address(form: ListForm) -> str:
    """Return the column that holds the addresses."""
    return form.fields["address"][0]
