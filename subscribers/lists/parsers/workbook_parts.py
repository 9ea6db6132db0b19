"""The parts of a workbook (ECMA-376): an archive of XML from anybody, so all of it is bounded.

What is unpacked is counted as it comes, whatever the archive declares. XML is met by expat, element
by element, so that nothing of it is kept; a document type, which alone can define entities, is
refused in each part.

Of elements alone there are fewer than a list has people; of names that nobody uses twice, a small
file unpacks to gigabytes.
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
#: Octets of all parts that are read, unpacked, and of the archive's own list of its parts.
MOST_UNPACKED = 400_000_000
_MOST_LISTED = 4_000_000
#: Octets of one tag, elements within each other, and in all parts.
_LONGEST_TAG, _DEEPEST, _MOST_ELEMENTS = 1024 * 1024, 64, 8_000_000
#: More styles, links and the like than any workbook has: of each, Excel has 65,000.
MOST_NAMED = 200_000
#: Letters of all that is kept of them.
_MOST_KEPT = 20_000_000
_SHEET_OF_OPENDOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
_DEFLATED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ARCHIVE, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: How much of an older file is looked at for the names of what is in it.
_LOOKED_AT = 64 * 1024 * 1024
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LONGEST_END = 22 + 0xFFFF
_SAVE = msg("Save the list as an Excel workbook (.xlsx) or as CSV in UTF-8, and use that file.")
SAVE_SHEETS = msg("Save each sheet as CSV in UTF-8, and use those files.")
_LARGE = msg("The workbook has more than {count} cells.", count=Number(_MOST_ELEMENTS // 2))
_BROKEN = msg("The workbook is broken.")
_BROKEN_REMEDY = msg("Open it in the spreadsheet program, save it again, and use that file.")
_OLD_EXCEL = msg("an Excel file of the old format (.xls)")
#: What is in an archive by the names of its parts, the first that fits.
_ARCHIVES: Mapping[str, Message] = {
    "xl/workbook.bin": msg("a binary Excel workbook (.xlsb)"),
    "word/": msg("a Word document"),
    "ppt/": msg("a PowerPoint presentation"),
    "Index/": msg("a document of Numbers or Pages"),
    "META-INF/manifest.xml": msg("a document of OpenDocument"),
}
#: What is in a compound file by the names in its directory, the first that fits.
_COMPOUNDS: Mapping[str, Message] = {
    "Workbook": _OLD_EXCEL,
    "Book": _OLD_EXCEL,
    "WordDocument": msg("a Word document of the old format (.doc)"),
    "PowerPoint Document": msg("a PowerPoint presentation of the old format (.ppt)"),
}
Attributes = Mapping[str, str]


def is_packed(start: bytes) -> bool:
    """Tell by its first octets whether a file is an archive or a file of older office programs."""
    return start.startswith((_ARCHIVE, _COMPOUND))


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


class Archive:
    """The parts of an archive of XML, by their paths without the first slash."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        """Open the archive.

        Raises:
            ListError: It is none, which is named, or broken.
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
        # Parts are named without regard to case.
        self._names = {name.replace("\\", "/").lstrip("/").lower(): name for name in names}

    def has(self, path: str) -> bool:
        """Tell whether there is such a part."""
        return path.lower() in self._names

    def mentions(self, path: str, *words: bytes) -> bool:
        """Tell whether a part may have one of these words, without meeting its elements."""
        rest, found = b"", False
        for block in self._blocks(path):
            seen = rest + block
            # Of UTF-16 nothing is known.
            found = found or b"\0" in block or any(word in seen for word in words)
            rest = block[-max(map(len, words)) :]
        return found

    def refuse_many(self, count: int) -> None:
        """Refuse a workbook of more styles, links or the like than any has.

        Raises:
            ListError: There are more.
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
        """Return a name or the like that is kept until the end, counted with all others.

        Raises:
            ListError: They are longer than any workbook's.
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
        """Meet the elements of a part, by their names without a namespace, and forget them.

        Raises:
            ListError: It is too large, no XML, or has a document type.
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
            # What is larger is refused before it is unpacked; what declares less is, too, below.
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
        """Return what is said of the whole file."""
        return ListError(problem, place=Place(source=self.source), remedy=remedy)

    def _refuse_longest_list(self, stream: BinaryIO) -> None:
        """Refuse an archive of very many parts: its list would be read into memory as a whole."""
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
        """Whether it is what LibreOffice writes for spreadsheets."""
        if not (self.has("mimetype") and self.has("content.xml")):
            return False
        return b"".join(self._blocks("mimetype")).strip().startswith(_SHEET_OF_OPENDOCUMENT)


class Parts(Archive):
    """The parts of a workbook of Excel, by their paths without the first slash."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        """Open the archive.

        Raises:
            ListError: It is no workbook, which is named, or broken.
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
        """Return where a part's relationships of a kind lead, by their names.

        Args:
            path: Of the part; empty for the archive.
            kind: How the kind's address ends, which has two forms.
            outside: Whether those are meant that lead out of the workbook, as they stand.
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


#: Names of elements, attributes and namespaces, and letters of all of them: formats have some
#: hundreds, and a list of people with a thousand columns not many more.
_MOST_NAMES, _MOST_LETTERS = 20_000, 2_000_000


class Names:
    """The names that a parser has met."""

    def __init__(self, parser: expat.XMLParserType, refuse: Callable[[], None]) -> None:
        """Watch a parser's namespaces, too.

        Args:
            parser: Hands out elements with their names by `met`.
            refuse: Raises what is said of a file with more names than any has.
        """
        self._known: set[str] = set()
        self._letters = 0
        self._refuse = refuse
        parser.StartNamespaceDeclHandler = self._declared

    def met(self, tag: str, attributes: Collection[str]) -> None:
        """Take the names of an element, as the parser has them."""
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
