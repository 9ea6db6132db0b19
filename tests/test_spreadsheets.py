"""Cells of exports: none is a formula to any spreadsheet, and each returns as it was."""

from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.spreadsheets import defuse, defuse_lines, restore

_CELLS = st.text(alphabet="a'=+-@＝＋－＠;,\"\t\r\n あ", max_size=12)
_WORDS = st.sampled_from(
    ["佐藤 葵", "ー＝", "a@x.example", '"a."@x.example', "2026-01-05 10:11:12+00"]
)
_SIGNS = tuple("=+-@＝＋－＠")


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("\t=1+1", "'\t'=1+1"),
        ("東京;=1+1", "東京;'=1+1"),
        ("東京\n=1+1", "東京\n'=1+1"),
        ("a;b", "a;b"),
        ("O'Hara; 03-1234", "O'Hara; 03-1234"),
        ("a=b", "a=b"),
    ],
)
def test_a_formula_has_an_apostrophe_before_it(cell: str, safe: str) -> None:
    assert defuse(cell) == safe


@given(_CELLS)
def test_a_cell_returns_as_it_was(cell: str) -> None:
    assert restore(defuse(cell)) == cell


@given(st.lists(_CELLS, min_size=1, max_size=4))
def test_no_cell_begins_like_a_formula_wherever_a_spreadsheet_cuts_the_row(row: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(map(defuse, row))
    for cut in ",;\t":
        rows = csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=cut)
        assert not [cell for cells in rows for cell in cells if cell.startswith(_SIGNS)]


def _lines(rows: list[list[str]], quoting: Literal[0, 1], end: str = "\n") -> bytes:
    """Return lines as a database writes them, with an empty cell at the end of each."""
    each = []
    for row in rows:
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator="\r\n").writerow(row)
        each.append(text.getvalue().removesuffix("\r\n") + f",{end}")
    return "".join(each).encode()


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@given(rows=st.lists(st.lists(_CELLS | _WORDS, min_size=2, max_size=4), min_size=1, max_size=300))
@example(rows=[["", ""], ["\t", ""]])
@example(rows=[["\t", ""]])
def test_lines_that_are_made_safe_together_have_the_cells_that_each_would_have(
    quoting: Literal[0, 1], rows: list[list[str]]
) -> None:
    octets = defuse_lines(_lines(rows, quoting), len(rows))
    read = list(csv.reader(io.StringIO(octets.decode(), newline="")))
    assert read == [[*map(defuse, row), ""] for row in rows]
    assert octets.endswith(b"\r\n")


def test_lines_without_a_formula_stay_as_they_are() -> None:
    rows = [
        ["a@x.example", '"Ken" O’Neil', "2026-01-05 10:11:12+00", "a, b; c"],
        ["b", "漢", "", ""],
    ]
    whole = _lines(rows, csv.QUOTE_MINIMAL, end="\r\n")
    assert defuse_lines(_lines(rows, csv.QUOTE_MINIMAL), 2) == whole
