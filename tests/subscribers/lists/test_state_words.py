"""Words and codes of a column of states that nobody knows: what each means is asked."""

from __future__ import annotations

import io

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.columns import ColumnAnswers, meanings_of
from subscribers.lists.files import list_records
from subscribers.lists.formats import ListState
from subscribers.lists.questions import QuestionKind, UnclearColumnError
from subscribers.lists.validation import ListReader
from tests.subscribers.lists.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _P, _U = (
    SubscriptionState.CONFIRMED,
    SubscriptionState.PENDING,
    SubscriptionState.UNSUBSCRIBED,
)
_CODES = b"email,status\na@x.example,A\nb@x.example,U\nc@x.example,A\nd@x.example,\n"


def _words_asked(text: str, answers: ColumnAnswers, name: str = "l.csv") -> set[str]:
    reader = ListReader(source=name, file_name=name, chosen={}, custom=(), answers=answers)
    records = list_records(io.BytesIO(text.encode()), file_name=name, source=name)
    asked = reader.questions(records, 100)
    return {word for one in asked if one.kind is QuestionKind.STATES for word, _ in one.values}


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ("A C S U", "A C S U"),
        ("1 2 9 1", "1 2 9"),
        ("有効 退 有効", "退"),
        ("Y N X", "Y N X"),
        ("subscribed gone-fishing", "gone-fishing"),
        ("1 0 1", ""),
        ("有効 退会", ""),
        ("Y N", ""),
    ],
)
def test_unknown_words_of_a_state_are_asked_and_codes_beside_them(values: str, asked: str) -> None:
    rows = "".join(f"a{at}@x.example,{word}\n" for at, word in enumerate(values.split()))
    assert _words_asked(f"email,status\n{rows}", ColumnAnswers()) == set(asked.split())


def test_words_of_json_that_come_late_are_asked() -> None:
    text = '{"email": "a@x.example"}\n' * 120 + '{"email": "b@x.example", "status": 7}\n'
    assert _words_asked(text, ColumnAnswers(), "l.jsonl") == {"7"}


def test_what_more_words_mean_than_somebody_could_say_is_not_asked() -> None:
    rows = "".join(f"a{at}@x.example,state {at}\n" for at in range(13))
    assert _words_asked(f"email,status\n{rows}", ColumnAnswers()) == set()


def test_nothing_is_imported_before_all_words_have_a_meaning(sqlite_stage: Stage) -> None:
    some = ColumnAnswers(states=meanings_of({"A": "confirmed"}))
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, _CODES, answers=some, is_answered=False)
    (one,) = asked.value.questions
    assert (one.column, one.values, one.blanks) == ("status", (("A", 2), ("U", 1)), 1)
    assert "values say of people" in str(asked.value)
    assert states_of(sqlite_stage.engine) == {}


@pytest.mark.parametrize(
    ("meanings", "states"),
    [
        ({"A": "confirmed", "u": "unsubscribed"}, {"a": _C, "b": _U, "c": _C}),
        ({"A": "pending", "U": "never"}, {"a": _P, "c": _P}),
        ({"A": "unsubscribed", "U": "confirmed"}, {"a": _U, "b": _C, "c": _U}),
    ],
)
def test_each_word_means_what_somebody_said(
    meanings: dict[str, str], states: dict[str, SubscriptionState], sqlite_stage: Stage
) -> None:
    answers = ColumnAnswers(states=meanings_of(meanings))
    import_list(sqlite_stage, _CODES, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == states


def test_a_word_that_is_known_means_what_somebody_said_of_it(sqlite_stage: Stage) -> None:
    answers = ColumnAnswers(states={"1": ListState.UNSUBSCRIBED, "2": ListState.CONFIRMED})
    text = b"email,status\na@x.example,1\nb@x.example,2\nc@x.example,unsubscribed\n"
    import_list(sqlite_stage, text, answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _U, "b": _C, "c": _U}


def test_that_no_other_column_asks_is_no_answer_to_what_words_mean(sqlite_stage: Stage) -> None:
    with pytest.raises(UnclearColumnError):
        import_list(sqlite_stage, _CODES, is_answered=False, others_unrelated=True)
