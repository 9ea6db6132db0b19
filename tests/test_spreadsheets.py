"""Cells of exports: none is a formula to any spreadsheet, and each returns as it was."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.spreadsheets import defuse, restore

_CELLS = st.text(alphabet="a'=+-@＝＋－＠;,\"\t\r\n あ", max_size=12)
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
