"""Rows read column by column: what each row by itself says, whatever else is in the list."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.addresses import parse_address, parse_plain
from newsletter.database.vocabulary import FieldType
from newsletter.errors import ListError
from subscribers.fields.model import Field, Option
from subscribers.lists.columns import validation
from subscribers.lists.columns.plain_rows import PlainRows
from subscribers.lists.columns.validation import ListReader, ReadChunk
from subscribers.lists.imports.staging import encode
from subscribers.lists.records import Record
from tests.support.examples import examples

_FIELDS = (
    Field(key="company", type=FieldType.TEXT, labels={"ja": "会社名"}),
    Field(key="age", type=FieldType.NUMBER, labels={"ja": "年齢"}),
    Field(
        key="topic",
        type=FieldType.CHOICES,
        labels={"ja": "話題"},
        options=(Option(value="防災", labels={}), Option(value="子育て", labels={})),
    ),
)
_ADDRESSES = st.one_of(
    st.sampled_from(
        [
            *("a@example.jp", "A@EXAMPLE.jp", " b@example.jp ", "c..d@docomo.ne.jp", "e@例え.jp"),
            *("葵 <f@example.jp>", "none", "", "g@h@example.jp", "i@nowhere.invalidtld"),
            *("j@example.jp\n", "'=k@example.jp", "x" * 65 + "@example.jp", "l@exa mple.jp"),
        ]
    ),
    st.from_regex(r"[a-z][a-z0-9._+]{0,9}@(example|city\.chiba)\.(jp|com)", fullmatch=True),
)
_CELLS = {
    "email": _ADDRESSES,
    "name": st.sampled_from(
        ["", "佐藤　葵様", "様", " 田中 ", "a  b", "'=1+1", "\0", "x" * 300, "ﾀﾅｶ\n太郎", "\u200bz"]
    ),
    "language": st.sampled_from(["", "ja", "日本語", "en-US", "klingonisch"]),
    "time_zone": st.sampled_from(["", "Asia/Tokyo", "Mars/Olympus"]),
    "format": st.sampled_from(["", "text", "HTML"]),
    "state": st.sampled_from(
        ["", "confirmed", "pending", "unsubscribed", "cleaned", "退会", "unbekannt", "2026-01-01"]
    ),
    "tags": st.sampled_from(["", "a, b, a", '"x, y"', "t" * 65]),
    "consent_basis": st.sampled_from(["", "form", "b" * 80]),
    "consented_at": st.sampled_from(
        ["", "2026-01-05T10:00:00+09:00", "令和8年1月5日", "2999-01-01", "gestern", "0"]
    ),
    "unsubscribed_at": st.sampled_from(["", "2026-02-01", "ungültig", "no"]),
    "suppressed": st.sampled_from(["", "", "hard_bounce"]),
    "suppressed_at": st.sampled_from(["", "2026-02-01"]),
    "attributes": st.sampled_from(["", "{}", '{"company": "市役所"}', "[1"]),
    "company": st.sampled_from(["", "市役所", "'+81", "c" * 501, " ", "\u0007"]),
    "age": st.sampled_from(["", "42", "４２", "many", "1e99"]),
    "話題": st.sampled_from(["", "防災", "子育て, 防災", "園芸"]),
    "remark": st.sampled_from(["", "fine", "unsubscribed by user", "https://a.example/unsub"]),
    "停止": st.sampled_from(["", "0", "1"]),
    "解除": st.sampled_from(["", "0", "1"]),
    "newsletter": st.sampled_from(["", "はい", "no", "9"]),
    "DM可": st.sampled_from(["", "可", "不要"]),
    "購読": st.sampled_from(["", "購読中", "解除"]),
    "ラベル": st.sampled_from(["", "vip"]),
    "complained_at": st.sampled_from(["", "2026-01-01", "no"]),
}


@st.composite
def _lists(draw: st.DrawFn) -> list[Record]:
    others = draw(st.lists(st.sampled_from(sorted(_CELLS.keys() - {"email"})), unique=True))
    if draw(st.booleans()):
        # Those of an export of our own.
        others = [*{*others, "state", "consent_basis", "consented_at", "attributes"}]
    names = ("email", *others)
    rows = draw(st.lists(st.tuples(*(_CELLS[name] for name in names)), min_size=1, max_size=8))
    records = [Record(line, names, cells) for line, cells in enumerate(rows, start=2)]
    if draw(st.booleans()):
        # As JSON lines may have it: another shape, values that are no text, a fault.
        records.append(
            Record(90, ("email", "age"), ("z@example.jp", draw(st.sampled_from([4, None]))))
        )
    return [Record(1, names, (), header=True), *records]


def _read(records: Sequence[Record], tags: tuple[str, ...]) -> ReadChunk:
    reader = ListReader(source="l", file_name="l.csv", chosen={}, custom=_FIELDS, tags=tags)
    return next(reader.chunks(iter(records), len(records), ZoneInfo("Asia/Tokyo")))


@settings(max_examples=examples(150))
@given(records=_lists(), tags=st.sampled_from([(), ("list", "b")]))
def test_a_list_read_by_columns_says_what_its_rows_say_one_by_one(
    records: list[Record], tags: tuple[str, ...]
) -> None:
    by_columns = _read(records, tags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "read_plain_rows", lambda rows, *_rest: (PlainRows(), rows))
        one_by_one = _read(records, tags)

    assert by_columns.problems == one_by_one.problems
    assert by_columns.repeated == one_by_one.repeated
    for dialect in ("sqlite", "postgresql"):
        assert encode(by_columns.plain, [*by_columns.entries.values()], dialect) == encode(
            one_by_one.plain, [*one_by_one.entries.values()], dialect
        )


@settings(max_examples=examples(100))
@given(st.lists(st.one_of(_ADDRESSES, st.text(max_size=12)), min_size=1, max_size=6))
def test_plain_addresses_are_read_as_each_is_by_itself(texts: list[str]) -> None:
    found = parse_plain(texts)
    for row, text in enumerate(texts):
        if row in found.others:
            continue
        one = parse_address(text.strip())
        assert (found.addresses[row], found.keys[row], found.domains[row]) == one[:3]
        assert not one.warnings


def test_most_addresses_need_no_second_look() -> None:
    texts = [f"reader.{number}+news@City.Chiba.jp" for number in range(1000)]
    assert parse_plain(texts).others == set()
    with pytest.raises(ListError):
        parse_address("reader@")


@pytest.mark.parametrize("column", ["email", "name", "状態"])
def test_an_odd_value_takes_its_own_row_alone_out_of_the_columns(column: str) -> None:
    names = ("email", "name", "状態")
    rows = [Record(n, names, (f"r{n}@example.jp", f"読者{n}", "有効")) for n in range(2, 102)]
    odd = {"email": "読者 <x@example.jp>", "name": "\0", "状態": "不達"}[column]
    rows[50] = Record(
        52, names, [odd if name == column else rows[50].values[name] for name in names]
    )
    assert [line for line in range(2, 102) if line not in _read(rows, ()).plain.lines] == [52]


def test_a_name_is_kept_without_what_an_address_label_adds_to_it() -> None:
    names = ("email", "name")
    written = ("山﨑　美咲様", "林 様", "さくら商店　御中", "様", "様似 一郎", "林")
    rows = [Record(n, names, (f"r{n}@example.jp", name)) for n, name in enumerate(written)]
    kept = ["山﨑 美咲", "林", "さくら商店", "様", "様似 一郎", "林"]
    assert _read(rows, ()).plain.columns["name"] == kept
