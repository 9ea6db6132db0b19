"""Questions about a list's columns before an import, with values and possible answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.errors import ListError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Number
from subscribers.fields.model import Field
from subscribers.lists.columns.columns import NO_ANSWERS, REMARK, UNRELATED, ColumnAnswers, form_of
from subscribers.lists.parsers.text_lists import BESIDE, COMMENTS, SECTION
from subscribers.lists.words.cell_words import read_opt_in, read_state
from subscribers.lists.words.column_names import (
    asks_against_mail,
    tells_consent,
    tells_left,
    words_of_name,
)
from subscribers.lists.words.formats import IGNORED, ListState
from subscribers.lists.words.harmless import speaks_of_more_than_mail
from subscribers.lists.words.noes import denies_mail, is_false

#: States of people who left or whose address takes no mail.
_LEFT = frozenset(
    {ListState.UNSUBSCRIBED, ListState.BOUNCED, ListState.COMPLAINED, ListState.SUPPRESSED}
)


#: Letters of the shortest word of a name that is looked up as a state: "no" is a number, too.
_LEAST_WORD = 4


class QuestionKind(StrEnum):
    """The reason for a question: how a column may exclude people from mail."""

    #: By its values.
    ANSWERS = "answers"
    #: By the presence of a date.
    DATES = "dates"
    #: By remarks.
    REMARKS = "remarks"
    #: By a title or a note next to the rows.
    NOTES = "notes"
    #: By headings between the rows, which apply to the rows below them.
    HEADINGS = "headings"
    #: Also for rows with a blank value, since everybody in such an export has unsubscribed.
    WHOLE = "whole"
    #: By the meaning of each of its words, since it contains states in unknown words.
    STATES = "states"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnQuestion:
    """A column of which the user must say whether it states who wants mail.

    Attributes:
        values: The values with their numbers of rows, the most frequent first; for remarks, only
            those that may be about mail.
        others: The number of rows with other values.
        blanks: The number of rows without value.
        meanings: The meanings of values according to a legend in the list.
    """

    column: str
    values: tuple[tuple[str, int], ...]
    others: int = 0
    blanks: int = 0
    kind: QuestionKind = QuestionKind.ANSWERS
    meanings: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> Message:
        """The title of the column."""
        return column_title(self.column)

    @property
    def described(self) -> Message:
        """The column with its values."""
        return msg("{column} ({values})", column=self.title, values=self.held)

    @property
    def choices(self) -> Mapping[str, Message]:
        """The possible answers with descriptions, the most likely one first."""
        choices = CHOICES[self.kind]
        first = self.likely
        return {first: choices[first], **choices} if first else choices

    @property
    def likely(self) -> str:
        """The most likely answer; empty if none can be recommended.

        If the column's name is negative, or has a word for those who left, a yes means no. If a
        value is unclear, or a yes may mean that no mail is wanted, each value must be given a
        meaning. A yes is consent only if the whole name is understood, since in other languages
        than ours, too, a yes may mean "blocked". A date is that of leaving only if the name is
        understood so: it may be the day on which somebody opened a mail.
        """
        first = next(iter(CHOICES[self.kind]))
        if self.kind is QuestionKind.ANSWERS:
            values = [text for text, _count in self.values]
            read = [read_opt_in(text) for text in values]
            is_clear = None not in read and ListState.CONFIRMED in read
            is_denied = asks_against_mail(self.column)
            says_left = tells_left(self.column) or not _LEFT.isdisjoint(self._states_in_name())
            says_left = denies_mail(self.column) or (says_left and not is_denied)
            if says_left and sum(not is_false(text) for text in values) <= 1:
                first = "disabled"
            elif self.meanings or not is_clear or is_denied or says_left:
                first = "state"
            elif not tells_consent(self.column):
                first = ""
        elif self.kind is QuestionKind.DATES:
            states = self._states_in_name()
            if ListState.CONFIRMED in states:
                first = "confirmed_at"
            elif not speaks_of_more_than_mail(self.column) and _LEFT.isdisjoint(states):
                first = ""
        return first

    def _states_in_name(self) -> frozenset[ListState | None]:
        """Return the meanings that the longer words of the column's name have as states."""
        return frozenset(
            read_state(word) for word in words_of_name(self.column) if len(word) >= _LEAST_WORD
        )

    @property
    def held(self) -> Listing:
        """The values with their numbers of rows."""
        held: list[str | Message] = [
            msg("{value}: {count}", value=value, count=Number(count))
            for value, count in self.values
        ]
        if self.others:
            held.append(msg("other values: {count}", count=Number(self.others)))
        if self.blanks:
            held.append(msg("(empty): {count}", count=Number(self.blanks)))
        return Listing(tuple(held))


def column_title(name: str) -> Message:
    """Return the displayed title of a column, also of one without a name."""
    if name == SECTION:
        return msg("section headings")
    if name == BESIDE:
        return msg("titles and notes beside the list")
    if name == COMMENTS:
        return msg("comments on cells")
    if is_nameless(name):
        return msg("column {number}", number=name[1:])
    return msg("“{column}”", column=name)


def is_nameless(name: str) -> bool:
    """Return whether a column has no name and is identified by its number."""
    return name[:1] == "#" and name[1:].isdecimal()


#: The possible answers by the kind of question, with descriptions. The first answer excludes the
#: people whom the column may mean; `ColumnQuestion.choices` sorts them.
CHOICES: Mapping[QuestionKind, Mapping[str, Message]] = {
    QuestionKind.ANSWERS: {
        "opt_in": msg("Says who wants email: only a clear yes is subscribed"),
        "disabled": msg("Whoever has an entry wants no email"),
        "state": msg("Says each person's state; next, say what each value means"),
        UNRELATED: msg("About something else"),
    },
    QuestionKind.DATES: {
        "unsubscribed_at": msg("Whoever has a date has unsubscribed"),
        "confirmed_at": msg("Whoever has no date has not confirmed"),
        UNRELATED: msg("About something else"),
    },
    QuestionKind.WHOLE: {
        REMARK: msg("Do not subscribe anybody in this list"),
        UNRELATED: msg("Leave out only whoever has a date here: several exports were put together"),
    },
    QuestionKind.REMARKS: {
        REMARK: msg("Do not subscribe whoever has such a remark"),
        UNRELATED: msg("About something else"),
    },
    QuestionKind.HEADINGS: {
        "state": msg("Say next what each heading means"),
        REMARK: msg("Do not subscribe the rows below such a heading"),
        UNRELATED: msg("About something else"),
    },
    QuestionKind.NOTES: {
        REMARK: msg("Do not subscribe the rows below such a title"),
        UNRELATED: msg("About nobody else here: whoever a note names is out of the list"),
    },
}
#: The possible meanings of a word in a column of states.
MEANINGS: Mapping[ListState, Message] = {
    ListState.CONFIRMED: msg("Wants email"),
    ListState.UNSUBSCRIBED: msg("Has unsubscribed"),
    ListState.PENDING: msg("Has not confirmed yet"),
    ListState.BOUNCED: msg("Cannot be reached"),
    ListState.NEVER: msg("Do not import"),
}
#: The message above the questions.
ANSWER_FIRST = msg(
    "Please answer the questions about the columns first. Nothing has been imported yet."
)


def question_from_json(known: Mapping[str, Any]) -> ColumnQuestion:
    """Return the question of a dictionary from `dataclasses.asdict`."""
    values = tuple((value, count) for value, count in known["values"])
    meanings = tuple((value, state) for value, state in known.get("meanings", ()))
    read = {"values": values, "kind": QuestionKind(known["kind"]), "meanings": meanings}
    return ColumnQuestion(**{**known, **read})


class UnclearColumnError(ListError):
    """A list has columns with unanswered questions about who wants mail.

    Attributes:
        questions: The questions.
    """

    def __init__(self, questions: Sequence[ColumnQuestion]) -> None:
        self.questions = tuple(questions)
        columns = Listing(tuple(each.described for each in self.questions))
        if all(each.kind is QuestionKind.STATES for each in self.questions):
            super().__init__(
                msg("It is unclear what these values say of people: {columns}.", columns=columns),
                remedy=msg("Say what each of them means."),
            )
            return
        super().__init__(
            msg(
                "It is unclear whether these columns say who wants your email: {columns}.",
                columns=columns,
            ),
            remedy=msg("Say for each of them what it is, or that none says it."),
        )


def refuse_questions(questions: Sequence[ColumnQuestion]) -> None:
    """Refuse a list with unanswered questions.

    Raises:
        UnclearColumnError: There are questions.
    """
    if questions:
        raise UnclearColumnError(questions)


#: What excludes a row from mail in a column without mapping, by the column's mark. A clear word for
#: unsubscribing excludes a row in all columns, including those without mark.
_KEEPS_OUT: Mapping[str, Message] = {
    "hint": msg("Whoever has a no here gets no email."),
    "disabled": msg("Whoever has an entry here gets no email."),
    "remark": msg("Whoever unsubscribed by a remark here gets no email."),
    "plain remark": msg("Whoever unsubscribed by a remark here gets no email."),
    "passed remark": msg("Whoever unsubscribed by a remark here gets no email."),
    "passed over": msg("Whoever unsubscribed by a remark here gets no email."),
    "heeded": msg("Whoever has such a remark here gets no email."),
    "heading": msg("Whoever stands below a heading that speaks of leaving gets no email."),
    "plain heading": msg("Whoever stands below a heading that speaks of leaving gets no email."),
}


def exclusions_in(
    names: Collection[str],
    *,
    address: str,
    file_name: str,
    custom: Sequence[Field] = (),
    answers: ColumnAnswers = NO_ANSWERS,
) -> Mapping[str, Message]:
    """Return, by column name, what excludes a row from mail in columns that are not imported.

    Args:
        names: The list's columns.
        address: The column with the addresses; empty if unknown.
        file_name: The name of the file.
        custom: The newsletter's fields.
        answers: The user's answers about columns.
    """
    chosen = {**dict.fromkeys(names, IGNORED), **({address: "address"} if address else {})}
    try:
        form = form_of(
            names, chosen, custom=custom, source=file_name, file_name=file_name, answers=answers
        )
    except ListError:
        return {}
    return {name: _KEEPS_OUT[mark] for name, mark in form.marks.items() if mark in _KEEPS_OUT}
