"""Lists uploaded by browsers, which are stored in the database until a worker has imported them.

All hosts read the same database, so that any free worker can import a list, and another one can
continue. A list is stored in compressed pieces, one of which is in memory at a time.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_lists
from newsletter.database.tables import (
    ListImportRow,
    ListPieceRow,
    ListProblemsRow,
    ListUploadRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ListUploadState
from newsletter.errors import SEE_ANEW, ConflictError, ListError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, load_message, msg
from newsletter.i18n.values import Size
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns.columns import ColumnAnswers, meanings_of
from subscribers.lists.columns.questions import ColumnQuestion, question_from_json
from subscribers.lists.imports.import_report import RowCounts
from subscribers.lists.imports.imports import ImportOptions
from subscribers.lists.parsers.decoding import text_lines
from subscribers.lists.parsers.encodings import ListEncoding
from subscribers.lists.parsers.files import as_text, encoding_of, list_records
from subscribers.lists.parsers.json_lines import is_json
from subscribers.lists.records import Record

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Octets of the largest list; a million subscribers with a few columns take about 60 MB.
LARGEST = 500_000_000
#: Octets of a piece before compression.
_PIECE = 1 << 18
#: Pieces of the longest list whose rows are counted at upload, which takes some tenths of a second.
_COUNTED = 40
_KEPT = timedelta(days=7)
_TOKEN = re.compile(r"[\w-]{22}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportTerms:
    """The terms of an import; see `ImportOptions`.

    Attributes:
        new_columns: The columns that become new fields before the import.
        new_keys: Whether unknown keys in objects of attributes become fields, too.
        made_fields: The keys of the created fields.
        states: The meanings of words in columns of states.
    """

    basis: str
    wording: str = ""
    tags: tuple[str, ...] = ()
    update: bool = False
    new_columns: tuple[str, ...] = ()
    new_keys: bool = False
    made_fields: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    unrelated: tuple[str, ...] = ()
    heeded: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> ColumnAnswers:
        """The user's answers to questions about columns."""
        return ColumnAnswers(
            unrelated=self.unrelated,
            heeded=self.heeded,
            passed_over=self.passed_over,
            states=meanings_of(self.states),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ListUpload:
    """An uploaded list.

    Attributes:
        name: The name of the file, for display.
        lines: The number of records including headers; for a long list, the number of lines.
        pieces: The number of stored pieces; 0 after deletion.
        terms: None until the import is ordered; then ``digest`` identifies the checkpoint.
        error: Why the import or check failed.
        trial: See the table.
        asked: Unanswered questions about columns that workers found later in the list.
    """

    id: int
    token: str
    newsletter_id: int
    name: str
    lines: int
    pieces: int
    content: str
    state: ListUploadState
    terms: ImportTerms | None = None
    digest: str = ""
    error: Message | None = None
    trial: Mapping[str, Any] | None = None
    asked: tuple[ColumnQuestion, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether its terms are still to be chosen."""
        return self.state is ListUploadState.BROUGHT

    @property
    def is_checked(self) -> bool:
        """Whether a check by workers is ordered or running."""
        return self.trial is not None and not self.is_open

    @property
    def headings(self) -> int:
        """The number of lines that are not rows."""
        return 0 if is_json(self.name) else 1

    @property
    def is_counted(self) -> bool:
        """Whether its rows were counted, and not only its lines."""
        return self.pieces <= _COUNTED

    @property
    def rows(self) -> int:
        """The number of rows, if they were counted."""
        return max(self.lines - self.headings, 0)

    @contextmanager
    def records(self, engine: Engine) -> Iterator[Iterator[Record]]:
        """Open the records of the list.

        Raises:
            ListError: The list cannot be read, or was deleted.
        """
        with self._opened(engine) as stream:
            yield list_records(stream, file_name=self.name, source=self.name)

    def encoding(self, engine: Engine) -> ListEncoding:
        """Return the encoding of the list.

        Raises:
            ListError: The encoding is unknown or ambiguous.
        """
        with self._opened(engine) as stream:
            return encoding_of(stream, file_name=self.name, source=self.name)

    @contextmanager
    def _opened(self, engine: Engine) -> Iterator[BinaryIO]:
        with io.BufferedReader(_Pieces(engine, self.id, self.pieces), _PIECE) as stream:
            yield cast("BinaryIO", stream)

    def options(self, language: Language, pseudonyms: Pseudonyms) -> ImportOptions:
        """Return the options of the import for its terms."""
        terms = self.terms or ImportTerms(basis="")
        return ImportOptions(
            source=self.name,
            file_name=self.name,
            basis=terms.basis,
            wording=terms.wording,
            language=language,
            columns=terms.columns,
            answers=terms.answers,
            update=terms.update,
            tags=terms.tags,
            digest=self.digest,
            made_fields=tuple(terms.made_fields),
            pseudonyms=pseudonyms,
        )


def upload_of(row: ListUploadRow) -> ListUpload:
    """Return the list of a row."""
    terms = (
        None if row.terms is None else ImportTerms(**row.terms | {"tags": tuple(row.terms["tags"])})
    )
    return ListUpload(
        id=row.id,
        token=row.token,
        newsletter_id=row.newsletter_id,
        name=row.name,
        lines=row.lines,
        pieces=row.pieces,
        content=row.content,
        state=row.state,
        terms=terms,
        digest=row.digest,
        error=load_message(row.error) if row.error else None,
        trial=row.trial,
        asked=tuple(map(question_from_json, row.asked or ())),
    )


class _Pieces(io.RawIOBase):
    """The octets of a list as a stream, read from the database piece by piece."""

    def __init__(self, engine: Engine, upload_id: int, count: int) -> None:
        super().__init__()
        self._engine, self._upload_id, self._count = engine, upload_id, count
        self._position = 0
        self._number, self._octets = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (self._position if whence == io.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        number, begins = divmod(self._position, _PIECE)
        if number >= self._count:
            return 0
        if number != self._number:
            self._number, self._octets = number, self._load(number)
        part = self._octets[begins : begins + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _load(self, number: int) -> bytes:
        with reading(self._engine) as session:
            octets = session.scalar(
                select(ListPieceRow.octets).where(
                    ListPieceRow.upload_id == self._upload_id, ListPieceRow.number == number
                )
            )
        if octets is None:
            raise ListError(msg("This list is no longer stored."), remedy=msg("Upload it again."))
        return zlib.decompress(octets)


def file_chunks(file: BinaryIO, *, name: str, encoding: str = "") -> Iterator[bytes]:
    """Yield a file's octets in stored form: a chosen encoding as UTF-8, a workbook as HTML page.

    Raises:
        ListError: The file cannot be read.
    """
    stream = as_text(file, source=name)
    if stream is file and encoding:
        yield from (line.encode() for line in text_lines(file, source=name, encoding=encoding))
        return
    yield from iter(lambda: stream.read(_PIECE), b"")
    if stream is not file:
        stream.close()


def keep_upload(
    engine: Engine, chunks: Iterable[bytes], *, name: str, newsletter_id: int
) -> ListUpload:
    """Store an uploaded list, each piece in a separate transaction.

    Raises:
        ListError: The list is empty or too large.
    """
    shown = "".join(filter(str.isprintable, name))[-100:] or "list.csv"
    row = ListUploadRow(token=secrets.token_urlsafe(16), newsletter_id=newsletter_id, name=shown)
    with transaction(engine) as session:
        session.add(row)
        session.flush()
        upload_id = row.id
    try:
        return _keep_pieces(engine, upload_id, chunks)
    except BaseException:
        with transaction(engine) as session:
            _forget(session, upload_id)
        raise


def _keep_pieces(engine: Engine, upload_id: int, chunks: Iterable[bytes]) -> ListUpload:
    size, lines, returns, count = 0, 0, 0, 0
    content = hashlib.sha256()
    for piece in _resized(chunks, _PIECE):
        size += len(piece)
        if size > LARGEST:
            raise ListError(
                msg("The list is larger than {size}.", size=Size(LARGEST)),
                remedy=msg("Split it into several files."),
                command=msg("Import it with: newsletter subscriber import."),
            )
        lines += piece.count(b"\n")
        returns += piece.count(b"\r")
        content.update(piece)
        with transaction(engine) as session:
            session.add(
                ListPieceRow(upload_id=upload_id, number=count, octets=zlib.compress(piece, 1))
            )
        count += 1
    if not size:
        raise ListError(msg("The list is empty."), remedy=msg("Choose a file."))
    with transaction(engine) as session:
        row = session.get_one(ListUploadRow, upload_id)
        row.pieces, row.lines, row.content = count, lines or returns, content.hexdigest()
        session.flush()
        upload = upload_of(row)
    if not upload.is_counted:
        return upload
    # The number of rows differs from that of lines by titles, blank lines and multi-line cells.
    with suppress(ListError), upload.records(engine) as records:
        records_read = sum(1 for _ in records)
        with transaction(engine) as session:
            session.get_one(ListUploadRow, upload_id).lines = records_read
        upload = replace(upload, lines=records_read)
    return upload


def _resized(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same octets in pieces of one size; the last one may be shorter."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


def find_upload(session: Session, token: str, newsletter_id: int) -> ListUpload:
    """Return an uploaded list of a newsletter.

    Raises:
        NotFoundError: The list does not exist (any more).
    """
    row = (
        session.scalar(select(ListUploadRow).where(ListUploadRow.token == token))
        if _TOKEN.fullmatch(token)
        else None
    )
    is_whole = row is not None and (row.pieces or row.state is not ListUploadState.BROUGHT)
    if row is None or not is_whole or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("This list no longer exists."))
    return upload_of(row)


def _queue(
    session: Session, upload: ListUpload, may: ColumnElement[bool], values: Mapping[str, object]
) -> bool:
    """Put a list into the workers' queue if a condition holds; return whether it did."""
    moved = session.scalars(
        moving_lists(ListUploadState.QUEUED)
        .where(ListUploadRow.id == upload.id, may, ListUploadRow.pieces > 0)
        .values(error="", tries=0, hinted_at=None, ordered_at=now(), **values)
    ).all()
    return bool(moved)


def order_upload(session: Session, upload: ListUpload, terms: ImportTerms | None) -> ImportTerms:
    """Order the import of a list by ``terms``, or by the previous ones; return the terms.

    The same list with the same terms has one checkpoint.

    Raises:
        ConflictError: The list is being imported, or was imported.
    """
    how = terms or upload.terms
    if how is None:
        raise ConflictError(msg("It has not been decided yet how to import this list."))
    known = asdict(how)
    digest = hashlib.sha256(f"{upload.content}\0{json.dumps(known, sort_keys=True)}".encode())
    may = ListUploadRow.state != ListUploadState.IMPORTING
    values = {"terms": known, "digest": digest.hexdigest(), "trial": None}
    if not _queue(session, upload, may, values):
        raise ConflictError(
            msg("This list is already being imported, or was imported."),
            remedy=SEE_ANEW,
        )
    return how


def order_trial(session: Session, upload: ListUpload, terms: ImportTerms) -> None:
    """Order a check, which is an import by ``terms`` that is rolled back.

    Raises:
        ConflictError: The list is being checked or imported.
    """
    may = ListUploadRow.state == ListUploadState.BROUGHT
    if not _queue(session, upload, may, {"terms": asdict(terms), "trial": {"rows": 0}}):
        raise ConflictError(
            msg("This list is already being checked, or was imported."),
            remedy=SEE_ANEW,
        )


def cancel_upload(session: Session, upload: ListUpload) -> None:
    """Cancel the import or check of a list; imported rows are kept.

    Raises:
        ConflictError: The list is neither waiting nor being processed.
    """
    ended = moving_lists(ListUploadState.CANCELLED).where(ListUploadRow.trial.is_(None))
    if upload.is_checked:
        ended = moving_lists(ListUploadState.BROUGHT).where(ListUploadRow.trial.is_not(None))
        ended = ended.values(trial=None)
    if not session.scalars(ended.where(ListUploadRow.id == upload.id)).all():
        raise ConflictError(msg("This import has ended already."), remedy=SEE_ANEW)


def forget_pieces(session: Session | Connection, upload_id: int) -> None:
    """Delete the content of a list, which contains addresses; its results are kept."""
    session.execute(delete(ListPieceRow).where(ListPieceRow.upload_id == upload_id))
    session.execute(
        update(ListUploadRow).where(ListUploadRow.id == upload_id).values(pieces=0, trial=None)
    )


def forget_old(engine: Engine) -> None:
    """Delete lists and problems that are older than a week."""
    is_old = ListUploadRow.created_at < now() - _KEPT
    at_rest = ListUploadRow.state.not_in([ListUploadState.QUEUED, ListUploadState.IMPORTING])
    with reading(engine) as session:
        old = session.scalars(select(ListUploadRow.id).where(is_old, at_rest)).all()
    for upload_id in old:
        with transaction(engine) as session:
            _forget(session, upload_id)


def _forget(session: Session, upload_id: int) -> None:
    for table in (ListPieceRow, ListProblemsRow):
        session.execute(delete(table).where(table.upload_id == upload_id))
    session.execute(delete(ListUploadRow).where(ListUploadRow.id == upload_id))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportProgress:
    """The progress of an import.

    Attributes:
        counts: The counts of rows so far, by the names of `RowCounts`.
        has_problems: Whether there are refusals or warnings.
    """

    rows: int
    counts: Mapping[str, int]
    has_problems: bool


def progress_of(session: Session, upload: ListUpload) -> ImportProgress:
    """Return the progress of a list's import or check."""
    if upload.trial is not None:
        return ImportProgress(
            rows=upload.trial.get("rows", 0), counts=asdict(RowCounts()), has_problems=False
        )
    row = session.scalar(
        select(ListImportRow)
        .where(
            ListImportRow.newsletter_id == upload.newsletter_id,
            ListImportRow.digest == upload.digest,
        )
        .order_by(ListImportRow.id.desc())
        .limit(1)
    )
    # Counts can be missing: before the first rows, and in imports by older versions.
    counts = asdict(RowCounts()) | (dict(row.counts) if row is not None else {})
    problems = select(exists().where(ListProblemsRow.upload_id == upload.id))
    return ImportProgress(
        rows=max(row.records - upload.headings, 0) if row is not None else 0,
        counts=counts,
        has_problems=bool(session.scalar(problems)),
    )
