"""Whether the people on a list get mail, determined from all columns of each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Never
from zoneinfo import ZoneInfo

from newsletter.database.vocabulary import SubscriptionState
from newsletter.i18n.messages import Message, msg
from subscribers.lists.columns.columns import ListForm
from subscribers.lists.parsers.json_lines import read_object
from subscribers.lists.parsers.text_lists import SECTION, read_heading
from subscribers.lists.records import Problem, Record, RefusedError, shown
from subscribers.lists.words.cell_words import (
    against_mail,
    denies,
    read_remark,
    read_state,
    read_whole,
)
from subscribers.lists.words.dates import read_instant
from subscribers.lists.words.formats import ListState, fold
from subscribers.lists.words.harmless import (
    is_blank,
    is_harmless,
    leaves_mail,
    may_hold_struck_word,
    may_speak,
    speaks,
    struck_word,
    tells_leaving,
)
from subscribers.lists.words.noes import MARKS, is_false

#: Marks of columns with free text.
_REMARKS = frozenset({"remark", "plain remark", "passed remark", "heeded"})
#: Characters that introduce a remark after a name.
_OPENING = "(（[［【〔<＜《≪{※＊*†✝✞"
_BESIDE = re.compile(
    r"[(（\[［【〔<＜《≪{]([^()（）\[\]［］【】〔〕<>＜＞《》≪≫{}\n]+)|[※＊*]+\s*(\S[^\n]*)"
)
#: The bracket before an address with a name.
_BRACKET = re.compile("[<＜]")
#: The mark of deceased people next to a name.
_CROSS = re.compile("[†✝✞]")
_TAG = re.compile("[,、;，；]")
#: Size of the cache of a column's parsed values, such as remarks, which are repeated.
_CACHED = 8192
STATES = {
    ListState.CONFIRMED: SubscriptionState.CONFIRMED,
    ListState.PENDING: SubscriptionState.PENDING,
}
#: Mappings of which a list can have several columns, and the keys for the values of all of them.
ANSWERS = {"state": "states", "opt_in": "opt_ins"}


class Row(NamedTuple):
    """A record during interpretation: its values by mapping, and the oddities found."""

    record: Record
    values: dict[str, Any]
    zone: ZoneInfo
    notes: list[Problem]

    def text(self, name: str) -> str:
        """Return a value as text; empty if the row has none."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else str(value)

    def refused(self, name: str, value: object, problem: Message) -> RefusedError:
        """Return the refusal of the row because of a value."""
        refusal = Problem(line=self.record.line, field=name, value=shown(value), problem=problem)
        return RefusedError(refusal)

    def note(self, name: str, problem: Message, value: str | None = None) -> None:
        """Add a warning about a value of an accepted row."""
        value = shown(self.values.get(name)) if value is None else value
        self.notes.append(
            Problem(
                line=self.record.line,
                field=name,
                value=value,
                problem=msg("Imported with a warning: {warning}", warning=problem),
                address=self.text("address")[:320],
                taken=True,
            )
        )


def find_mark(record: Record, form: ListForm) -> tuple[str, ListState] | None:
    """Return the first column without mapping that excludes the row from mail, and its state.

    Columns with an unclear statement count only if there is no clear one.
    """
    values = record.values
    unclear = None
    for name, mark in form.marks.items():
        value = values.get(name)
        if value is None and name in form.inner:
            head, inner = form.inner[name]
            value = read_object(values.get(head)).get(inner)
        if value is None or value == "" or isinstance(value, dict | list):
            continue
        if mark in _REMARKS and not isinstance(value, str):
            continue
        if name in form.marked and not is_blank(str(value).strip()):
            return name, against_mail(name) or ListState.UNSUBSCRIBED
        state = speaks_against(name, mark, str(value).strip())
        if state is ListState.UNCLEAR:
            unclear = unclear or (name, state)
        elif state is not None:
            return name, state
    return unclear


#: Columns of bit fields with a bit for disabled accounts: Active Directory (MS-ADTS, 2.2.16,
#: ADS_UF_ACCOUNTDISABLE).
_DISABLING_BITS = {"useraccountcontrol": 2}
#: Bit fields as written by directories, also with an explanation: "0x202 (disabled)".
_BITS = re.compile(
    r"(?:(?P<ten>\d{1,10})|(?:0x|&H)(?P<sixteen>[0-9A-F]{1,8}))(?!\w).{0,200}", re.IGNORECASE
)


@lru_cache(maxsize=_CACHED)
def speaks_against(name: str, mark: str, text: str) -> ListState | None:
    """Return the state against mail in a column's value, depending on the column's mark."""
    if "://" in text:
        # Links for unsubscribing, which exports of newsletters contain, are no statement.
        return None
    if mark in _READERS:
        return _READERS[mark](text)
    if (bit := _DISABLING_BITS.get(fold(name))) and (bits := _BITS.fullmatch(text)):
        is_disabled = int(bits["sixteen"] or bits["ten"], 16 if bits["sixteen"] else 10) & bit
        return ListState.UNSUBSCRIBED if is_disabled else None
    state = against_mail(text)
    if state is not None and not mark and is_harmless(name) and read_whole(text) is None:
        # "Unsubscribe Ltd" is a company, "unsubscribed" is not.
        return None
    if state is None and mark in _REMARKS:
        state = _read_free(name, mark, text)
    elif state is None and mark == "disabled" and not is_false(text):
        return against_mail(name) or ListState.UNSUBSCRIBED
    return state


def _read_hint(text: str) -> ListState | None:
    state = against_mail(text) or read_state(text) or read_remark(text)
    if state is None and denies(text):
        return ListState.UNSUBSCRIBED
    return None if state is ListState.CONFIRMED else state


def _read_free(name: str, mark: str, text: str) -> ListState | None:
    state = read_remark(text)
    if mark in {"plain remark", "passed remark"} and state is ListState.UNCLEAR:
        state = None
    if state is None and mark == "passed remark":
        return _read_passed_over(text)
    if state is None and mark == "heeded":
        says = tells_leaving(text) or (not is_harmless(name) and may_speak(text))
        return ListState.UNCLEAR if says else None
    return state


def may_be_struck(text: str) -> bool:
    """Return whether any of many names may contain a remark that excludes its row."""
    return any(sign in text for sign in _OPENING) or may_hold_struck_word(text)


def _read_struck(text: str) -> ListState | None:
    """Return the state in a remark next to a name: "(退会)", "※配信不要", "DELETED"."""
    for found in _BESIDE.finditer(text):
        piece = (found[1] or found[2]).strip()
        state = read_remark(piece) or (ListState.UNCLEAR if speaks(piece) else None)
        if state is not None:
            return state
    if _CROSS.search(text):
        return ListState.UNSUBSCRIBED
    word = struck_word(text)
    if not word:
        return None
    # "Dan Left" may be a name.
    is_plain = word.isupper() or not word.isascii()
    return ListState.UNSUBSCRIBED if is_plain else ListState.UNCLEAR


def _read_address(text: str) -> ListState | None:
    """Return the state in a cell such as "Bob (unsubscribed) <b@x.example>"."""
    return _read_struck(_BRACKET.split(text, maxsplit=1)[0]) if _BRACKET.search(text) else None


def _read_tags(text: str) -> ListState | None:
    for tag in _TAG.split(text):
        word = tag.strip(" \"'[]")
        state = read_remark(word) or (ListState.UNCLEAR if denies(word) and speaks(word) else None)
        if state is not None:
            return state
    return None


def _read_plain_heading(text: str) -> ListState | None:
    state = read_heading(text)
    return None if state is ListState.UNCLEAR else state


def _read_passed_over(text: str) -> ListState | None:
    """Return a state of the person; "不要" and "cancelled" may refer to anything else."""
    says = (tells_leaving(text) and read_whole(text) is None) or leaves_mail(text)
    return against_mail(text) or (ListState.UNCLEAR if says else None)


#: The functions that read columns, by their marks.
_READERS: Mapping[str, Callable[[str], ListState | None]] = {
    "heading": read_heading,
    "plain heading": _read_plain_heading,
    "hint": _read_hint,
    "choice": _read_hint,
    "name": _read_struck,
    "address": _read_address,
    "tags": _read_tags,
    "passed over": _read_passed_over,
}


def outcome_of(row: Row, form: ListForm, marked: tuple[str, ListState] | None) -> ListState:
    """Return the state of a person: the most severe one in any column."""
    listed = form.state
    if listed is None and "states" in row.values:
        listed = _state(row, form)
    elif listed is None and "state" in form.fields and form.known:
        listed = form.known.blank
    if form.state is None and listed in _NOT_AGAINST:
        listed = _with_answers(row, form, listed)
    if marked is not None and listed in _NOT_AGAINST:
        name, state = marked
        if state is ListState.UNCLEAR:
            return _by_marks(row) or _refuse_unclear(row, name, row.record.values.get(name))
        value = shown(row.record.values.get(name))
        row.note(name, msg("A column says that this person wants no email; none is sent."), value)
        return _refuse_never(row, state)
    if listed is not None and listed not in _NOT_AGAINST:
        return _refuse_never(row, listed)
    if listed is ListState.CONFIRMED and form.known is not None and form.known.own:
        return listed
    marked_state = _by_marks(row)
    if marked_state is None and (listed is not ListState.CONFIRMED or _lacks_answer(row, form)):
        _refuse_unanswered(row, form)
    if marked_state is None and listed is None and lacks_confirming(row.values, form):
        return ListState.PENDING
    return marked_state or ListState.CONFIRMED


def lacks_confirming(values: Mapping[str, Any], form: ListForm) -> bool:
    """Return whether a list has times of confirmation or consent, and a row has none."""
    field = form.confirming
    return bool(field) and is_false(values.get(field, ""))


#: States that do not exclude from mail.
_NOT_AGAINST = frozenset({None, ListState.CONFIRMED, ListState.UNCLEAR})


def _with_answers(row: Row, form: ListForm, listed: ListState | None) -> ListState | None:
    """Return the state combined with the columns of consent; the most severe one counts.

    Blank values are ignored.
    """
    answers = {_answer(str(value), form, row.zone) for value in row.values.get("opt_ins", ())}
    if against := answers - _NOT_AGAINST:
        return next(state for state in ListState if state in against)
    if ListState.UNCLEAR in answers:
        return ListState.UNCLEAR
    return listed or next(iter(answers), None)


def _answer(text: str, form: ListForm, zone: ZoneInfo) -> ListState:
    """Return the meaning of a value in a column of consent; a date is a yes."""
    answer = form.read_opt_in(text)
    if answer is None:
        return ListState.CONFIRMED if read_instant(text, zone) else ListState.UNCLEAR
    return answer


def _lacks_answer(row: Row, form: ListForm) -> bool:
    """Return whether the list has columns of consent, all of which are blank in the row."""
    return "opt_in" in form.fields and "opt_ins" not in row.values


def _refuse_unanswered(row: Row, form: ListForm) -> None:
    """Refuse a row without the information on consent that other rows have."""
    if form.state is not None:
        return
    if "opt_ins" in row.values:
        raise row.refused(
            "opt_in",
            next(
                value
                for value in row.values["opt_ins"]
                if _answer(str(value), form, row.zone) is ListState.UNCLEAR
            ),
            msg("The answer is no clear yes, so it is unclear whether this person wants email."),
        )
    if "opt_in" in form.fields:
        raise row.refused(
            "opt_in",
            "",
            msg("There is no answer, so it is unclear whether this person wants email."),
        )
    # Headings do not apply to rows that are not below any.
    has_states = any(kind == "state" and name != SECTION for name, kind in form.columns.items())
    if form.known is None and has_states:
        raise row.refused(
            "state",
            "",
            msg("The status is empty, so it is unclear whether this person wants email."),
        )


def _state(row: Row, form: ListForm) -> ListState | None:
    """Return the state in the columns of states; states against mail take precedence."""
    outcome: ListState | None = None
    for value in row.values["states"]:
        word = str(value)
        listed = form.read_state(word)
        if listed is None:
            raise row.refused(
                "state",
                word,
                msg("The status is unknown, so it is unclear whether this person wants email."),
            )
        if outcome in {None, ListState.CONFIRMED}:
            outcome = listed
    if outcome is ListState.PENDING and not form.is_ours:
        # Who left has no confirmation to wait for; in our own exports they asked again.
        return _by_marks(row) or outcome
    return outcome


def _refuse_never(row: Row, outcome: ListState) -> ListState:
    if outcome is ListState.NEVER:
        problem = msg("According to the list, this person never subscribed.")
        raise row.refused("state", row.values.get("state", ""), problem)
    return outcome


def heed_cells_beyond(row: Row) -> None:
    """Refuse a row whose cells beyond the header may contain a state against mail."""
    if may_speak(row.record.beyond):
        _refuse_unclear(row, "", row.record.beyond)


def _refuse_unclear(row: Row, name: str, value: object) -> Never:
    raise row.refused(
        name,
        value,
        msg(
            "The remark may say that this person wants no email. Reword it, or write"
            " “unsubscribed”, and import the row again."
        ),
    )


def _by_marks(row: Row) -> ListState | None:
    """Return the state of other columns: a date of unsubscribing, a mark of disabled accounts."""
    values = row.values
    for name, state in MARKS.items():
        if name in values and not is_false(values[name]):
            return state
    return None
