"""A column that may say who wants no mail, though its name does not tell, is asked about."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from newsletter.database.vocabulary import FieldType, SubscriptionState
from subscribers.fields.model import Field
from subscribers.lists.columns import list_records
from subscribers.lists.questions import ColumnQuestion, UnclearColumnError
from subscribers.lists.validation import ListReader
from tests.subscribers.lists.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


def _asked(header: str, *values: str, custom: Sequence[Field] = ()) -> Sequence[ColumnQuestion]:
    rows = "\n".join(f'a{at}@x.example,"{value}"' for at, value in enumerate(values))
    octets = f'email,"{header}"\n{rows}\n'.encode()
    reader = ListReader(source="l.csv", file_name="l.csv", chosen={}, custom=custom)
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    return reader.questions(records, 100)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Send me the digest by email", "yes no"),
        ("ML参加", "参加 不参加"),
        ("Boletín", "sí no"),
        ("会報", "要る 不要 どちらでも"),
        ("会報", "不要"),
        ("回覧", "○ × △"),
        ("Bulletin", "yes "),
        ("Gazette", "x "),
        ("Contactable", "1 0"),
        ("会誌", "電子 紙 不要"),
        ("お届け", "メール 郵送 なし"),
        ("Rundbrief", "angemeldet abgemeldet"),
        ("いつもの", "受諾済 未受諾済"),
        ("News", "1 2 9"),
        ("同意の有無", "有 "),
        ("メモ", "要 不要"),
        ("Comunicaciones", "S N"),
        ("Einverständnis", "vorhanden nicht-vorhanden"),
        ("Post", "subscribed lapsed"),
        ("Abo-Status", "läuft gekündigt"),
        ("Zustellstatus", "in-ordnung gesperrt"),
        ("購読区分", "甲 乙"),
    ],
)
def test_answers_in_a_column_of_any_name_are_asked_about(header: str, values: str) -> None:
    assert [each.column for each in _asked(header, *values.split(" "))] == [header]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Age", "34 0 1"),
        ("Subscription date", "2026-01-31 2026-02-28"),
        ("Subscription number", "A-1201 A-1202"),
        ("Orders count", "0 1"),
        ("生年月日", "1990-01-01 "),
        ("電話番号", "09012345678 "),
        ("会社", "不二家 "),
        ("職業", "不動産業 会社員"),
        ("Country code", "NO SE"),
        ("Gender", "F M"),
        ("Region", "N E W"),
        ("Blood", "A O AB"),
        ("備考", "特になし 車椅子"),
        ("Notes", "no "),
        ("Accepts SMS", "yes no"),
        ("Plan", "free paid"),
        ("Link", "https://x.example/unsubscribe "),
        ("登録状況", "登録 停止"),
        ("メルマガ希望", "○ ×"),
    ],
)
def test_what_answers_nothing_or_is_read_by_its_name_is_not_asked_about(
    header: str, values: str
) -> None:
    assert _asked(header, *values.split(" ")) == ()


def test_a_no_among_many_values_is_none_but_where_most_are_answers() -> None:
    many = [f"語{at}" for at in range(20)]
    assert _asked("感想", *many, "no") == ()
    assert _asked("感想", *many, *["yes"] * 30, "no")


def test_a_field_that_the_newsletter_asks_by_yes_and_no_is_known() -> None:
    known = Field(key="digest", type=FieldType.YES_NO, labels={"ja": "会報"})
    assert _asked("会報", "はい", "いいえ", custom=[known]) == ()
    text = Field(key="digest", type=FieldType.TEXT, labels={"ja": "会報"})
    assert _asked("会報", "はい", "いいえ", custom=[text])


def test_a_question_shows_the_values_and_in_how_many_rows_they_are() -> None:
    (question,) = _asked("会報", "要", "不要", "要", "")
    assert (question.values, question.blanks) == ((("要", 2), ("不要", 1)), 1)


_TEXT = "email,会報\na@x.example,要\nb@x.example,不要\nc@x.example,どちらかといえば\n".encode()


def test_a_list_is_refused_until_it_is_said_what_the_column_is(sqlite_stage: Stage) -> None:
    with pytest.raises(UnclearColumnError, match=r"会報.*不要: 1.*会報=opt_in.*会報=other"):
        import_list(sqlite_stage, _TEXT)
    assert states_of(sqlite_stage.engine) == {}


def test_of_a_column_that_is_said_to_ask_only_a_yes_subscribes(sqlite_stage: Stage) -> None:
    report, _ = import_list(sqlite_stage, _TEXT, columns={"会報": "opt_in"})
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}
    assert report.refusals == 1


def test_a_column_that_is_said_to_be_about_something_else_keeps_nobody_out(
    sqlite_stage: Stage,
) -> None:
    text = "email,出席状況\na@x.example,出席\nb@x.example,不参加\n".encode()
    import_list(sqlite_stage, text, unrelated=["出席状況"])
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


_LATE = b'{"email": "a@x.example"}\n' * 3 + b'{"email": "b@x.example", "digest": false}\n'


def test_a_column_that_comes_late_in_json_lines_is_asked_about_and_answered(
    sqlite_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ListReader(source="l", file_name="l.jsonl", chosen={}, custom=())
    records = list_records(io.BytesIO(_LATE), file_name="l.jsonl", source="l")
    (question,) = reader.questions(records, 1)
    assert (question.column, question.values, question.blanks) == ("digest", (("False", 1),), 3)
    monkeypatch.setattr("subscribers.lists.imports._CHUNK", 1)
    chosen = {"digest": "opt_in"}
    import_list(sqlite_stage, _LATE, name="l.jsonl", columns=chosen, is_answered=True)
    assert states_of(sqlite_stage.engine) == {"b": _U}
