"""What stands above or below a list and speaks of leaving is asked about: rows cannot tell whom."""

from __future__ import annotations

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.columns.columns import ColumnAnswers, meanings_of
from subscribers.lists.columns.questions import QuestionKind, UnclearColumnError
from subscribers.lists.parsers.text_lists import BESIDE, SECTION
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_ROWS = "氏名,メール\n田中,a@x.example\n鈴木,b@x.example\n"
_PAGE = (
    "<table><tr><th>Name</th><th>Email</th></tr><tr><td>Ann</td><td>a@x.example</td></tr></table>{}"
)


@pytest.mark.parametrize(
    ("name", "text", "note"),
    [
        ("l.csv", f"{_ROWS}※田中さんは退会しました\n", "※田中さんは退会しました"),
        ("l.csv", f"{_ROWS}\n,Tanaka has unsubscribed\n以上2名\n", "Tanaka has unsubscribed"),
        ("l.csv", f"退会者一覧\n{_ROWS}", "退会者一覧"),
        ("l.csv", f"講座申込者（キャンセルした方）\n{_ROWS}", "講座申込者（キャンセルした方）"),
        ("l.csv", f"※本人希望により削除した方\n{_ROWS}", "※本人希望により削除した方"),
        ("l.csv", f"Kündigungen\n{_ROWS}", "Kündigungen"),
        ("l.csv", f"Members who left,\n{_ROWS}", "Members who left"),
        ("l.csv", f"取扱注意,\n田中さんは退会しました,\n,\n{_ROWS}", "田中さんは退会しました"),
        ("l.txt", "田中 a@x.example\n鈴木 b@x.example\n\n田中さん退会\n", "田中さん退会"),
        ("l.csv", "名前,メール\n退会者,\n2025年,\n田中,a@x.example\n", "退会者"),
        ("l.html", _PAGE.format("<p>Ann has left the club.</p>"), "Ann has left the club."),
        ("l.html", _PAGE.format("<p>1 row</p><p>* Ann unsubscribed</p>"), "* Ann unsubscribed"),
        (
            "l.md",
            "| 氏名 | メール |\n|---|---|\n| 田中 | a@x.example |\n\n田中は退会\n",
            "田中は退会",
        ),
    ],
)
def test_a_note_beside_a_list_that_speaks_of_leaving_is_asked_about(
    name: str, text: str, note: str, sqlite_stage: Stage
) -> None:
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text.encode(), name=name, is_answered=False)
    found = {each.column: each for each in asked.value.questions}
    assert found[BESIDE].kind is QuestionKind.NOTES
    assert found[BESIDE].values[0][0] == note
    assert states_of(sqlite_stage.engine) == {}


@pytest.mark.parametrize(
    "text",
    [
        f"{_ROWS}以上2名\n作成: 総務課\n",
        f"メルマガ会員一覧\n令和8年11月末現在\n{_ROWS}",
        f"お知らせメール配信先（送付先）\n{_ROWS}",
        f"Newsletter subscribers: contacts by e-mail\nParticipants 2026\n{_ROWS}",
        f"Liste des abonnés à la lettre\n{_ROWS}",
        f"講座申込者（キャンセル待ちを含む）\n{_ROWS}",
        f"{_ROWS}退会者,\n佐藤,c@x.example\n",
        ",,退会\n氏名,メール,日付\n田中,a@x.example,\n鈴木,b@x.example,\n",
    ],
)
def test_what_says_nothing_against_rows_is_not_asked_about(text: str, sqlite_stage: Stage) -> None:
    import_list(sqlite_stage, text.encode(), name="l.csv", is_answered=False)
    assert states_of(sqlite_stage.engine)["a"] is _C


@pytest.mark.parametrize(
    ("answers", "states"),
    [(ColumnAnswers(heeded=[BESIDE]), {_U}), (ColumnAnswers(unrelated=[BESIDE]), {_C})],
)
def test_rows_below_a_title_against_mail_are_as_somebody_answers(
    answers: ColumnAnswers, states: set[SubscriptionState], sqlite_stage: Stage
) -> None:
    text = f"退会者を除く\n{_ROWS}".encode()
    import_list(sqlite_stage, text, name="l.csv", answers=answers, is_answered=False)
    assert set(states_of(sqlite_stage.engine).values()) == states


@pytest.mark.parametrize("sign", ["#", "# ", "//"])
@pytest.mark.parametrize("head", ["", "email\n", "email,name\n"])
def test_an_address_that_is_commented_out_is_told_and_not_taken(
    sign: str, head: str, sqlite_stage: Stage
) -> None:
    text = f"{head}a@example.jp\n{sign}b@example.jp\nc@example.jp\n"
    report, _ = import_list(sqlite_stage, text.encode())
    assert states_of(sqlite_stage.engine).keys() == {"a", "c"}
    assert report.refusals == 1


def test_our_own_export_keeps_an_address_that_begins_with_such_a_sign(sqlite_stage: Stage) -> None:
    head = "email,state,consent_basis,consented_at,paused_until"
    text = f"{head}\n#b@example.jp,confirmed,web form,2026-01-01T00:00:00Z,\n"
    import_list(sqlite_stage, text.encode())
    assert states_of(sqlite_stage.engine).keys() == {"#b"}


def test_a_remark_with_a_comma_above_addresses_is_no_header(sqlite_stage: Stage) -> None:
    text = "# bulletin list, hand edited\na@x.example\nb@x.example (Ben)\n#c@x.example left\n"
    import_list(sqlite_stage, text.encode(), name="l.txt")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


@pytest.mark.parametrize(
    ("charset", "note"),
    [
        (";CHARSET=SHIFT_JIS", "会報ことわり".encode("cp932")),
        (";CHARSET=UTF-8", "会報ことわり".encode()),
        (";CHARSET=ISO-2022-JP", "解約した".encode("iso-2022-jp")),
        ("", "解約した".encode()),
        ("", "解約した".encode("cp932")),
        (";CHARSET=X-OTHER", "解約した".encode("euc-jp")),
    ],
)
def test_a_telephone_s_note_is_read_in_its_character_set_or_asked_about(
    charset: str, note: bytes, sqlite_stage: Stage
) -> None:
    quoted = "".join(f"={octet:02X}" for octet in note)
    card = "BEGIN:VCARD\nVERSION:2.1\nFN:A\nEMAIL;INTERNET:{}@x.example\n{}END:VCARD\n"
    line = f"NOTE{charset};ENCODING=QUOTED-PRINTABLE:{quoted}\n"
    text = card.format("a", line) + card.format("b", "")
    with pytest.raises(UnclearColumnError) as asked:
        import_list(sqlite_stage, text.encode(), name="l.vcf", is_answered=False)
    assert [each.column for each in asked.value.questions] == ["NOTE"]


def test_who_stands_below_no_heading_is_not_spoken_of_by_those_of_others(
    sqlite_stage: Stage,
) -> None:
    text = "氏名,メール\n田中,a@x.example\n物故者,\n鈴木,b@x.example\n"
    import_list(
        sqlite_stage,
        text.encode(),
        columns={SECTION: "state"},
        answers=ColumnAnswers(states=meanings_of({"物故者": "unsubscribed"})),
        is_answered=False,
    )
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}
