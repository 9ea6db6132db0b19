"""The mapping of a list's columns to our fields, and the form of the list as a whole."""

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
    says_consented,
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

#: The answer that a column is not about mail, regardless of its mapping.
UNRELATED = "other"
#: The answer that a column contains remarks, some of which are about mail or unsubscribing.
REMARK = "remark"
_HEEDED = "heeded"
#: Our fields whose values can also mean "no mail": a name that is struck out, "never".
_OF_OURS = {
    **dict.fromkeys(("name", "given_name", "family_name"), "name"),
    "address": "address",
    **dict.fromkeys(("frequency", "format"), "choice"),
    "tags": "tags",
}
#: The possible mappings of a column, besides ``field.KEY``.
KNOWN_COLUMNS = (*FIELDS, IGNORED)
#: Columns that only our own readable export has together.
_OURS_FOR_PEOPLE = frozenset({"consent_basis", "consent_source", "consent_wording"})
_CHOOSE_ADDRESS = msg("Choose the column with --map COLUMN=address.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnAnswers:
    """The user's answers to the questions whether columns state who wants mail.

    Attributes:
        unrelated: Columns that are not about mail.
        heeded: Columns with remarks; a remark about mail or unsubscribing excludes its row.
        left_out: Columns that are not used: no questions, but clear words against mail count.
        passed_over: Columns covered by the answer that none of them states who wants mail. Clear
            statements that somebody unsubscribed still count, since the user may have missed them.
        states: The meanings of words in columns of states, by the word folded by `fold`.
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
    """Return the given meanings of words for `ColumnAnswers.states`."""
    return {fold(word): ListState(meaning) for word, meaning in words.items()}


@dataclass(kw_only=True, slots=True)
class ListForm:
    """The interpretation of a list.

    Attributes:
        columns: The list's columns mapped to ``address`` …, ``field.KEY``, or ``-`` for ignored.
        known: The system that exported the list, if it was recognised.
        state: The state of everybody on the list, if the whole list has one.
        whole: The column that determines ``state``; empty if this is certain.
        marks: How columns that are not imported can exclude a row from mail: ``disabled`` if they
            are filled, ``hint`` if their value can be a state, ``remark`` if it can be a state on
            its own, ``plain remark`` if it must be unambiguous, ``heeded`` if any mention of mail
            counts, ``passed over`` if only clear statements of unsubscribing count, ``name``,
            ``address`` (the name in it) and ``tags`` if a word next to the value counts, ``choice``
            if a no counts, and empty if only a clear word counts.
        defused: Whether cells that look like formulas start with an apostrophe.
        own_zone: The time zone of the list's moments without offset; empty if unknown.
        custom: The newsletter's fields by key.
        answers: The user's answers about columns.
        made: The keys of the fields that are created for the list.
        marked: Columns in which even a no is an entry (`noes.find_marked`).
        unsure: Columns that may or may not be about mail.
        inner: The positions of keys within objects that were chosen as columns, such as
            ``attributes.newsletter``.
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
    #: The imported columns, with their mapping and the key of the field, if it is one.
    kept: list[tuple[str, str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.fields = {}
        self.kept = []
        for name, ours in self.columns.items():
            self.add(name, ours)

    def add(self, name: str, ours: str) -> None:
        """Add a column."""
        self.columns[name] = ours
        self.fields.setdefault(ours, []).append(name)
        if ours != IGNORED:
            key = ours.removeprefix(FIELD) if ours.startswith(FIELD) else ""
            self.kept.append((name, ours, key))

    def add_late(self, name: str, ours: str) -> None:
        """Add a column that did not occur at the beginning of the list, with its mark."""
        self.add(name, ours)
        if self._is_unsure(name, ours):
            self.unsure.add(name)
        self.mark(name, ours)

    def mark(self, name: str, ours: str) -> None:
        """Record how a column that is not imported can exclude a row from mail."""
        # The columns of known systems have known meanings, e.g. Substack's paid subscription.
        if self.known is not None and (self.known.own or fold(name) in self.known.ignored):
            return
        if ours == IGNORED and asks_of_something_else(name):
            return
        if name == SECTION and ours == IGNORED:
            is_plain = name in self.answers.unrelated or name in self.answers.passed_over
            self.marks[name] = "plain heading" if is_plain else "heading"
        elif ours == IGNORED or ours.startswith(FIELD):
            # Comments that appear after the questions were asked exclude their rows.
            is_heeded = name in self.answers.heeded or name == COMMENTS
            mark = _HEEDED if is_heeded else mark_of(name)
            is_passed = name in self.answers.passed_over
            # A title concerns all rows and can also describe people who are not on the list.
            is_told = is_passed and name != BESIDE
            if is_passed or name in self.answers.unrelated:
                # The question was not about unambiguous remarks.
                is_remark = mark == "remark" or name == COMMENTS
                if is_remark:
                    mark = "passed remark" if is_passed else "plain remark"
                else:
                    mark = "passed over" if is_told else ""
            if mark or not (is_passed or name in self.answers.unrelated):
                self.marks[name] = mark
        elif ours in _OF_OURS and not (
            self.has_states or self.is_ours or name in self.answers.unrelated
        ):
            self.marks[name] = _OF_OURS[ours]

    def find_unsure(self, guessed: Mapping[str, str]) -> None:
        """Determine the columns that may or may not be about mail.

        Args:
            guessed: The mappings of columns by their names.
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
        """Whether questions about columns are possible."""
        has_states = not self.fields.keys().isdisjoint({"state", "opt_in"})
        has_states = has_states and self.may_ask_of_states
        return (
            bool(self.unsure or self.whole)
            or has_states
            or ("attributes" in self.fields and not self.is_ours)
        )

    @property
    def may_ask_of_states(self) -> bool:
        """Whether the columns of states can contain unknown words."""
        return self.known is None and self.state is None

    def read_state(self, word: str) -> ListState | None:
        """Return the meaning of a word in a column of states; None if it is unknown."""
        folded = fold(word)
        if folded in self.answers.states:
            return self.answers.states[folded]
        return (self.known.states.get(folded) if self.known else None) or read_state(word)

    def read_opt_in(self, word: str) -> ListState | None:
        """Return the meaning of a word in a column of consent; None if it is unclear.

        The user's answers about words apply to columns of states, if the list has any.
        """
        said = self.answers.states.get(fold(word)) if "state" not in self.fields else None
        return said or read_opt_in(word)

    def is_unsure_within(self, name: str, key: str) -> bool:
        """Return whether a key in a column's objects may or may not be about mail."""
        inner = f"{name}{WITHIN}{key}"
        return self._is_unsure(inner, self._ours_of(inner))

    def _says_little(self, ours: str) -> bool:
        """Return whether a mapping leaves the meaning of values open.

        Yes/no fields and fields with options have known values. Text fields, fields created for
        the list, and columns that are not imported do not.
        """
        field = self._field_of(ours)
        if field is None:
            return ours == IGNORED
        return field.key in self.made or field.type is FieldType.TEXT

    def is_field(self, name: str) -> bool:
        """Return whether a column, or a key within one, is an existing field, not about mail."""
        field = self._field_of(self._ours_of(name))
        return field is not None and field.key not in self.made and not may_ask(name)

    def _ours_of(self, name: str) -> str:
        """Return the mapping of a column, or of a key within one, which is a field of that name."""
        if name in self.columns or WITHIN not in name:
            return self.columns.get(name, IGNORED)
        field = field_named([*self.custom.values()], name.partition(WITHIN)[2])
        return FIELD + field.key if field else IGNORED

    def _field_of(self, ours: str) -> Field | None:
        return self.custom.get(ours.removeprefix(FIELD)) if ours.startswith(FIELD) else None

    def left_out(self, chosen: Collection[str]) -> tuple[str, ...]:
        """Return the columns without mapping that neither the user nor a known system omits."""
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
    def confirming(self) -> str:
        """The field of the days of confirmation, or else of consent, that alone tell the state.

        Whoever has none has not confirmed. Days of joining say no such thing.
        """
        if self.is_ours or self.has_states or "state" in self.fields:
            return ""
        if "confirmed_at" in self.fields:
            return "confirmed_at"
        is_said = any(map(says_consented, self.fields.get("consented_at", ())))
        return "consented_at" if is_said else ""

    @property
    def has_states(self) -> bool:
        """Whether a row can have a state although no column is one."""
        return self.known is not None or self.state is not None

    @property
    def is_ours(self) -> bool:
        """Whether the list is our own export, whose values are exact."""
        return self.defused or (self.known is not None and self.known.own)

    def zone(self, fallback: ZoneInfo) -> ZoneInfo:
        """Return the time zone of moments without offset."""
        return ZoneInfo(self.own_zone) if self.own_zone else fallback


#: Mappings of columns that can exclude people from mail even if the user ignores the column.
_NOT_TO_IGNORE = frozenset(
    {
        *(IGNORED, "state", "opt_in", "disabled", "unsubscribed_at", "bounced_at"),
        *("complained_at", "deleted_at"),
    }
)


def _require_addresses(columns: Mapping[str, str], addressed: Sequence[str], place: Place) -> None:
    """Refuse a list without a column of addresses, or whose column of addresses holds none.

    Args:
        columns: The columns with their mappings.
        addressed: The result of `find_addressed`.
        place: The place of the column names.

    Raises:
        ListError: The user has to choose the column of addresses.
    """
    remedy = msg("Choose the one of the subscribers.")
    named = [name for name, ours in columns.items() if ours == "address"]
    several = addresses_within(columns) or addressed
    if named:
        if not addressed or named[0] in addressed:
            return
        said = msg(
            "Column “{column}” holds no email addresses; these do: {names}.",
            column=named[0],
            names=Listing(tuple(addressed[:20])),
        )
    elif len(several) > 1:
        said = msg(
            "Several columns hold email addresses: {names}.", names=Listing(tuple(several[:20]))
        )
    else:
        said = msg("The list has no column of email addresses.")
        remedy = msg("Name it email or メールアドレス in line 1.")
    raise ListError(said, place=place, remedy=remedy, command=_CHOOSE_ADDRESS)


def _said_otherwise(guessed: Mapping[str, str], answers: ColumnAnswers) -> dict[str, str]:
    """Return the columns that look like states, but of which the user says that they are none."""
    said = (*answers.unrelated, *answers.heeded)
    return {name: IGNORED for name in said if guessed.get(name) in {"state", "opt_in"}}


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
    """Return the interpretation of a list with these columns.

    Args:
        names: The list's columns.
        chosen: The user's mappings of columns; ``-`` for ignored.
        custom: The newsletter's fields; a column with a field's key or label is this field.
        source: The name of the list in errors.
        file_name: The file name, which determines the meaning of some exports.
        answers: The user's answers about columns.
        made: The keys of the fields that are created for the list.
        addressed: The result of `find_addressed`, which is used if neither names nor choices
            identify the addresses.
        is_beginning: Whether further columns may follow, which may have been chosen.

    Raises:
        ListError: A choice names an unknown column, two columns have the same mapping, or none
            contains addresses.
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
    # Chosen columns that appear later are blank in earlier rows.
    names += lost
    guess = guess_list(names, custom, () if "address" in chosen.values() else addressed)
    if "address" in chosen.values():
        # Whoever chose the column of addresses means no other.
        guess.columns.update({n: IGNORED for n, ours in guess.columns.items() if ours == "address"})
    guess.columns.update(_said_otherwise(guess.columns, answers))
    columns = {name: chosen.get(name) or guess.columns.get(name, IGNORED) for name in names}
    keys = {each.key: each for each in custom}
    for name, ours in columns.items():
        if ours not in KNOWN_COLUMNS and ours.removeprefix(FIELD) not in keys:
            raise ListError(
                msg("Column “{column}” cannot be assigned to “{field}”.", field=ours, column=name),
                remedy=msg("The fields are: {names}.", names=Listing(tuple(keys))),
            )
    _refuse_doubles(columns, place)
    if "address" not in chosen.values():
        _require_addresses(columns, addressed, place)
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
        # A column that the user ignores can still exclude rows, unless it clearly is another one.
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
    """Return the mapping of a column that did not occur at the beginning of the list."""
    key = own_key(name, column_of_address(form))
    ours = guess_column(name, form.known) or (guess_column(key, form.known) if key else "")
    ours = ours or IGNORED
    if ours in {IGNORED, "opt_in"} and (field := field_named([*form.custom.values()], name)):
        ours = FIELD + field.key
    return IGNORED if ours not in SHARED and ours in form.fields else ours


def column_of_address(form: ListForm) -> str:
    """Return the column with the addresses."""
    return form.fields["address"][0]
