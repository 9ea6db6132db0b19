"""Files of lists: detection of the format, opening, and reading of records."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO, cast

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from subscribers.lists.parsers.column_guesses import is_header
from subscribers.lists.parsers.decoding import find_encoding, text_lines
from subscribers.lists.parsers.encodings import ListEncoding
from subscribers.lists.parsers.html_tables import encoding_of_html, html_records, is_html
from subscribers.lists.parsers.json_documents import (
    document_records,
    encoding_of_document,
    is_document,
)
from subscribers.lists.parsers.json_lines import is_json, json_records
from subscribers.lists.parsers.opendocument import page_of_sheets
from subscribers.lists.parsers.stanzas import stanza_records
from subscribers.lists.parsers.tables import csv_records
from subscribers.lists.parsers.workbook_parts import Archive, is_packed
from subscribers.lists.parsers.workbooks import page_of_workbook
from subscribers.lists.parsers.xml_lists import is_xml, page_of_xml
from subscribers.lists.records import Record

#: Octets of a JSON file that are examined.
_HEAD = 1024 * 1024
_JSON_START = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"')


def _refuse_other_json(stream: BinaryIO, *, source: str, file_name: str) -> None:
    """Refuse a JSON file without a JSON extension, by its first octets.

    Raises:
        ListError: The file is JSON with another extension.
    """
    start = stream.read(100)
    stream.seek(0)
    if not is_json(file_name) and _JSON_START.match(start):
        raise ListError(
            msg("This is JSON, which is read as a list only where the name of its file says so."),
            place=Place(source=source),
            remedy=msg(
                "Let the name of the file end in .json, or in .jsonl with an object a line."
            ),
        )


def _start_of(stream: BinaryIO) -> bytes:
    start = stream.read(_HEAD)
    stream.seek(0)
    return start


def as_text(stream: BinaryIO, *, source: str) -> BinaryIO:
    """Return a list as text: workbooks and XML as an HTML page, other files unchanged.

    Raises:
        ListError: The workbook cannot be read, or is another kind of office file.
    """
    start = stream.read(8192)
    stream.seek(0)
    if is_packed(start):
        archive = Archive(stream, source)
        if archive.is_sheet_of_opendocument:
            return page_of_sheets(archive)
        return page_of_workbook(stream, source=source)
    return page_of_xml(stream, source=source) if _is_xml(start) else stream


def _is_xml(start: bytes) -> bool:
    """Return whether a file is XML, and neither an HTML page nor a workbook in XML."""
    return is_xml(start) and not is_html(start)


@dataclass(frozen=True, kw_only=True, slots=True)
class ListFile:
    """An open file of a list, which can be read several times.

    Attributes:
        text: The file, or the page made from a workbook.
        name: The name of the file, whose extension identifies JSON.
        source: The name in errors.
        encoding: The encoding.
    """

    text: BinaryIO
    name: str
    source: str
    encoding: ListEncoding

    def records(self, chosen: Collection[str] = ()) -> Iterator[Record]:
        """Yield the records from the beginning; see `list_records`."""
        return list_records(
            self.text,
            file_name=self.name,
            source=self.source,
            chosen=chosen,
            encoding=self.encoding.encoding,
        )


@contextmanager
def opened_list(
    stream: BinaryIO, *, name: str, source: str, encoding: str = ""
) -> Iterator[ListFile]:
    """Open a list; a workbook is unpacked once.

    Args:
        stream: The file.
        name: The name of the file.
        source: The name in errors.
        encoding: The chosen encoding, which is ignored for workbooks.

    Raises:
        ListError: The list cannot be read.
    """
    text = as_text(stream, source=source)
    is_page = text is not stream
    with closing(text) if is_page else nullcontext():
        found = encoding_of(text, file_name=name, source=source, chosen="" if is_page else encoding)
        yield ListFile(text=text, name=name, source=source, encoding=found)


def encoding_of(stream: BinaryIO, *, file_name: str, source: str, chosen: str = "") -> ListEncoding:
    """Return the encoding of a list, and rewind the stream.

    Raises:
        ListError: See `find_encoding`; the beginning of a JSON document determines its encoding.
    """
    start = _start_of(stream)
    if is_html(start):
        return encoding_of_html(stream, source=source, chosen=chosen)
    if is_json(file_name) and is_document(start):
        return ListEncoding(encoding=encoding_of_document(start).removesuffix("-sig"))
    return find_encoding(stream, source=source, chosen=chosen)


def digest_of(stream: BinaryIO, *how: str) -> str:
    """Return the SHA-256 of a file and of reading options, and rewind the stream."""
    stream.seek(0)
    digest = hashlib.file_digest(cast("io.BufferedReader", stream), "sha256")
    for part in how:
        digest.update(b"\0" + part.encode())
    stream.seek(0)
    return digest.hexdigest()


def list_records(
    stream: BinaryIO,
    *,
    file_name: str,
    source: str,
    chosen: Collection[str] = (),
    encoding: str = "",
) -> Iterator[Record]:
    """Yield the records of a list in text form (see `as_text`) from the beginning.

    Args:
        stream: The octets.
        file_name: The name of the file, whose extension identifies JSON.
        source: The name of the list in errors.
        chosen: Columns that also identify the header.
        encoding: The chosen encoding; empty to detect it.

    Raises:
        ListError: The list cannot be read.
    """
    _refuse_other_json(stream, source=source, file_name=file_name)

    def lines() -> Iterator[str]:
        stream.seek(0)
        return text_lines(stream, source=source, encoding=encoding)

    def knows(names: Sequence[str]) -> bool:
        return (bool(chosen) and set(chosen) <= set(names)) or is_header(names)

    start = _start_of(stream)
    if is_html(start):
        return html_records(stream, source=source, is_header=knows, encoding=encoding)
    if is_json(file_name):
        if is_document(start):
            return document_records(stream, source=source)
        return json_records(lines(), source=source)
    if (stanzas := stanza_records(lines)) is not None:
        return stanzas
    return csv_records(lines(), source=source, is_header=knows)
