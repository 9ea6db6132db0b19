"""Files for issues: what they are is told by their content."""

from __future__ import annotations

import zipfile
from io import BytesIO

import pytest

from newsletter.errors import ContentError
from newsletter.i18n.language import Language
from newsletter.issues.library.files import kind_and_size, read_size
from newsletter.issues.library.stored_files import LARGEST_FILE, file_block, read_upload

_MACROS = (
    '<Override PartName="/word/renamed.bin" ContentType="application/vnd.ms-office.vbaProject"/>'
)


def _archive(*names: str, contents: str | bytes = "x", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    octets = BytesIO()
    with zipfile.ZipFile(octets, "w", method) as archive:
        for name in names:
            archive.writestr(name, contents)
    return octets.getvalue()


def _damaged(method: int) -> bytes:
    """Return a document whose list of kinds does not unpack."""
    name = "[Content_Types].xml"
    octets = bytearray(_archive(name, "word/document.xml", contents="abc" * 2000, method=method))
    start = octets.index(name.encode()) + len(name)
    octets[start + 9 : start + 40] = b"\xa5" * 31
    return bytes(octets)


WORD = _archive("[Content_Types].xml", "word/document.xml")


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7\n", "要項.pdf", "PDF"),
        (b"%PDF-1.7\n", "wrong.docx", "PDF"),
        (WORD, "様式.docx", "Word"),
        (_archive("[Content_Types].xml", "xl/workbook.xml"), "表.xlsx", "Excel"),
        (_archive("[Content_Types].xml", "ppt/presentation.xml"), "a.pptx", "PowerPoint"),
        ("年,人口\n2026,1".encode("cp932"), "人口.CSV", "CSV"),
    ],
)
def test_a_file_is_what_its_content_says(data: bytes, name: str, kind: str) -> None:
    block = file_block(read_upload(data, name=name), "https://example.jp/f")

    assert kind_and_size(block.media_type, 1_234_000, Language.JAPANESE) == f"{kind}・1.2 MB"
    assert kind_and_size(block.media_type, 0, Language.ENGLISH) == kind
    assert block.name == name.rpartition(".")[0]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MZ\x90\x00", "要項.pdf"),
        (b"<html><script>", "要項.html"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "様式.doc"),
        (_archive("a.txt"), "まとめ.zip"),
        (_archive("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "m.docx"),
        (_archive("[Content_Types].xml", "word/renamed.bin", contents=_MACROS), "m.docx"),
        (_archive("[Content_Types].xml", "word/a", contents=_MACROS.encode("utf-16")), "m.docx"),
        (_archive("[Content_Types].xml", "word/a", contents=" " * 2_000_000 + _MACROS), "m.docx"),
        (_damaged(zipfile.ZIP_DEFLATED), "a.docx"),
        (_damaged(zipfile.ZIP_BZIP2), "a.docx"),
        (_damaged(zipfile.ZIP_LZMA), "a.docx"),
        (_archive("word/document.xml"), "a.docx"),
        (b"PK\x03\x04 broken", "a.docx"),
        (b"a\0b", "a.csv"),
        (b"", "a.csv"),
        (b"%PDF-" + b"x" * LARGEST_FILE, "a.pdf"),
    ],
)
def test_what_mails_do_not_offer_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(ContentError):
        read_upload(data, name=name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/要項.pdf", "要項.pdf"),
        ("C:\\docs\\a.pdf", "a.pdf"),
        ("a\r\nb.pdf", "a b.pdf"),
        ("list\u202efdp.exe\u2069.pdf", "listfdp.exe.pdf"),
    ],
)
def test_the_name_is_a_name_and_no_path(name: str, kept: str) -> None:
    assert read_upload(b"%PDF-1.7", name=name).name == kept


@pytest.mark.parametrize(
    ("text", "octets"),
    [("1234567", 1234567), ("1,234,567", 1234567), ("1.2 MB", 1_200_000), ("340KB", 340_000)],
)
def test_sizes_are_read_as_people_write_them(text: str, octets: int) -> None:
    assert read_size(text) == octets
