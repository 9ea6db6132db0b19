"""Lists of strangers are read in the time of their length, whatever is repeated in them."""

from __future__ import annotations

import io

import pytest

from newsletter.errors import ListError
from subscribers.lists.parsers.files import list_records
from subscribers.lists.words.cell_words import Leaving, read_leaving, read_remark
from subscribers.lists.words.harmless import is_blank, tells_leaving
from tests.support.growth import assert_linear


def _read(octets: bytes) -> int:
    stream = io.BytesIO(octets)
    return sum(1 for _ in list_records(stream, file_name="l.csv", source="l.csv"))


@pytest.mark.parametrize(
    ("begin", "repeated", "end"),
    [
        ("", "1", ""),
        ("", "1-", ""),
        ("", "令和8年 ", "?"),
        ("", "メールマガジン", "?"),
        ("", "本人の希望で", "?"),
        ("停止", "いい", "?"),
        ("停止", "との", "?"),
        ("停止", "お願いします", "?"),
        ("", "a", "停止線"),
        ("", "停止線", ""),
        ("", "ごもう", "?"),
        ("退会", "した", "?"),
        ("left ", "in ", "?"),
        ("", "0", "x"),
    ],
)
def test_a_remark_takes_the_time_of_its_length(begin: str, repeated: str, end: str) -> None:
    def ask(text: str) -> None:
        read_remark(text)
        tells_leaving(text)
        is_blank(text)

    assert_linear(ask, lambda size: begin + repeated * (size // len(repeated)) + end, size=16_000)


@pytest.mark.parametrize(
    "text",
    [
        "令和8年3月31日付けで本人の希望により配信停止をお願いいたします",
        "3/31 メルマガもう不要とのこと",
        "停止していただきたい",
        "先方のご都合でメールマガジンの配信を停止していただきたいとのことです",
        "いりませんでした",
    ],
)
def test_a_remark_of_many_parts_says_that_somebody_left(text: str) -> None:
    assert read_leaving(text) is Leaving.LEFT


def test_a_long_word_of_ascii_is_soon_passed_over_where_the_encoding_is_recognised() -> None:
    def line(size: int) -> bytes:
        return "mail,name\na@x.example,Zoë Müller\nb@x.example,".encode("cp1252") + b"a" * size

    assert_linear(_read, line, size=160_000)


def test_people_of_a_list_of_stanzas_take_the_time_of_what_they_say() -> None:
    many = "".join(f"key{n}: v\n" for n in range(400))

    def stanzas(size: int) -> bytes:
        wide = f"mail: a@x.example\n{many}\n" * 4
        return (wide + "mail: b@x.example\nname: b\n\n" * size).encode()

    assert_linear(_read, stanzas, size=4_000)


@pytest.mark.parametrize("header", ["mail," + ",".join(f"c{n}" for n in range(1000)), ""])
def test_a_list_of_more_columns_than_anybody_reads_is_refused(header: str) -> None:
    row = "a@x.example" + ",x" * 1000
    with pytest.raises(ListError, match="1001 columns; the limit is 1000"):
        _read(f"{header}\n{row}\n{row}\n".encode())
    assert _read(f"{header[:-5]}\n{row[:-2]}\n{row[:-2]}\n".encode()) == 3
