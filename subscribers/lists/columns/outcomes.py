"""Whether the people of a list get mail: what its columns say for it and against it, row by row."""

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
    may_hold_struck_word,
    may_speak,
    speaks,
    struck_word,
    tells_leaving,
)
from subscribers.lists.words.noes import MARKS, is_false

#: Columns of free words.
_REMARKS = frozenset({"remark", "plain remark", "heeded"})
#: What stands beside a name in brackets, or behind a mark.
_OPENING = "(（[［【〔<＜《≪{※＊*†✝✞"
_BESIDE = re.compile(
    r"[(（\[［【〔<＜《≪{]([^()（）\[\]［］【】〔〕<>＜＞《》≪≫{}\n]+)|[※＊*]+\s*(\S[^\n]*)"
)
#: Before an address with a name.
_BRACKET = re.compile("[<＜]")
#: Of the dead, beside a name.
_CROSS = re.compile("[†✝✞]")
_TAG = re.compile("[,、;，；]")
#: Values of a column that are read once: lists repeat marks and remarks.
_CACHED = 8192
STATES = {
    ListState.CONFIRMED: SubscriptionState.CONFIRMED,
    ListState.PENDING: SubscriptionState.PENDING,
}
#: Columns of which each value counts, and where a row keeps those of all of them.
ANSWERS = {"state": "states", "opt_in": "opt_ins"}


class Row(NamedTuple):
    """A record under way: its values by our fields, and what was odd about them."""

    record: Record
    values: dict[str, Any]
    zone: ZoneInfo
    notes: list[Problem]

    def text(self, name: str) -> str:
        """Return one of our fields as a text; empty where the row has none."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else str(value)

    def refused(self, name: str, value: object, problem: Message) -> RefusedError:
        """Return the refusal of the row for a value of it."""
        refusal = Problem(line=self.record.line, field=name, value=shown(value), problem=problem)
        return RefusedError(refusal)

    def note(self, name: str, problem: Message, value: str | None = None) -> None:
        """Warn of a value, though the row is taken."""
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
    """Return the first column of no field of ours that speaks against mail, and how.

    One that only may do so counts where none does.
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


#: Columns of bits, one of which says that an account is disabled: Active Directory's (MS-ADTS,
#: 2.2.16, ADS_UF_ACCOUNTDISABLE).
_DISABLING_BITS = {"useraccountcontrol": 2}
#: As directories write them; also with the name of what they say behind: "0x202 (disabled)".
_BITS = re.compile(
    r"(?:(?P<ten>\d{1,10})|(?:0x|&H)(?P<sixteen>[0-9A-F]{1,8}))(?!\w).{0,200}", re.IGNORECASE
)


@lru_cache(maxsize=_CACHED)
def speaks_against(name: str, mark: str, text: str) -> ListState | None:
    """Return what a column that is not asked about says against mail, as its mark lets it."""
    if "://" in text:
        # A link to leave by, such as every newsletter's export may carry, says nothing.
        return None
    if mark in _READERS:
        return _READERS[mark](text)
    if (bit := _DISABLING_BITS.get(fold(name))) and (bits := _BITS.fullmatch(text)):
        is_disabled = int(bits["sixteen"] or bits["ten"], 16 if bits["sixteen"] else 10) & bit
        return ListState.UNSUBSCRIBED if is_disabled else None
    state = against_mail(text)
    if state is not None and not mark and is_harmless(name) and read_whole(text) is None:
        # "Unsubscribe Ltd" is a company, "unsubscribed" none.
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
    if mark == "plain remark" and state is ListState.UNCLEAR:
        return None
    if state is None and mark == "heeded":
        says = tells_leaving(text) or (not is_harmless(name) and may_speak(text))
        return ListState.UNCLEAR if says else None
    return state


def may_be_struck(text: str) -> bool:
    """Tell whether a word beside a name may strike its row out, in any of many names."""
    return any(sign in text for sign in _OPENING) or may_hold_struck_word(text)


def _read_struck(text: str) -> ListState | None:
    """Return what stands beside a name: "(退会)", "※配信不要", "DELETED"."""
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
    # "Dan Left" may be called so.
    is_plain = word.isupper() or not word.isascii()
    return ListState.UNSUBSCRIBED if is_plain else ListState.UNCLEAR


def _read_address(text: str) -> ListState | None:
    """Return what stands beside the name in a cell such as "Bob (unsubscribed) <b@x.example>"."""
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
    """Return what is said of somebody; "不要" and "cancelled" are said of whatever is asked."""
    says = tells_leaving(text) and read_whole(text) is None
    return against_mail(text) or (ListState.UNCLEAR if says else None)


#: How columns are read by their mark, whatever else they say.
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
    """Return what the list says of somebody: the gravest that any of its columns does."""
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
    """Tell whether a list says who confirmed, and says nothing of the kind of a row."""
    return form.needs_confirming and is_false(values.get("confirmed_at", ""))


#: What a list says as long as nothing in it speaks against mail.
_NOT_AGAINST = frozenset({None, ListState.CONFIRMED, ListState.UNCLEAR})


def _with_answers(row: Row, form: ListForm, listed: ListState | None) -> ListState | None:
    """Return what a list says with its answers to "do they want mail?", the gravest of them.

    A blank is no answer.
    """
    answers = {_answer(str(value), form, row.zone) for value in row.values.get("opt_ins", ())}
    if against := answers - _NOT_AGAINST:
        return next(state for state in ListState if state in against)
    if ListState.UNCLEAR in answers:
        return ListState.UNCLEAR
    return listed or next(iter(answers), None)


def _answer(text: str, form: ListForm, zone: ZoneInfo) -> ListState:
    """Return what an answer says; a date is a yes, since when."""
    answer = form.read_opt_in(text)
    if answer is None:
        return ListState.CONFIRMED if read_instant(text, zone) else ListState.UNCLEAR
    return answer


def _lacks_answer(row: Row, form: ListForm) -> bool:
    """Tell whether the list asks who wants mail, and the row leaves all such columns blank."""
    return "opt_in" in form.fields and "opt_ins" not in row.values


def _refuse_unanswered(row: Row, form: ListForm) -> None:
    """Refuse a row that leaves unsaid what the list says of others: whether mail is to be sent."""
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
    # Who stands below no heading is not spoken of by those of others.
    has_states = any(kind == "state" and name != SECTION for name, kind in form.columns.items())
    if form.known is None and has_states:
        raise row.refused(
            "state",
            "",
            msg("The status is empty, so it is unclear whether this person wants email."),
        )


def _state(row: Row, form: ListForm) -> ListState | None:
    """Return what the columns of states say; one against mail counts for more than one for it."""
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
    return outcome


def _refuse_never(row: Row, outcome: ListState) -> ListState:
    if outcome is ListState.NEVER:
        problem = msg("According to the list, this person never subscribed.")
        raise row.refused("state", row.values.get("state", ""), problem)
    return outcome


def heed_cells_beyond(row: Row) -> None:
    """Refuse a row whose cells beyond the header's may say something against mail."""
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
    """Return what other columns say against mail: a date of leaving, a mark of being disabled."""
    values = row.values
    for name, state in MARKS.items():
        if name in values and not is_false(values[name]):
            return state
    return None
