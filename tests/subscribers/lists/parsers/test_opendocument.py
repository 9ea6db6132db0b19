"""Sheets of OpenDocument are read as lists, as those of Excel are."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from newsletter.errors import ListError
from subscribers.lists.parsers.files import opened_list
from subscribers.lists.records import Record

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_NAMES = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)
_STYLES = (
    '<style:style style:name="s"><style:text-properties style:text-line-through-style="solid"/>'
    '</style:style><style:style style:name="h"><style:table-properties table:display="false"/>'
    "</style:style>"
)


def document(*sheets: str, kind: str = _TYPE) -> bytes:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{_NAMES}'
        ' xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<office:automatic-styles>{_STYLES}</office:automatic-styles><office:body>"
        f"<office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<x/>")
    return packed.getvalue()


def sheet(*rows: str, said: str = "") -> str:
    return f'<table:table table:name="名簿"{said}>{"".join(rows)}</table:table>'


def row(*cells: str, said: str = "") -> str:
    return f"<table:table-row{said}>{''.join(map(_cell, cells))}</table:table-row>"


def _cell(text: str) -> str:
    if text.startswith("<"):
        return text
    return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"


def _read(octets: bytes) -> list[Record]:
    with opened_list(io.BytesIO(octets), name="l.ods", source="l.ods") as opened:
        return [record for record in opened.records() if not record.header]


def _values(octets: bytes) -> list[dict[str, Any]]:
    return [record.values for record in _read(octets)]


def test_cells_come_as_they_are_shown_and_days_as_they_are() -> None:
    day = (
        '<table:table-cell office:value-type="date" office:date-value="2026-06-01">'
        "<office:annotation><text:p>x</text:p></office:annotation><text:p>R8.6.1</text:p>"
        "</table:table-cell>"
    )
    yes = (
        '<table:table-cell office:value-type="boolean" office:boolean-value="true">'
        "<text:p>WAHR</text:p></table:table-cell>"
    )
    blank = '<table:table-cell table:number-columns-repeated="2"/>'
    rows = _values(
        document(
            sheet(row("メール", "退会日", "x", "y", "済"), row("a@x.example", day, blank, yes))
        )
    )
    assert rows == [
        {"メール": "a@x.example", "退会日": "2026-06-01", "x": "", "y": "", "済": "TRUE"}
    ]


def test_rows_that_are_hidden_filtered_or_struck_out_are_told() -> None:
    struck = (
        '<table:table-cell table:style-name="s"><text:p>c@x.example</text:p></table:table-cell>'
    )
    records = _read(
        document(
            sheet(
                row("氏名", "メール"),
                row("A", "a@x.example"),
                row("B", "b@x.example", said=' table:visibility="filter"'),
                row("C", struck),
            ),
            sheet(row("氏名", "メール"), row("D", "d@x.example"), said=' table:style-name="h"'),
        )
    )
    assert [bool(record.fault) for record in records] == [False, True, True, True]


def test_an_address_of_a_link_is_found_and_blank_rows_are_no_end() -> None:
    link = (
        '<table:table-cell><text:p><text:a xlink:href="mailto:a@x.example">Anna</text:a></text:p>'
        "</table:table-cell>"
    )
    blank = row("<table:table-cell/>", said=' table:number-rows-repeated="1048000"')
    records = _read(document(sheet(row("Name", "Email"), row("Anna", link), blank)))
    assert [record.values["Email"] for record in records] == ["Anna <a@x.example>"]


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (document(sheet(row("x"))), "No sheet of this workbook"),
        (document(kind="application/vnd.oasis.opendocument.text"), "OpenDocument"),
        (
            document(sheet(row("a@x.example", said=' table:number-rows-repeated="99999999"'))),
            "in a row are empty",
        ),
    ],
    ids=["nobody", "a text", "rows without end"],
)
def test_a_document_that_is_no_list_is_refused(octets: bytes, message: str) -> None:
    with pytest.raises(ListError, match=message):
        _read(octets)
