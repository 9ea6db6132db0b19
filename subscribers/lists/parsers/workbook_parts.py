"""The parts of a workbook (ECMA-376): an untrusted archive of XML, read within limits.

Unpacked octets are counted, regardless of the declared sizes. XML is parsed by expat as a stream. A
document type, which is needed to define entities, is refused in each part.

The numbers of elements and of distinct names are limited, too: a small file with many distinct
names could need gigabytes.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from io import SEEK_END
from typing import BinaryIO
from xml.parsers import expat

from newsletter.errors import ListError, Place
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Number, Size

_BLOCK = 64 * 1024
#: Unpacked octets of all parts that are read, and octets of the archive's directory.
MOST_UNPACKED = 400_000_000
_MOST_LISTED = 4_000_000
#: Octets of one tag, levels of nested elements, and elements in all parts.
_LONGEST_TAG, _DEEPEST, _MOST_ELEMENTS = 1024 * 1024, 64, 8_000_000
#: The largest number of styles, links etc., each of which Excel limits to about 65,000.
MOST_NAMED = 200_000
#: Characters of all names, links etc. that are kept.
_MOST_KEPT = 20_000_000
_SHEET_OF_OPENDOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
_DEFLATED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ARCHIVE, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Octets of an old office file that are searched for the names of its parts.
_LOOKED_AT = 64 * 1024 * 1024
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LONGEST_END = 22 + 0xFFFF
_SAVE = msg("Save the list as an Excel workbook (.xlsx) or as CSV in UTF-8, and use that file.")
SAVE_SHEETS = msg("Save each sheet as CSV in UTF-8, and use those files.")
_LARGE = msg("The workbook has more than {count} cells.", count=Number(_MOST_ELEMENTS // 2))
_BROKEN = msg("The workbook is broken.")
_BROKEN_REMEDY = msg("Open it in the spreadsheet program, save it again, and use that file.")
_OLD_EXCEL = msg("an Excel file of the old format (.xls)")
#: Descriptions of archives by the names of parts; the first match counts.
_ARCHIVES: Mapping[str, Message] = {
    "xl/workbook.bin": msg("a binary Excel workbook (.xlsb)"),
    "word/": msg("a Word document"),
    "ppt/": msg("a PowerPoint presentation"),
    "Index/": msg("a document of Numbers or Pages"),
    "META-INF/manifest.xml": msg("a document of OpenDocument"),
}
#: Descriptions of compound files by the names in the directory; the first match counts.
_COMPOUNDS: Mapping[str, Message] = {
    "Workbook": _OLD_EXCEL,
    "Book": _OLD_EXCEL,
    "WordDocument": msg("a Word document of the old format (.doc)"),
    "PowerPoint Document": msg("a PowerPoint presentation of the old format (.ppt)"),
}
Attributes = Mapping[str, str]


def is_packed(start: bytes) -> bool:
    """Return whether a file is an archive or an old office file, by its first octets."""
    return start.startswith((_ARCHIVE, _COMPOUND))


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


class Archive:
    """The parts of an archive of XML, by path without leading slash."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        """Open the archive.

        Raises:
            ListError: The file is another format, which the error names, or is broken.
        """
        self.source = source
        self._left = MOST_UNPACKED
        self._met = 0
        self._kept = 0
        stream.seek(0)
        if stream.read(8).startswith(_COMPOUND):
            raise self._refusal_of_compound(stream)
        self._refuse_longest_list(stream)
        with self._reading():
            self._archive = zipfile.ZipFile(stream)
        names = self._archive.namelist()
        # Names of parts are case-insensitive.
        self._names = {name.replace("\\", "/").lstrip("/").lower(): name for name in names}

    def has(self, path: str) -> bool:
        """Return whether there is such a part."""
        return path.lower() in self._names

    def mentions(self, path: str, *words: bytes) -> bool:
        """Return whether a part may contain one of these words, without parsing it."""
        rest, found = b"", False
        for block in self._blocks(path):
            seen = rest + block
            # UTF-16 is not searched, so the words may be there.
            found = found or b"\0" in block or any(word in seen for word in words)
            rest = block[-max(map(len, words)) :]
        return found

    def refuse_many(self, count: int) -> None:
        """Refuse a workbook with too many styles, links etc.

        Raises:
            ListError: There are too many.
        """
        if count > MOST_NAMED:
            raise self.refusal(
                msg(
                    "The workbook has more than {count} styles, links or comments.",
                    count=Number(MOST_NAMED),
                ),
                SAVE_SHEETS,
            )

    def keep(self, text: str) -> str:
        """Return a text that is kept, after counting its characters.

        Raises:
            ListError: All kept texts together are too long.
        """
        self._kept += len(text)
        if self._kept > _MOST_KEPT:
            raise self.refusal(_BROKEN, _BROKEN_REMEDY)
        return text

    def parse(
        self,
        path: str,
        *,
        start: Callable[[str, Attributes], None] | None = None,
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        """Parse a part and call the functions for its elements, by names without namespace.

        Raises:
            ListError: The part is too large, is not XML, or has a document type.
        """
        parser = self._parser(path, start, end, text)
        fed = 0
        for block in self._blocks(path):
            fed += len(block)
            with self._reading():
                parser.Parse(block, False)  # noqa: FBT003 - expat's
            if fed - parser.CurrentByteIndex > _LONGEST_TAG:
                raise self.refusal(_BROKEN, _BROKEN_REMEDY)
        with self._reading():
            parser.Parse(b"", True)  # noqa: FBT003 - expat's

    def _parser(
        self,
        path: str,
        start: Callable[[str, Attributes], None] | None,
        end: Callable[[str], None] | None,
        text: Callable[[str], None] | None,
    ) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True

        def refuse_names() -> None:
            raise self.refusal(_BROKEN, _BROKEN_REMEDY)

        names = Names(parser, refuse_names)
        depth = 0

        def met(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            self._met += 1
            if depth > _DEEPEST:
                raise self.refusal(_BROKEN, _BROKEN_REMEDY)
            if self._met > _MOST_ELEMENTS:
                raise self.refusal(_LARGE, SAVE_SHEETS)
            names.met(tag, attributes)
            if start:
                start(_local(tag), attributes)

        def left(tag: str) -> None:
            nonlocal depth
            depth -= 1
            if end:
                end(_local(tag))

        def refuse(*_: object) -> None:
            raise self.refusal(
                msg("The part {part} of the workbook defines entities.", part=path),
                _BROKEN_REMEDY,
            )

        parser.StartElementHandler = met
        parser.EndElementHandler = left
        parser.StartDoctypeDeclHandler = refuse
        if text:
            parser.CharacterDataHandler = text
        return parser

    def _blocks(self, path: str) -> Iterator[bytes]:
        with self._reading():
            name = self._names[path.lower()]
            info = self._archive.getinfo(name)
            if info.compress_type not in _DEFLATED:
                raise self.refusal(_BROKEN, _BROKEN_REMEDY)
            if info.flag_bits & 1:
                raise self.refusal(
                    msg("The file is protected by a password."),
                    msg("Save it without a password, and use that file."),
                )
            # Larger declared sizes are refused before unpacking, and wrong ones while unpacking.
            self._refuse_largest(info.file_size)
            part = self._archive.open(info)
        with part:
            while True:
                with self._reading():
                    block = part.read(_BLOCK)
                if not block:
                    return
                self._refuse_largest(len(block))
                self._left -= len(block)
                yield block

    def _refuse_largest(self, size: int) -> None:
        if size > self._left:
            raise self.refusal(
                msg("Unpacked, the workbook is larger than {size}.", size=Size(MOST_UNPACKED)),
                SAVE_SHEETS,
            )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (
            *(zipfile.BadZipFile, zlib.error, EOFError, LookupError, RuntimeError),
            *(ValueError, OverflowError, struct.error, expat.ExpatError),
        ):
            raise self.refusal(_BROKEN, _BROKEN_REMEDY) from None

    def refusal(self, problem: Message, remedy: Message) -> ListError:
        """Return an error about the whole file."""
        return ListError(problem, place=Place(source=self.source), remedy=remedy)

    def _refuse_longest_list(self, stream: BinaryIO) -> None:
        """Refuse an archive with a very large directory, which would be read into memory."""
        stream.seek(0, SEEK_END)
        size = stream.tell()
        stream.seek(max(size - _LONGEST_END, 0))
        last = stream.read(_LONGEST_END)
        at = last.rfind(_END)
        listed = 0
        if at >= 0 and len(last) >= at + 22:
            listed = struct.unpack_from("<L", last, at + 12)[0]
        if at >= 20 and last[at - 20 :].startswith(_LOCATOR_64):  # noqa: PLR2004 - its length
            stream.seek(min(struct.unpack_from("<Q", last, at - 12)[0], size))
            further = stream.read(56)
            listed = _MOST_LISTED + 1
            if further.startswith(_END_64) and len(further) == 56:  # noqa: PLR2004 - its length
                listed = struct.unpack_from("<Q", further, 40)[0]
        if at < 0:
            raise self.refusal(_BROKEN, _BROKEN_REMEDY)
        if listed > _MOST_LISTED:
            raise self.refusal(msg("The workbook has too many parts."), _BROKEN_REMEDY)

    def _refusal_of_archive(self) -> ListError:
        def has(part: str) -> bool:
            lowered = part.lower()
            return any(name.startswith(lowered) for name in self._names)

        kind = next((kind for part, kind in _ARCHIVES.items() if has(part)), msg("a ZIP archive"))
        return self._refusal_of(kind)

    def _refusal_of_compound(self, stream: BinaryIO) -> ListError:
        stream.seek(0)
        octets = stream.read(_LOOKED_AT)
        if "EncryptedPackage".encode("utf-16-le") in octets:
            return self.refusal(
                msg("The file is protected by a password."),
                msg("Save it without a password, and use that file."),
            )
        known = (
            kind for name, kind in _COMPOUNDS.items() if f"{name}\0".encode("utf-16-le") in octets
        )
        return self._refusal_of(next(known, msg("a file of an old office program")))

    def _refusal_of(self, kind: Message) -> ListError:
        return self.refusal(msg("This is {kind}, which is not read as a list.", kind=kind), _SAVE)

    @property
    def is_sheet_of_opendocument(self) -> bool:
        """Whether the archive is an OpenDocument spreadsheet."""
        if not (self.has("mimetype") and self.has("content.xml")):
            return False
        return b"".join(self._blocks("mimetype")).strip().startswith(_SHEET_OF_OPENDOCUMENT)


class Parts(Archive):
    """The parts of an Excel workbook, by path without leading slash."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        """Open the archive.

        Raises:
            ListError: The file is not a workbook, and the error names its format, or is broken.
        """
        super().__init__(stream, source)
        if "xl/workbook.bin" in self._names or "_rels/.rels" not in self._names:
            raise self._refusal_of_archive()
        targets = self.targets("", kind="/officeDocument")
        self.workbook = next(iter(targets.values()), "")
        folder = self.workbook.partition("/")[0]
        if not self.has(self.workbook) or folder in {"word", "ppt"}:
            raise self._refusal_of_archive()

    def targets(self, path: str, *, kind: str, outside: bool = False) -> dict[str, str]:
        """Return the targets of a part's relationships of one type, by id.

        Args:
            path: The path of the part; empty for the archive.
            kind: The end of the type's URL, whose beginning has two variants.
            outside: Whether to return external targets, unchanged.
        """
        folder, name = posixpath.split(path)
        found: dict[str, str] = {}

        def start(tag: str, attributes: Attributes) -> None:
            if tag != "Relationship" or not attributes.get("Type", "").endswith(kind):
                return
            self.refuse_many(len(found))
            self.keep(attributes.get("Id", ""))
            target = attributes.get("Target", "")
            if outside:
                found[attributes.get("Id", "")] = self.keep(target)
            elif attributes.get("TargetMode", "Internal") == "Internal":
                joined = posixpath.normpath(posixpath.join("/", folder, target))
                found[attributes.get("Id", "")] = self.keep(joined.lstrip("/"))

        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if self.has(relations):
            self.parse(relations, start=start)
        return found


#: Distinct names of elements, attributes and namespaces, and characters of all of them. Formats
#: have some hundreds, and a list with a thousand columns not many more.
_MOST_NAMES, _MOST_LETTERS = 20_000, 2_000_000


class Names:
    """The distinct names that a parser has found."""

    def __init__(self, parser: expat.XMLParserType, refuse: Callable[[], None]) -> None:
        """Also count the namespaces of a parser.

        Args:
            parser: The parser, whose elements are passed to `met`.
            refuse: Raises the error about too many names.
        """
        self._known: set[str] = set()
        self._letters = 0
        self._refuse = refuse
        parser.StartNamespaceDeclHandler = self._declared

    def met(self, tag: str, attributes: Collection[str]) -> None:
        """Count the names of an element, in the form of the parser."""
        if tag not in self._known or not self._known.issuperset(attributes):
            self._add({tag, *attributes})

    def _declared(self, prefix: str | None, address: str | None) -> None:
        self._add({f"{prefix}={address}"})

    def _add(self, names: set[str]) -> None:
        new = names - self._known
        self._known |= new
        self._letters += sum(map(len, new))
        if len(self._known) > _MOST_NAMES or self._letters > _MOST_LETTERS:
            self._refuse()
