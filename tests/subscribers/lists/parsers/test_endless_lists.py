"""Lists that hold very much of nothing end soon, and say where."""

from __future__ import annotations

import contextlib
import io
import json
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping

import pytest

from newsletter.errors import ListError
from subscribers.lists.parsers.files import as_text, list_records


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


def test_cells_that_each_claim_all_columns_leave_a_row_within_them() -> None:
    wide = "<td colspan=1000>x" * 900
    page = f"<table><tr><th>email<th>name<tr><td>a@x.jp<td>A<tr>{wide}<tr><td>b@x.jp<td>B</table>"
    records = list_records(io.BytesIO(page.encode()), file_name="l.html", source="l.html")
    rows = [record.cells for record in records]
    assert max(map(len, rows)) < 2000
    assert [row[0] for row in rows if row and "@" in row[0]] == ["a@x.jp", "b@x.jp"]


@pytest.mark.parametrize(
    "piece",
    [
        *("<img alt='0123456789'>", "<input value='0123456789'>", "<br>0123456"),
        "<comment></comment>",
    ],
    ids=["pictures", "fields", "breaks", "comments"],
)
def test_a_cell_holds_no_more_than_a_row_may_whatever_stands_for_its_words(piece: str) -> None:
    page = f"<table><tr><th>email<th>name<tr><td>a@x.jp<td>{piece * 150_000}</table>"
    with pytest.raises(ListError, match="larger than 1 MiB"):
        list(list_records(io.BytesIO(page.encode()), file_name="l.html", source="l.html"))


def test_of_very_many_links_in_a_cell_the_first_is_its_address() -> None:
    links = "".join(f"<a href='mailto:r{number}@x.jp'></a>" for number in range(20_000))
    page = f"<table><tr><th>email<th>name<tr><td>{'x ' * 400}{links}<td>A</table>"
    records = list(list_records(io.BytesIO(page.encode()), file_name="l.html", source="l.html"))
    assert "<r0@x.jp>" in records[-1].cells[0]


@pytest.mark.parametrize("text", ["[{}]", '{{"n": {}, "people": []}}', '[{{"n": {}}}]', "[1.{}]"])
def test_a_number_that_does_not_end_is_refused_soon(text: str) -> None:
    octets = text.format("1" * 3_000_000).encode()
    stream = io.BytesIO(octets)
    with pytest.raises(ListError, match="larger than 1 MiB"):
        list(list_records(stream, file_name="l.json", source="l.json"))
    assert stream.tell() < len(octets) / 2


@pytest.mark.parametrize("name", ["l.json", "l.jsonl"])
@pytest.mark.parametrize("head", ["h", "h" * 10_000])
def test_the_keys_of_an_inner_object_take_no_more_memory_than_a_list_may(
    name: str, head: str
) -> None:
    inner = {f"k{number}": 1 for number in range(20_000)}
    entry = {"email": "a@x.jp", head: inner}
    octets = json.dumps([entry] if name == "l.json" else entry).encode()
    tracemalloc.start()
    try:
        with contextlib.suppress(ListError):
            list(list_records(io.BytesIO(octets), file_name=name, source=name))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50_000_000


_ELEMENTS: Mapping[str, Callable[[int], str]] = {
    "attributes": lambda number: f'<c a{number}=""/>',
    "elements": lambda number: f"<c{number}/>",
    "prefixes": lambda number: f'<c xmlns:a{number}="u"/>',
    "namespaces": lambda number: f'<c xmlns="u{number}"/>',
    "long names": lambda number: f"<c{number}{'x' * 5000}/>",
}
_XML_REFUSALS = "kinds of elements|is broken"


@pytest.mark.parametrize("kind", _ELEMENTS)
@pytest.mark.parametrize("name", ["l.xml", "l.ods", "l.xlsx"])
def test_names_in_xml_take_no_more_memory_than_a_list_may(name: str, kind: str) -> None:
    many = 1900 if kind == "long names" else 60_000
    content = f"<r>{''.join(map(_ELEMENTS[kind], range(many)))}</r>"
    stream = io.BytesIO(f'<?xml version="1.0"?>{content}'.encode())
    if name != "l.xml":
        stream = _packed({_PART_OF[name]: content})
    with pytest.raises(ListError, match=_XML_REFUSALS):
        as_text(stream, source=name)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        (
            "l.ods",
            '<style name="{number}{long}"><text-properties text-line-through-style="s"/></style>',
        ),
        ("l.ods", '<style name="{number}{long}"><table-properties display="false"/></style>'),
        ("l.xlsx", '<Relationship Id="{number}" Type="x/officeDocument" Target="{long}{number}"/>'),
    ],
    ids=["struck", "hidden", "relations"],
)
def test_what_is_kept_of_a_workbook_takes_no_more_memory_than_a_list_may(
    name: str, element: str
) -> None:
    elements = (element.format(number=number, long="x" * 500_000) for number in range(50))
    stream = _packed({_PART_OF[name]: f"<r>{''.join(elements)}</r>"})
    with pytest.raises(ListError, match="is broken"):
        as_text(stream, source=name)


def test_the_comments_of_a_row_take_no_more_memory_than_a_row_may() -> None:
    cell = f"<table-cell>a@x.jp{'<annotation><p/></annotation>' * 20_000}</table-cell>"
    content = f"<d><table><table-row>{cell}</table-row></table></d>"
    with pytest.raises(ListError, match="larger than 1 MiB"):
        as_text(_packed({"content.xml": content}), source="l.ods")


def test_each_kind_of_element_with_columns_of_its_own_takes_no_more_memory_than_a_list_may() -> (
    None
):
    columns = " ".join(f'c{number}=""' for number in range(900))
    people = "".join(f'<p{number} email="a@x.jp" {columns}/>' for number in range(100))
    stream = io.BytesIO(f'<?xml version="1.0"?><r>{people}</r>'.encode())
    with pytest.raises(ListError, match="kinds of elements"):
        as_text(stream, source="l.xml")


def test_values_within_values_are_told_from_people_soon() -> None:
    deep = "<p/>"
    for _ in range(58):
        deep = f'<name/><value k="a@x.jp">{deep}</value>'
    content = "".join(f"<v{number}>{deep}</v{number}>" for number in range(16))
    began = time.process_time()
    as_text(io.BytesIO(f'<?xml version="1.0"?><r>{content}</r>'.encode()), source="l.xml").close()
    assert time.process_time() - began < 3  # It took ten.


_TITLES = "".join(f"<t{number}>Whoever left, list {number}</t{number}>" for number in range(100))


@pytest.mark.parametrize(
    ("opening", "before_each"),
    [
        ("<r " + " ".join(f'a{number}="Whoever left"' for number in range(1000)) + ">", ""),
        (f'<r title="{"no more mail " * 20_000}">', ""),
        (f"<{'A' * 400_000}>", ""),
        (f"<r>{_TITLES}", ""),
        (f"<r>{_TITLES}", "<t0>{}</t0>"),
    ],
    ids=["attributes", "a long one", "a long name", "elements", "elements anew"],
)
def test_what_is_said_of_everybody_is_not_read_again_for_each_person(
    opening: str, before_each: str
) -> None:
    people = "".join(f"{before_each.format(number)}<p><e>a@x.jp</e></p>" for number in range(500))
    closing = f"</{opening[1:].partition('>')[0].partition(' ')[0]}>"
    text = f'<?xml version="1.0"?>{opening}{people}{closing}'
    began = time.process_time()
    as_text(io.BytesIO(text.encode()), source="l.xml").close()
    assert time.process_time() - began < 3  # A minute, or as long as somebody likes.


def _packed(parts: Mapping[str, str]) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        for name, text in parts.items():
            archive.writestr(name, text)
    packed.seek(0)
    return packed


_PART_OF = {"l.ods": "content.xml", "l.xlsx": "_rels/.rels"}
