"""Lists that hold very much of nothing end soon, and say where."""

from __future__ import annotations

import io

import pytest

from newsletter.errors import ListError
from subscribers.lists.files import list_records


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b'email,name\na@x.jp,"' + b"x\n" * 300_000 + b'"\n', "hold nobody"),
        (b"email,name\n" + b'"a\n' * 300_000, "hold nobody"),
        (b"email\n" + b'x"y\n' * 300_000, "hold nobody"),
        (b"email\n" + b"\n" * 3_000_000, "are empty"),
        (b"email,name\n" + b",\n" * 3_000_000, "are empty"),
        (b'email,name\na@x.jp,"' + b"x" * 3_000_000, "larger than 1 MiB"),
        (b"email" + b"," * 500_000 + b"\na@x.jp\n", "columns"),
    ],
    ids=["a cell", "open quotes", "broken quotes", "lines", "rows", "a line", "columns"],
)
def test_a_list_of_nothing_ends_soon_with_its_line(octets: bytes, message: str) -> None:
    with pytest.raises(ListError, match=message) as refused:
        for _ in list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv"):
            pass
    assert refused.value.place is not None
    assert refused.value.place.line


def test_the_blank_rows_of_a_whole_spreadsheet_are_passed_over() -> None:
    octets = b"email,name\na@x.jp,A\n" + b",\n" * 1_048_576 + b"b@x.jp,B\n"
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    assert [record.values.get("email") for record in records] == [None, "a@x.jp", "b@x.jp"]
