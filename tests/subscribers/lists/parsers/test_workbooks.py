"""Lists as workbooks, written by openpyxl, and by hand as other programs write them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from time import process_time
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from subscribers.lists.imports.uploads import file_chunks
from subscribers.lists.parsers import workbook_parts, workbook_values
from subscribers.lists.parsers.files import list_records, opened_list
from subscribers.lists.records import Record, line_told
from tests.subscribers.lists.columns.test_states import import_list, states_of
from tests.support.stage import Stage

_C, _U = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED
_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def _sheet(*rows: tuple[Any, ...]) -> tuple[Workbook, Worksheet]:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(row)
    return book, sheet


def _octets(book: Workbook) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _records(octets: bytes) -> list[Record]:
    with opened_list(io.BytesIO(octets), name="l.xlsx", source="l.xlsx") as listed:
        return [*listed.records()]


def _value(cell: object, number_format: str = "") -> str:
    """Return what is read of a cell."""
    book, sheet = _sheet(("Email", "X"), ("a@x.jp", cell))
    if number_format:
        sheet["B2"].number_format = number_format
    return str(_records(_octets(book))[1].values["X"])


def _packed(parts: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _by_hand(data: str, **more: str | bytes) -> dict[str, str | bytes]:
    """Return the parts of a workbook with one sheet, with targets from the root."""
    related = f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="/xl/worksheets/s.xml"/>'
    related += f'<Relationship Id="r2" Type="{_OFFICE}/sharedStrings" Target="strings.xml"/>'
    related += f'<Relationship Id="r3" Type="{_OFFICE}/styles" Target="/xl/styles.xml"/>'
    named = f'<sheets><sheet name="S" sheetId="7" r:id="r1" xmlns:r="{_OFFICE}"/></sheets>'
    root = f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="/xl/workbook.xml"/>'
    parts: dict[str, str | bytes] = {
        "_rels/.rels": f"<Relationships {_RELS}>{root}</Relationships>",
        "xl/workbook.xml": f"<workbook {_NS}>{named}</workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships {_RELS}>{related}</Relationships>",
        "xl/worksheets/s.xml": f"<worksheet {_NS}><sheetData>{data}</sheetData></worksheet>",
    }
    names = {"strings": "xl/strings.xml", "styles": "xl/styles.xml"}
    return parts | {names[name]: content for name, content in more.items()}


def _inline(*cells: str) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)


_HEAD = f"<row>{_inline('Email', 'Name')}</row>"


def test_who_left_by_a_workbook_gets_no_mail(sqlite_stage: Stage) -> None:
    book, _ = _sheet(
        ("Email", "Name", "Status"),
        ("a@x.jp", "安奈", "active"),
        ("b@x.jp", "弁", "unsubscribed"),
    )
    import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


@pytest.mark.parametrize(
    ("cell", "number_format", "shown"),
    [
        (date(2026, 1, 5), "", "2026-01-05"),
        (datetime(2026, 1, 5, 9, 30), "", "2026-01-05 09:30:00"),  # noqa: DTZ001 - a sheet's clock
        (46027, 'yyyy"年"m"月"d"日"', "2026-01-05"),
        (46027, '[$-411]ggge"年"m"月"d"日"', "2026-01-05"),
        (time(9, 30), "", "09:30:00"),
        (1.5, "[h]:mm", "36:00:00"),
        (12.0, "", "12"),
        (0.1 + 0.2, "", "0.3"),
        (9012345678, "", "9012345678"),
        ("09012345678", "", "09012345678"),
        (123, "000-0000", "000-0123"),
        (42, "0000", "0042"),
        (True, "", "TRUE"),
        (0.125, "0.0%", "12.5%"),
        (46027, "#,##0", "46027"),
        (46027, "G/標準", "46027"),
        ('<b> & "quoted", it', "", '<b> & "quoted", it'),
        ("two\nlines", "", "two lines"),
    ],
)
def test_a_cell_is_read_as_it_is_shown(cell: object, number_format: str, shown: str) -> None:
    assert _value(cell, number_format) == shown


def test_days_count_from_1904_where_the_workbook_says_so() -> None:
    book, _ = _sheet(("Email", "Joined"), ("a@x.jp", date(2026, 1, 5)))
    book.epoch = CALENDAR_MAC_1904
    assert _records(_octets(book))[1].values["Joined"] == "2026-01-05"


@pytest.mark.parametrize("number", range(27, 32))
def test_days_of_japanese_formats_without_a_code_are_days(number: int) -> None:
    styles = f'<cellXfs><xf/><xf numFmtId="{number}"/></cellXfs>'
    row = f'<row>{_inline("a@x.jp")}<c s="1"><v>46027</v></c></row>'
    parts = _by_hand(_HEAD + row, styles=f"<styleSheet {_NS}>{styles}</styleSheet>")
    assert _records(_packed(parts))[1].values["Name"] == "2026-01-05"


def test_a_sheet_without_places_or_dimensions_is_read() -> None:
    octets = _packed(_by_hand(f"{_HEAD}<row>{_inline('a@x.jp', 'Ann')}</row>"))
    assert [record.values for record in _records(octets)[1:]] == [
        {"Email": "a@x.jp", "Name": "Ann"}
    ]


def test_a_sheet_whose_elements_have_a_prefix_is_read() -> None:
    rows = f"{_HEAD}<row>{_inline('a@x.jp', 'Ann')}</row>"
    for tag in ("row", "c", "is", "t"):
        for sign in ("<", "</"):
            for end in (" ", ">"):
                rows = rows.replace(f"{sign}{tag}{end}", f"{sign}x:{tag}{end}")
    space = _NS.replace("xmlns", "xmlns:x")
    whole = f"<x:worksheet {space}><x:sheetData>{rows}</x:sheetData></x:worksheet>"
    octets = _packed(_by_hand("") | {"xl/worksheets/s.xml": whole.encode("utf-16")})
    assert _records(octets)[1].values == {"Email": "a@x.jp", "Name": "Ann"}


def test_how_a_name_is_read_aloud_is_not_joined_to_it() -> None:
    strings = (
        f"<sst {_NS}><si><t>a@x.jp</t></si><si><r><t>山田</t></r><r><t>花子</t></r>"
        '<rPh sb="0" eb="2"><t>ヤマダ</t></rPh><phoneticPr fontId="1"/></si></sst>'
    )
    row = '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'
    octets = _packed(_by_hand(_HEAD + row, strings=strings))
    assert _records(octets)[1].values == {"Email": "a@x.jp", "Name": "山田花子"}


def test_signs_that_a_workbook_escapes_are_blanks() -> None:
    assert _value("a_x000D_b") == "a b"


def test_the_kept_result_of_a_formula_counts() -> None:
    row = f'<row>{_inline("a@x.jp")}<c t="str"><f>A1&amp;B1</f><v>Ann</v></c></row>'
    assert _records(_packed(_by_hand(_HEAD + row)))[1].values["Name"] == "Ann"


def test_a_formula_without_a_result_is_told(sqlite_stage: Stage) -> None:
    book, _ = _sheet(("Email", "Name"), ("a@x.jp", "A"), ("b@x.jp", "=A1"))
    _, problems = import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C}
    assert [(one.line, "formula" in str(one.problem)) for one in problems] == [(3, True)]


def test_an_address_that_only_a_link_has_is_found(sqlite_stage: Stage) -> None:
    book, sheet = _sheet(("Contact", "Status"), ("Ann", "active"), ("b@x.jp", "active"))
    sheet["A2"].hyperlink = "mailto:a@x.jp?subject=Hi"
    import_list(sqlite_stage, _octets(book), name="l.xlsx", columns={"Contact": "address"})
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _C}


@pytest.mark.parametrize("how", ["row", "cell", "words"])
def test_a_row_that_is_hidden_or_struck_out_is_told_and_not_taken(
    how: str, sqlite_stage: Stage
) -> None:
    book, sheet = _sheet(("Email", "Name"), ("a@x.jp", "A"), (), ("b@x.jp", "B"))
    if how == "row":
        sheet.row_dimensions[4].hidden = True
    elif how == "cell":
        sheet["A4"].font = Font(strike=True)
    else:
        struck = TextBlock(InlineFont(strike=True), "b@x.jp")
        sheet["A4"] = CellRichText(struck, " gone")
    _, problems = import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C}
    assert [problem.line for problem in problems] == [4]


def test_what_a_hidden_column_says_against_mail_counts(sqlite_stage: Stage) -> None:
    book, sheet = _sheet(("Email", "Status"), ("a@x.jp", "active"), ("b@x.jp", "unsubscribed"))
    sheet.column_dimensions["B"].hidden = True
    import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_a_cell_merged_over_several_rows_is_said_of_each(sqlite_stage: Stage) -> None:
    book, sheet = _sheet(
        ("Email", "Name", "Status"),
        ("a@x.jp", "A", "active"),
        ("b@x.jp", "B", "unsubscribed"),
        ("c@x.jp", "C", None),
    )
    sheet.merge_cells("C3:C4")
    import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U, "c": _U}


def test_headings_merged_across_name_the_columns_below(sqlite_stage: Stage) -> None:
    book, sheet = _sheet(
        ("メール", "メール配信", None),
        (None, "希望", "備考"),
        ("a@x.jp", "する", None),
        ("b@x.jp", "しない", None),
    )
    sheet.merge_cells("A1:A2")
    sheet.merge_cells("B1:C1")
    import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}


def test_each_sheet_with_addresses_is_read_and_its_name_said_of_its_rows(
    sqlite_stage: Stage,
) -> None:
    book, sheet = _sheet(("Email", "Name"), ("a@x.jp", "A"), ("bad@", "X"))
    sheet.title = "会員"
    book.create_sheet("About").append(("Nothing here",))
    left = book.create_sheet("退会者")
    for row in (("Email", "Name"), ("b@x.jp", "B"), ("worse@", "X")):
        left.append(row)
    _, problems = import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C, "b": _U}
    assert [line_told(one.line) for one in problems if one.field == "address"] == ["1:3", "3:3"]


@pytest.mark.parametrize("name", ["Sheet", "シート", "Tabelle", "Лист", "工作表"])
def test_the_name_of_a_sheet_that_nobody_named_says_nothing(name: str) -> None:
    book, sheet = _sheet(("Email", "Name"), ("a@x.jp", "A"))
    sheet.title = f"{name}1"
    for row in (("Email", "Name"), ("b@x.jp", "B")):
        further = book.create_sheet(f"{name}2") if row[0] == "Email" else book[f"{name}2"]
        further.append(row)
    assert {record.names for record in _records(_octets(book))} == {("Email", "Name")}


def test_a_hidden_sheet_is_told_and_not_taken(sqlite_stage: Stage) -> None:
    book, _ = _sheet(("Email", "Name"), ("a@x.jp", "A"))
    old = book.create_sheet("Old", index=0)
    for row in (("Email", "Name"), ("b@x.jp", "B")):
        old.append(row)
    old.sheet_state = "veryHidden"
    _, problems = import_list(sqlite_stage, _octets(book), name="l.xlsx")
    assert states_of(sqlite_stage.engine) == {"a": _C}
    assert [line_told(problem.line) for problem in problems] == ["2:2"]


def test_rows_far_below_have_their_own_numbers() -> None:
    book, sheet = _sheet(("Email", "Name"), ("a@x.jp", "A"))
    sheet["A9000"] = "b@x.jp"
    sheet["A1048576"] = " "
    assert [record.line for record in _records(_octets(book))] == [1, 2, 9000]


def test_a_workbook_needs_no_encoding() -> None:
    book, _ = _sheet(("Email", "Name"), ("a@x.jp", "安奈"))
    octets = io.BytesIO(_octets(book))
    with opened_list(octets, name="l.xlsx", source="l.xlsx", encoding="cp932") as listed:
        assert (listed.encoding.encoding, listed.encoding.words) == ("utf-8", ())
        assert [*listed.records()][1].values["Name"] == "安奈"


def test_a_workbook_is_read_again_from_its_beginning() -> None:
    book, _ = _sheet(("Email", "Name"), ("a@x.jp", "安奈"))
    octets = io.BytesIO(_octets(book))
    with opened_list(octets, name="l.xlsx", source="l.xlsx") as listed:
        next(listed.records())
        assert [*listed.records()] == [*listed.records()]


def test_a_workbook_that_is_named_like_json_is_a_workbook() -> None:
    book, _ = _sheet(("Email", "Name"), ("a@x.jp", "安奈"))
    kept = io.BytesIO(b"".join(file_chunks(io.BytesIO(_octets(book)), name="l.json")))
    _, record = list_records(kept, file_name="l.json", source="l.json")
    assert record.values["Email"] == "a@x.jp"


def _compound(name: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + f"{name}\0".encode("utf-16-le")


_FEW = f"{_HEAD}<row>{_inline('a@x.jp', 'A')}</row>"
_ROOT = _by_hand(_FEW)["_rels/.rels"]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (_compound("Workbook"), r"\.xls\)"),
        (_compound("EncryptedPackage"), "password"),
        (_compound("WordDocument"), "Word"),
        (_packed({"_rels/.rels": _ROOT, "xl/workbook.bin": ""}), "xlsb"),
        (_packed({"META-INF/manifest.xml": "", "content.xml": ""}), "OpenDocument"),
        (_packed({"Index/Document.iwa": ""}), "Numbers"),
        (_packed({"_rels/.rels": _ROOT, "word/document.xml": ""}), "Word"),
        (_packed({"list.csv": "email"}), "ZIP"),
        (b"PK\x03\x04\x14\x00", "broken"),
        (_packed(_by_hand(_FEW))[:-30], "broken"),
        (_packed(_by_hand("<row>")), "broken"),
        (_packed(_by_hand(f"<row>{_inline('Email')}</row>")), "No sheet"),
    ],
)
def test_what_is_no_workbook_is_named_with_what_to_do(octets: bytes, said: str) -> None:
    with pytest.raises(ListError, match=said) as refused:
        _records(octets)
    assert "l.xlsx" in str(refused.value)
    assert refused.value.remedy


def _with_doctype(part: str) -> bytes:
    parts = _by_hand(_FEW, strings=f"<sst {_NS}/>", styles=f"<styleSheet {_NS}/>")
    declared = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    return _packed(parts | {part: declared + str(parts[part])})


@pytest.mark.parametrize("part", [*_by_hand(""), "xl/strings.xml", "xl/styles.xml"], ids=str)
def test_a_part_that_defines_entities_is_refused(part: str) -> None:
    with pytest.raises(ListError, match="entities"):
        _records(_with_doctype(part))


def _declaring_less(octets: bytes) -> bytes:
    """Return an archive whose list says of each part that it has one octet."""
    changed = bytearray(octets)
    at = -1
    while (at := changed.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<L", changed, at + 24, 1)
    return bytes(changed)


@pytest.mark.parametrize(
    ("make_parts", "said"),
    [
        (lambda: {"xl/worksheets/s.xml": b" " * 21_000_000}, "larger than"),
        (lambda: {"xl/strings.xml": b" " * 21_000_000}, "larger than"),
        (lambda: {"xl/worksheets/s.xml": b"<a>" * 1000}, "broken"),
        (lambda: {"xl/worksheets/s.xml": b"<a b='" + b"x" * 5_000_000 + b"'/>"}, "broken"),
        (
            lambda: {"xl/worksheets/s.xml": f"<w><row>{_inline('a' * 2_000_000)}</row></w>"},
            "sheet “S”:1: This row is larger",
        ),
        (lambda: {f"x/{at}": b"" for at in range(1_000)}, "parts"),
        (
            lambda: {"xl/worksheets/s.xml": "<w><row r='9'><c r='ZZZ9'><v>1</v></c></row></w>"},
            "sheet “S”:9: This row has more",
        ),
        (
            lambda: {"xl/worksheets/s.xml": f"<w><row r='1048577'>{_inline('a@x.jp')}</row></w>"},
            "more than 1,048,576 rows",
        ),
    ],
    ids=["sheet", "texts", "deep", "tag", "row", "parts", "columns", "rows"],
)
def test_a_workbook_beyond_bounds_is_refused(
    make_parts: Callable[[], dict[str, str | bytes]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To pack half a gigabyte takes seconds.
    monkeypatch.setattr(workbook_parts, "MOST_UNPACKED", 20_000_000)
    monkeypatch.setattr(workbook_parts, "_MOST_LISTED", 40_000)
    # Made here: megabytes would lie in each process of the tests from its first moment.
    octets = _packed(_by_hand(_FEW) | make_parts())
    with pytest.raises(ListError, match=said):
        _records(octets)


def test_a_part_that_unpacks_to_more_than_it_declares_is_refused() -> None:
    octets = _declaring_less(_packed(_by_hand(_FEW)))
    with pytest.raises(ListError, match="broken"):
        _records(octets)


def test_a_text_that_very_many_cells_share_is_bounded() -> None:
    strings = f"<sst {_NS}><si><t>{'a@' * 400_000}</t></si></sst>"
    rows = '<row><c t="s"><v>0</v></c></row>' * 1000
    octets = _packed(_by_hand(rows, strings=strings))
    with pytest.raises(ListError, match="larger than"):
        _records(octets)


def test_a_text_longer_than_any_cell_is_refused_before_it_is_whole() -> None:
    strings = f"<sst {_NS}><si><t>{'a' * 2_000_000}</t></si></sst>"
    with pytest.raises(ListError, match="texts"):
        _records(_packed(_by_hand(_FEW, strings=strings)))


@pytest.mark.parametrize("sign", ["[", "[h", "&quot;", "0 ", "0(", "\\"])
def test_a_format_without_end_is_read_at_once(sign: str) -> None:
    formats = f'<numFmts><numFmt numFmtId="200" formatCode="{sign * 100_000}"/></numFmts>'
    styles = f'<styleSheet {_NS}>{formats}<cellXfs><xf numFmtId="200"/></cellXfs></styleSheet>'
    row = f'<row>{_inline("a@x.jp")}<c s="0"><v>1</v></c></row>'
    octets = _packed(_by_hand(_HEAD + row, styles=styles))
    begun = process_time()
    assert len(_records(octets)) == 2
    assert process_time() - begun < 2


def _listed(beginning: str, one: str, count: int, end: str) -> str:
    return beginning + one * count + end


@pytest.mark.parametrize(
    ("part", "content", "said"),
    [
        ("xl/worksheets/s.xml", _listed("<w><row>", "<c/>", 60_000, "</row></w>"), "cells"),
        ("xl/styles.xml", _listed("<s><cellXfs>", "<xf/>", 300_000, "</cellXfs></s>"), "styles"),
        ("xl/strings.xml", _listed("<s>", "<si/>", 60_000, "</s>"), "texts"),
    ],
    ids=["cells", "styles", "texts"],
)
def test_very_many_elements_are_refused(
    part: str, content: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as are taken need ten seconds.
    if said == "cells":
        monkeypatch.setattr(workbook_parts, "_MOST_ELEMENTS", 50_000)
    monkeypatch.setattr(workbook_values, "_MOST_TEXTS", 50_000)
    parts = _by_hand(_FEW) | {part: content}
    with pytest.raises(ListError, match=said):
        _records(_packed(parts))
