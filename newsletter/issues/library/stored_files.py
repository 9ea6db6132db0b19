"""Files: the type is detected by content, the size is limited, and files are stored by digest.

Old mails link to files, so a file never changes: another content has another digest and address.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.control_characters import plain_name
from newsletter.database.insert import insert_or_hold
from newsletter.database.tables import FileRow
from newsletter.database.vocabulary import LibraryKind
from newsletter.errors import ContentError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from newsletter.issues.cards import File
from newsletter.issues.events import MEDIA_TYPE as CALENDAR
from newsletter.issues.events import CalendarFile
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.search import LibraryItem, keep_item

#: The maximum size in bytes; readers on telephones pay for traffic.
LARGEST_FILE = 10_000_000
_ENDINGS = {
    FILE_KINDS["PDF"]: "pdf",
    FILE_KINDS["Word"]: "docx",
    FILE_KINDS["Excel"]: "xlsx",
    FILE_KINDS["PowerPoint"]: "pptx",
    FILE_KINDS["CSV"]: "csv",
    CALENDAR: "ics",
}
#: The folder inside the archive of each kind of document.
_FOLDERS = {"word/": "Word", "xl/": "Excel", "ppt/": "PowerPoint"}
_MACROS = re.compile(r"(?:^|/)vbaProject\.bin$|(?:^|/)activeX/", re.IGNORECASE)
#: The part with the types of all parts of a document; its permitted compression methods
#: (ISO/IEC 29500-2), and its maximum size in bytes.
_CONTENTS = "[Content_Types].xml"
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_LONGEST_CONTENTS = 1_000_000
_MACRO_TYPES = re.compile(rb"vbaproject|macroenabled|macrosheet|activex", re.IGNORECASE)
_UNNAMED = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]")
_LONGEST_NAME = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedFile:
    """A file of a supported type."""

    content: bytes
    media_type: str
    name: str

    @property
    def digest(self) -> str:
        """The first half of its SHA-256 in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()[:32]

    @property
    def path(self) -> str:
        """Its path on the web application."""
        return f"/files/{self.digest}.{_ENDINGS[self.media_type]}"


def read_upload(data: bytes, *, name: str) -> CheckedFile:
    """Detect a file's type by its content.

    Raises:
        ContentError: The file is too large, is of an unsupported type, or contains macros.
    """
    place = Place(source=name[:_LONGEST_NAME])
    if len(data) > LARGEST_FILE:
        raise ContentError(
            msg(
                "The file is larger than {limit}.",
                limit=Size(LARGEST_FILE),
            ),
            place=place,
            remedy=msg("Save it smaller, or put it on your website and link to it."),
        )
    kind = _kind_of(data, name, place)
    if kind is None:
        raise ContentError(
            msg("This kind of file cannot be offered in a mail."),
            place=place,
            remedy=msg("Use a PDF, a Word, Excel or PowerPoint file (docx, xlsx, pptx), or a CSV."),
        )
    return CheckedFile(content=data, media_type=FILE_KINDS[kind], name=_file_name(name))


def _kind_of(data: bytes, name: str, place: Place) -> str | None:
    if data.startswith(b"%PDF-"):
        return "PDF"
    if data.startswith(b"PK\x03\x04"):
        return _kind_of_archive(data, place)
    if PurePath(name).suffix.lower() == ".csv" and _is_text(data):
        return "CSV"
    return None


def _kind_of_archive(data: bytes, place: Place) -> str | None:
    """Return the type of an Office document, by its list of parts, which alone is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            if archive.getinfo(_CONTENTS).compress_type not in _PACKED:
                return None
            with archive.open(_CONTENTS) as file:
                contents = file.read(_LONGEST_CONTENTS + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError):
        return None
    if len(contents) > _LONGEST_CONTENTS:
        return None
    # Office programs also read UTF-16, which is the same text with NUL between the letters.
    if any(map(_MACROS.search, names)) or _MACRO_TYPES.search(contents.replace(b"\0", b"")):
        raise ContentError(
            msg("The file contains macros."),
            place=place,
            remedy=msg("Save it without macros; many mail programs and offices block them."),
        )
    found = {kind for folder, kind in _FOLDERS.items() if any(n.startswith(folder) for n in names)}
    return found.pop() if len(found) == 1 else None


def _is_text(data: bytes) -> bool:
    if not data or b"\0" in data:
        return False
    for encoding in ("utf-8", "cp932"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def _file_name(name: str) -> str:
    plain = plain_name(name).replace("\\", "/")
    base = _UNNAMED.sub("", PurePath(plain).name).strip(" .")
    return base[-_LONGEST_NAME:] or "file"


def keep_file(session: Session, newsletter_id: int, upload: CheckedFile) -> str:
    """Add a file to a newsletter's library, and return its path on the web application.

    The same file is stored once.
    """
    _insert(
        session,
        newsletter_id,
        digest=upload.digest,
        media_type=upload.media_type,
        name=upload.name,
        content=upload.content,
    )
    keep_item(
        session,
        newsletter_id,
        kind=LibraryKind.FILE,
        digest=upload.digest,
        path=upload.path,
        name=upload.name,
        media_type=upload.media_type,
        size=len(upload.content),
    )
    return upload.path


def file_block(upload: CheckedFile, url: str) -> File:
    """Return the block for a file; its name is the file name without extension."""
    return File(
        url=url,
        name=PurePath(upload.name).stem,
        media_type=upload.media_type,
        size=len(upload.content),
    )


def item_block(item: LibraryItem, url: str) -> File:
    """Return the block for a file of the library."""
    return File(url=url, name=PurePath(item.name).stem, media_type=item.media_type, size=item.size)


def keep_calendars(
    session: Session, newsletter_id: int, calendars: tuple[CalendarFile, ...]
) -> None:
    """Store the calendar files that a mail links to."""
    for calendar in calendars:
        _insert(
            session,
            newsletter_id,
            digest=calendar.path.rpartition("/")[2].partition(".")[0],
            media_type=CALENDAR,
            name="event.ics",
            content=calendar.content.encode(),
        )


def _insert(
    session: Session,
    newsletter_id: int,
    *,
    digest: str,
    media_type: str,
    name: str,
    content: bytes,
) -> None:
    row = {
        "digest": digest,
        "newsletter_id": newsletter_id,
        "media_type": media_type,
        "name": name,
        "size": len(content),
        "content": content,
    }
    insert_or_hold(session, FileRow, row)


def find_file(session: Session, name: str) -> FileRow:
    """Return a file by the last part of its path.

    Raises:
        NotFoundError: There is no such file.
    """
    digest, _dot, ending = name.partition(".")
    rows = session.scalars(select(FileRow).where(FileRow.digest == digest).limit(2)).all()
    found = next((row for row in rows if _ENDINGS.get(row.media_type) == ending), None)
    if found is None:
        raise NotFoundError(msg("There is no such file."))
    return found
