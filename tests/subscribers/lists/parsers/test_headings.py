"""Headings of spreadsheets: titles above them, merged cells, two rows of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest

from newsletter.database.vocabulary import SubscriptionState
from subscribers.lists.parsers.files import list_records
from subscribers.lists.records import Record
from subscribers.lists.words.formats import guess_field
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.growth import assert_linear
from tests.support.stage import Stage

_TITLE = ["広報メール登録者名簿（令和8年11月1日現在）", "", "", "", ""]
_BLANK = [""] * 5


def _records(rows: Sequence[Sequence[str]]) -> list[Record]:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return list(list_records(io.BytesIO(text.getvalue().encode()), file_name="l.csv", source="l"))


@pytest.mark.parametrize(
    ("heads", "names"),
    [
        # Merged downwards: a column's only heading stands in the row above.
        (
            [["No.", "登録者", "", "備考", "メモ"], ["", "氏名", "メール", "", ""]],
            ("No.", "氏名", "メール", "備考", "メモ"),
        ),
        # Merged across: what is asked stands above what is answered.
        (
            [
                ["登録者", "", "広報メールの受信", "", "担当"],
                ["氏名", "メール", "可否", "日", "係"],
            ],
            ("氏名", "メール", "広報メールの受信 可否", "広報メールの受信 日", "係"),
        ),
        (
            [["連絡先", "", "登録", "配信停止", ""], ["氏名", "アドレス", "日", "区分", "理由"]],
            ("氏名", "アドレス", "登録 日", "配信停止 区分", "理由"),
        ),
        # The address itself is merged downwards, and the second row has only what is below others.
        (
            [["氏名", "メールアドレス", "同意", "", "備考"], ["", "", "有無", "日付", ""]],
            ("氏名", "メールアドレス", "同意 有無", "同意 日付", "備考"),
        ),
        # One word for the address and for whether mail is wanted.
        (
            [
                ["班", "連絡先", "", "お知らせの受取", ""],
                ["", "電話", "メール", "紙", "メール"],
            ],
            ("班", "電話", "メール", "お知らせの受取 紙", "お知らせの受取 メール"),
        ),
        # Three rows.
        (
            [
                ["登録者", "", "", "備考", "区分"],
                ["氏名", "連絡先", "", "", ""],
                ["", "電話", "email", "", ""],
            ],
            ("氏名", "電話", "email", "備考", "区分"),
        ),
    ],
)
def test_a_heading_of_several_rows_names_every_column(
    heads: list[list[str]], names: tuple[str, ...]
) -> None:
    row = ["1", "2", "3", "4", "5"]
    for above in ([], [_TITLE], [_TITLE, _BLANK]):
        header, *records = _records([*above, *heads, row])
        assert header.names == names
        assert [list(each.cells) for each in records] == [row]
        assert records[0].line == len(above) + len(heads) + 1


def test_a_row_without_an_address_below_the_heading_is_no_heading() -> None:
    heads = ["氏名", "メール", "備考", "", "区"]
    for row in (["山田", "", "入院中", "", ""], ["", "", "", "", "北"], ["", "", "", "3", ""]):
        header, *records = _records([heads, row, ["森", "a@x.example", "", "", ""]])
        assert header.names == ("氏名", "メール", "備考", "#4", "区")
        assert [each.line for each in records] == [2, 3]


def test_a_row_with_an_address_is_no_heading_whatever_else_it_says() -> None:
    heads = ["Family", "Contact e-mail", "Street", "Bulletin by", ""]
    rows = [
        ["Byrne", "byrne@x.example", "Quay St", "e-mail", ""],
        ["Daly", "d@x.example", "", "", ""],
    ]
    header, *records = _records([_TITLE, heads, *rows])
    assert header.names[:4] == tuple(heads[:4])
    assert len(records) == 2


def test_an_address_below_a_heading_of_another_word_tells_the_heading() -> None:
    header, *records = _records(
        [_TITLE, ["氏名", "緊急時のご連絡用", "", "", ""], ["森", "a@x.example", "", "", ""]]
    )
    assert header.names[:2] == ("氏名", "緊急時のご連絡用")
    assert len(records) == 1


def test_a_no_below_a_merged_heading_and_a_remark_beside_it_are_heeded(sqlite_stage: Stage) -> None:
    expected: dict[str, SubscriptionState] = {}
    for group in ("同意", "個人情報の取り扱いへの同意", "メール配信"):
        rows = [
            _TITLE,
            ["氏名", "連絡先", group, "", "備考"],
            ["", "メールアドレス", "有無", "日", ""],
            ["森", f"a{len(group)}@x.example", "有", "R8.4.1", ""],
            ["林", f"b{len(group)}@x.example", "無", "R8.4.1", ""],
            ["原", f"c{len(group)}@x.example", "○", "令和元年5月1日", "配信停止"],
        ]
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        import_list(sqlite_stage, text.getvalue().encode("cp932"))
        expected |= dict.fromkeys(
            (f"b{len(group)}", f"c{len(group)}"), SubscriptionState.UNSUBSCRIBED
        )
        expected[f"a{len(group)}"] = SubscriptionState.CONFIRMED
    assert states_of(sqlite_stage.engine) == expected


@pytest.mark.parametrize("gap", [" ", "\n", "\u3000"])
def test_a_heading_with_a_wide_gap_takes_as_long_as_it_is(gap: str) -> None:
    assert_linear(guess_field, lambda width: f"Joined{gap * width}x", size=64_000)
    assert guess_field(f"Email{gap * 3}(Asia/Tokyo)") == "address"


@pytest.mark.parametrize(
    "above",
    [
        "お問い合わせ: info@city.example.jp\n",
        "会員名簿\n連絡先：総務課（soumu@city.example.jp）,,\n\n",
        "Questions? Mail office@x.example\n",
    ],
)
def test_whom_to_ask_above_a_table_is_no_row_of_it(sqlite_stage: Stage, above: str) -> None:
    table = "氏名,メールアドレス,電話\n青木,a@x.example,042\n井上,b@x.example,042\n"
    import_list(sqlite_stage, (above + table).encode(), is_answered=False)
    assert states_of(sqlite_stage.engine).keys() == {"a", "b"}
