"""Addresses in lines of text, with headings between them that say who gets no mail."""

from __future__ import annotations

import io

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.columns.columns import ColumnAnswers, meanings_of
from subscribers.lists.columns.questions import UnclearColumnError
from subscribers.lists.parsers.files import list_records
from subscribers.lists.parsers.text_lists import NAMES, SECTION, lines_of
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_TEXT = """Allotments - addresses, typed in May

RECEIVING THE NEWSLETTER
Ann Ash <a@x.example>
Ben Box, b@x.example (new address)

{heading}
c@x.example
Dan Dew <d@x.example>; Eve Elm <e@x.example>
"""


def _records(text: str) -> list[tuple[object, ...]]:
    stream = io.BytesIO(text.encode())
    return [tuple(one.cells) for one in list_records(stream, file_name="l.txt", source="l.txt")][1:]


def test_addresses_of_a_text_come_with_their_names_what_stands_behind_and_their_heading() -> None:
    above, below = "RECEIVING THE NEWSLETTER", "BOUNCING"
    assert _records(_TEXT.format(heading=below)) == [
        ("Ann Ash <a@x.example>", "", above),
        ("Ben Box <b@x.example>", "(new address)", above),
        ("c@x.example", "", below),
        ("Dan Dew <d@x.example>", "", below),
        ("Eve Elm <e@x.example>", "", below),
    ]


@pytest.mark.parametrize("heading", ["BOUNCING", "Left:", "Do not send (ever)", "停止した方"])
def test_a_heading_of_a_state_is_said_of_all_below_it(sqlite_stage: Stage, heading: str) -> None:
    text = _TEXT.replace("RECEIVING THE NEWSLETTER\n", "").format(heading=heading).encode()
    answers = ColumnAnswers(unrelated=[SECTION, NAMES[1]])
    import_list(sqlite_stage, text, name="l.txt", answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C, "c": _U, "d": _U, "e": _U}


def test_addresses_are_parted_by_what_japanese_writing_puts_between_them() -> None:
    line = "山田（a@x.example）、b@x.example／佐藤＜c@x.example＞・d@x.example。"
    assert list(lines_of(line)) == [
        ("山田 <a@x.example>", ""),
        ("b@x.example", ""),
        ("佐藤 <c@x.example>", ""),
        ("d@x.example", ""),
    ]


@pytest.mark.parametrize("heading", ["ASKED TO BE TAKEN OFF", "お休みの方", "Old ones", "退職者"])
def test_a_heading_of_which_nobody_knows_is_asked_about(sqlite_stage: Stage, heading: str) -> None:
    text = f"会員\na@x.example\n\n{heading}\nb@x.example\n".encode()
    with pytest.raises(UnclearColumnError, match=rf"section headings \({heading}: 1"):
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)
    # Where nobody was asked, as far down the list, its rows are refused.
    import_list(sqlite_stage, text, name="l.txt")
    assert states_of(sqlite_stage.engine) == {"a": _C}


def test_each_heading_can_be_given_a_meaning_of_its_own(sqlite_stage: Stage) -> None:
    text = (
        "■お便りを受け取るご家庭\na@x.example\n\n■卒所された方（連絡のみ）\nb@x.example\n"
    ).encode()
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)
    (question,) = asked.value.questions
    assert [*question.choices] == ["state", "remark", "other"]
    columns = {SECTION: "state"}
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text, name="l.txt", columns=columns, is_answered=False)
    (question,) = asked.value.questions
    words = [word for word, _count in question.values]
    answers = ColumnAnswers(
        states=meanings_of(dict(zip(words, ("confirmed", "never"), strict=True)))
    )
    import_list(
        sqlite_stage, text, name="l.txt", columns=columns, answers=answers, is_answered=False
    )
    assert states_of(sqlite_stage.engine) == {"a": _C}


@pytest.mark.parametrize("heading", ["東京都", "3組", "配信中", "Confirmed"])
def test_a_heading_of_a_place_or_of_consent_asks_nothing(sqlite_stage: Stage, heading: str) -> None:
    text = f"a@x.example\n{heading}\nb@x.example\n".encode()
    import_list(sqlite_stage, text, name="l.txt", is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


def test_a_heading_within_a_table_is_said_of_the_rows_below_it(sqlite_stage: Stage) -> None:
    rows = ["email,name", "a@x.example,A", "退会,", "b@x.example,B", "会員,", "c@x.example,C"]
    import_list(sqlite_stage, "\n".join(rows).encode(), is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _C}


def test_the_name_of_a_column_alone_is_no_heading_and_a_state_is_no_name(
    sqlite_stage: Stage,
) -> None:
    import_list(sqlite_stage, "連絡先\na@x.example\n".encode(), is_answered=False)
    import_list(sqlite_stage, b"UNSUBSCRIBED\nb@x.example\n", is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_a_table_without_a_header_has_columns_by_their_numbers() -> None:
    records = _records("a@x.example,Ann,1\nb@x.example,Ben,0\n")
    assert records == [("a@x.example", "Ann", "1"), ("b@x.example", "Ben", "0")]


def test_what_stands_behind_an_address_is_asked_about(sqlite_stage: Stage) -> None:
    text = b"Ash, Ann, a@x.example\nBox, Ben, b@x.example - please take me off\nc@x.example\n"
    with pytest.raises(UnclearColumnError, match="please take me off: 1"):
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)


def test_a_code_behind_a_name_is_asked_about(sqlite_stage: Stage) -> None:
    """Programs write so who gets no mail: only who wrote the list knows which letter says it."""
    text = b"a@x.example   Ann Ash      [P]\nb@x.example   Ben Box   [B]\nc@x.example   Cy Cox\n"
    with pytest.raises(UnclearColumnError, match=r"Ben Box\s+\[B\]"):
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)


@pytest.mark.parametrize("sign", ["、", "，", "；", "｜"])
def test_what_japanese_writing_puts_between_words_divides_cells_below_a_heading(sign: str) -> None:
    text = sign.join(
        ("お名前", "連絡先", "地区\n山田", "a@x.example", "東\n佐藤", "b@x.example", "西\n")
    )
    assert _records(text) == [("山田", "a@x.example", "東"), ("佐藤", "b@x.example", "西")]


def test_a_sentence_above_addresses_is_no_heading_of_cells() -> None:
    text = "会員の皆様、下の一覧です\na@x.example\nb@x.example\n"
    assert [cells[0] for cells in _records(text)] == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("佐藤（退会） <a@x.example>; 林 <b@x.example>", {"a": _U, "b": _C}),
        ("Ann Ash (unsubscribed) <a@x.example>\nBen Box <b@x.example>", {"a": _U, "b": _C}),
        ("DELETED Ann Ash <a@x.example>, Ben <b@x.example>", {"a": _U, "b": _C}),
        ('"【停止】佐藤" <a@x.example>、b@x.example', {"a": _U, "b": _C}),
        ("Ann (left) <a@x.example>\nb@x.example", {"a": _U, "b": _C}),
        ("佐藤(旧姓 林) <a@x.example>, Ben (Bristol) <b@x.example>", {"a": _C, "b": _C}),
        ("email,city\nAnn (unsubscribed) <a@x.example>,Bath\nb@x.example,Bath", {"a": _U, "b": _C}),
        ("a@x.example（退会）、b@x.example", {"a": _U, "b": _C}),
        ("a@x.example (unsubscribed) b@x.example", {"a": _U, "b": _C}),
        ("a@x.example unsubscribed; b@x.example", {"a": _U, "b": _C}),
    ],
)
def test_a_mark_beside_a_name_or_address_of_a_text_counts(
    sqlite_stage: Stage, text: str, states: dict[str, SubscriptionState]
) -> None:
    import_list(sqlite_stage, text.encode(), name="l.txt")
    assert states_of(sqlite_stage.engine) == states


def test_what_stands_between_two_addresses_is_said_of_one_of_them() -> None:
    line = (
        "Bcc: 'Ann' <a@x.example> (moved), \"Box, Ben\" <b@x.example> , c@x.example Cy Cox;"
        " O'Dea <d'o@x.example>; 'e@x.example'"
    )
    assert list(lines_of(line)) == [
        ("Ann <a@x.example>", "(moved)"),
        ("Box, Ben <b@x.example>", ""),
        ("c@x.example", "Cy Cox"),
        ("O'Dea <d'o@x.example>", ""),
        ("e@x.example", ""),
    ]


@pytest.mark.parametrize(
    ("sender", "reader"), [("From", "To"), ("差出人", "宛先"), ("De ", "À "), ("Von", "An")]
)
def test_who_sent_a_mail_whose_header_is_pasted_is_named_and_not_subscribed(
    sqlite_stage: Stage, sender: str, reader: str
) -> None:
    text = (
        f"---- Forwarded message ----\n{sender}: Club <s@x.example>\nSent: Monday, 9:00\n"
        "Subject: 11月のお知らせ\n"
        f"{reader}: Ann <a@x.example>,\n\tb@x.example\nDate: 2026-11-01 9:00\n"
    )
    _, problems = import_list(sqlite_stage, text.encode(), name="l.txt", is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}
    assert [(one.line, one.taken) for one in problems if not one.taken] == [(2, False)]


def test_a_subject_of_a_mail_that_speaks_of_leaving_is_asked_about(sqlite_stage: Stage) -> None:
    text = b"From: s@x.example\nSubject: Members who left\nTo: a@x.example, b@x.example\n"
    with pytest.raises(UnclearColumnError, match="Members who left: 2"):
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)


def test_a_word_of_leaving_behind_some_addresses_keeps_those_from_mail_alone(
    sqlite_stage: Stage,
) -> None:
    text = "a@x.example\nb@x.example 停止\nc@x.example\n".encode()
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text, name="l.txt", is_answered=False)
    (one,) = asked.value.questions
    assert next(iter(one.choices)) == "remark"
    answers = ColumnAnswers(heeded=[one.column])
    import_list(sqlite_stage, text, name="l.txt", answers=answers, is_answered=False)
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _C}
