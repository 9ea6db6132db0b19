"""What is asked of a list before it is imported: its columns, values, and what these may be."""

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
from subscribers.lists.words.cell_words import read_opt_in
from subscribers.lists.words.column_names import (
    asks_against_mail,
)
from subscribers.lists.words.formats import IGNORED, ListState
from subscribers.lists.words.noes import denies_mail, is_false


class QuestionKind(StrEnum):
    """What of a column may keep somebody from mail."""

    #: What it says.
    ANSWERS = "answers"
    #: That there is a date.
    DATES = "dates"
    #: That a remark speaks of it.
    REMARKS = "remarks"
    #: That a title or a note beside the rows speaks of it.
    NOTES = "notes"
    #: What headings between the rows say of those below them.
    HEADINGS = "headings"
    #: Whether it speaks of who has nothing in it, too: everybody in such an export has left.
    WHOLE = "whole"
    #: What each of its words means: it says everybody's state, in words that nobody knows.
    STATES = "states"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnQuestion:
    """A column of which somebody has to say whether it answers who wants mail.

    Attributes:
        values: Its values as they stand, the most frequent first, and in how many rows each does;
            of remarks those that may speak of mail.
        others: How many rows hold another value.
        blanks: How many rows have none.
        meanings: What a legend beside the list says that its values mean.
    """

    column: str
    values: tuple[tuple[str, int], ...]
    others: int = 0
    blanks: int = 0
    kind: QuestionKind = QuestionKind.ANSWERS
    meanings: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> Message:
        """What the column is called."""
        return column_title(self.column)

    @property
    def described(self) -> Message:
        """The column with its values."""
        return msg("{column} ({values})", column=self.title, values=self.held)

    @property
    def choices(self) -> Mapping[str, Message]:
        """What it may be, and what that means, beginning with what it most likely is.

        Where the name denies, a yes is a no. Where a value is no clear answer, or a yes may be one
        against mail, each value has to be given a meaning.
        """
        choices = CHOICES[self.kind]
        first = next(iter(choices))
        if self.kind is QuestionKind.ANSWERS:
            values = [text for text, _count in self.values]
            read = [read_opt_in(text) for text in values]
            is_clear = None not in read and ListState.CONFIRMED in read
            if denies_mail(self.column) and sum(not is_false(text) for text in values) == 1:
                first = "disabled"
            elif self.meanings or not is_clear or asks_against_mail(self.column):
                first = "state"
        return {first: choices[first], **choices}

    @property
    def held(self) -> Listing:
        """Its values, and in how many rows each is."""
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
    """Return what a column is called where people read it, also one without a name."""
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
    """Tell whether a list does not name a column, which is known by its number then."""
    return name[:1] == "#" and name[1:].isdecimal()


#: What of ours a column can be that is asked about, by what the question is of, and its meaning.
#: The first answer keeps out whoever the column may speak of; `ColumnQuestion.choices` orders them.
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
#: What a word of a column of states may mean.
MEANINGS: Mapping[ListState, Message] = {
    ListState.CONFIRMED: msg("Wants email"),
    ListState.UNSUBSCRIBED: msg("Has unsubscribed"),
    ListState.PENDING: msg("Has not confirmed yet"),
    ListState.BOUNCED: msg("Cannot be reached"),
    ListState.NEVER: msg("Do not import"),
}
#: What somebody reads who is shown the questions.
ANSWER_FIRST = msg(
    "Please answer the questions about the columns first. Nothing has been imported yet."
)


def question_from_json(known: Mapping[str, Any]) -> ColumnQuestion:
    """Return a question that was kept as `dataclasses.asdict` has it."""
    values = tuple((value, count) for value, count in known["values"])
    meanings = tuple((value, state) for value, state in known.get("meanings", ()))
    read = {"values": values, "kind": QuestionKind(known["kind"]), "meanings": meanings}
    return ColumnQuestion(**{**known, **read})


class UnclearColumnError(ListError):
    """A list has columns that may say who wants no mail, and nobody said whether they do.

    Attributes:
        questions: The columns.
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
    """Refuse a list of which something has to be asked.

    Raises:
        UnclearColumnError: So it is.
    """
    if questions:
        raise UnclearColumnError(questions)


#: What keeps a row from mail, by how a column that is none of ours is marked. In one that has no
#: mark a plain word of leaving does, as it does in all of them.
_KEEPS_OUT: Mapping[str, Message] = {
    "hint": msg("Whoever has a no here gets no email."),
    "disabled": msg("Whoever has an entry here gets no email."),
    "remark": msg("Whoever unsubscribed by a remark here gets no email."),
    "plain remark": msg("Whoever unsubscribed by a remark here gets no email."),
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
    """Return what of a column keeps a row from mail though it is not kept, by the column's name.

    Args:
        names: The list's columns.
        address: Which of them holds the addresses; empty where nobody knows yet.
        file_name: The list's.
        custom: The fields of the newsletter's people.
        answers: What somebody said of the columns.
    """
    chosen = {**dict.fromkeys(names, IGNORED), **({address: "address"} if address else {})}
    try:
        form = form_of(
            names, chosen, custom=custom, source=file_name, file_name=file_name, answers=answers
        )
    except ListError:
        return {}
    return {name: _KEEPS_OUT[mark] for name, mark in form.marks.items() if mark in _KEEPS_OUT}
