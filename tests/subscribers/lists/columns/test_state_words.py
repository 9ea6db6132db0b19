"""Words and codes of a column of states that nobody knows: what each means is asked."""

from __future__ import annotations

import io

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.columns.columns import ColumnAnswers, meanings_of
from subscribers.lists.columns.questions import QuestionKind, UnclearColumnError
from subscribers.lists.columns.validation import ListReader
from subscribers.lists.parsers.files import list_records
from subscribers.lists.words.formats import ListState
from tests.subscribers.lists.columns.test_states import import_list, states_of
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


_REVERSED = "email,{column}\na@x.example,0\nb@x.example,1\nc@x.example,0\n"


@pytest.mark.parametrize(
    "legend",
    [
        "# 配信状態 0:配信中 1:解除 2:エラー停止",
        "0：配信中　1：退会",
        "（0＝配信、1＝停止）",
        "※ 0は配信中、1は解除",
        "0 = active, 1 = unsubscribed",
        "Legend: 0 - active / 1 - left the list",
        "0 … aktiv; 1 … abgemeldet",
    ],
)
@pytest.mark.parametrize("column", ["状態", "メルマガ"])
@pytest.mark.parametrize("place", ["{legend}\n{rows}", '{rows}\n"{legend}"\n'])
def test_a_legend_that_says_otherwise_of_codes_has_them_asked(
    legend: str, column: str, place: str, sqlite_stage: Stage
) -> None:
    text = place.format(legend=legend, rows=_REVERSED.format(column=column))
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text.encode(), is_answered=False)
    (one,) = asked.value.questions
    assert (one.column, one.values, one.kind) == (column, (("0", 2), ("1", 1)), QuestionKind.STATES)
    assert dict(one.meanings) == {"0": "confirmed", "1": "unsubscribed"}
    answers = ColumnAnswers(states=meanings_of(dict(one.meanings)))
    report, _ = import_list(sqlite_stage, text.encode(), answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _C}
    assert report.refusals == 0


@pytest.mark.parametrize(
    "legend",
    [
        "# Kod: 1 = vill ha, 2 = vill inte ha, 3 = studsar, 4 = ej svarat",
        "1: haluaa 2: ei halua 3: ei vastannut",
        "1：ほしい　2：ほしくない　3：返事なし",
    ],
)
def test_codes_that_a_legend_explains_in_whatever_words_are_asked(
    legend: str, sqlite_stage: Stage
) -> None:
    rows = "".join(f"{name}@example.jp,{name},{at}\n" for at, name in enumerate("abcde", 1))
    text = f"{legend}\nEpost,Namn,Kod\n{rows}".encode()
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text, is_answered=False)
    (one,) = asked.value.questions
    assert (one.column, [value for value, _count in one.values]) == ("Kod", list("12345"))


def test_a_legend_above_a_table_of_a_page_has_its_codes_asked(sqlite_stage: Stage) -> None:
    cells = "".join(f"<tr><td>{row}</td></tr>" for row in _REVERSED.splitlines())
    table = cells.replace(",", "</td><td>").format(column="状態")
    page = f"<p>0:配信中 1:解除</p><table>{table}</table>".encode()
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, page, name="l.html", is_answered=False)
    assert [each.kind for each in asked.value.questions] == [QuestionKind.STATES]


@pytest.mark.parametrize(
    "title",
    ["1:配信中 0:解除", "9:00 開場 10:00 開演", "1. 会員 2. 読者", "2026年 0:00 現在"],
)
def test_a_legend_that_says_what_codes_mean_anyhow_and_hours_ask_nothing(
    title: str, sqlite_stage: Stage
) -> None:
    text = f"{title}\n{_REVERSED}".format(column="状態").encode()
    import_list(sqlite_stage, text, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _U, "b": _C, "c": _U}
