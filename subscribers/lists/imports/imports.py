"""Imports of lists: streamed in chunks, resumable after a kill, and idempotent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from operator import attrgetter
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.tables import ListImportRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.tokens import Pseudonyms
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.lists.columns.columns import NO_ANSWERS, ColumnAnswers
from subscribers.lists.columns.questions import QuestionKind, refuse_questions
from subscribers.lists.columns.validation import ListReader, ReadChunk
from subscribers.lists.imports.import_report import (
    CheckedRow,
    ChunkResult,
    ImportReport,
    RefusedRow,
    RowCounts,
    RowResult,
)
from subscribers.lists.imports.sharing import (
    FieldChoices,
    choices_of,
    hold_fields,
    require_fields,
    share_values,
)
from subscribers.lists.imports.staging import Staged, empty_stage, encode
from subscribers.lists.imports.writing import Terms, write_chunk
from subscribers.lists.parsers.column_guesses import is_header
from subscribers.lists.parsers.tables import csv_records
from subscribers.lists.read_ahead import ReadAhead, reading_beside
from subscribers.lists.records import Problem, Record
from subscribers.people import require_basis
from subscribers.suppression import is_anybody_erased

#: Rows validated and written together: enough that the overhead of statements is small, and few
#: enough that a transaction blocks others only for a fraction of a second.
_CHUNK = 10_000
#: Refusals in the report; all of them are passed to ``on_problem``.
_KEPT = 1000
#: People whose changes a dry run reports.
_SAMPLED = 20
#: Number of first warnings that are reported, and of kinds for which the first later one is.
_NAMED, _KINDS = 10, 40


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """The options of an import.

    Attributes:
        source: The origin of the list, stored with each consent.
        file_name: The name of the file, which determines the meaning of some exports.
        basis: The basis of the people's consent; ``wording`` is the text that they read.
        columns: The mapping of the list's columns.
        answers: The user's answers to questions about columns.
        others_unrelated: Whether all other columns with questions are unrelated to mail, except for
            clear words against mail.
        is_answered: Whether `refuse_unanswered` has checked the whole list.
        new_fields: Fields that a trial assumes in addition to the existing ones.
        update: Whether the list overwrites existing names, languages and field values.
        tags: Tags for everybody on the list.
        keeps_chunks: Whether a dry run rolls back only at the end, so that it reports exactly what
            the import would do. This blocks other writers of SQLite meanwhile.
        digest: Identifies the list and its options for the checkpoint; empty for none.
        made_fields: The keys of the fields that were created for the list.
        pseudonyms: Compute the keyed hashes of erased addresses.
        cause: The cause in the newsletter's growth log.
    """

    source: str
    basis: str
    file_name: str = ""
    wording: str = ""
    language: Language = Language.JAPANESE
    columns: Mapping[str, str] = field(default_factory=dict)
    answers: ColumnAnswers = NO_ANSWERS
    others_unrelated: bool = False
    is_answered: bool = False
    new_fields: tuple[Field, ...] = ()
    update: bool = False
    tags: tuple[str, ...] = ()
    dry_run: bool = False
    keeps_chunks: bool = False
    digest: str = ""
    made_fields: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None
    cause: GrowthCause = GrowthCause.IMPORT


def _nothing(_connection: Connection, _records: int = 0) -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkHooks:
    """Functions that are called in the transactions of an import.

    Attributes:
        take: Called at the end of a chunk, with the number of finished records.
        finish: Called in the transaction that ends the import.
    """

    take: Callable[[Connection, int], None] = _nothing
    finish: Callable[[Connection], None] = _nothing


def import_csv(
    engine: Engine,
    newsletter_id: int,
    lines: Iterable[str],
    *,
    source: str,
    basis: str,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _rows: None,
) -> ImportReport:
    """Import lines of CSV with default options; see ``import_records``."""
    options = ImportOptions(source=source, basis=basis, dry_run=dry_run)
    records = csv_records(lines, source=source, is_header=is_header)
    return import_records(engine, newsletter_id, records, options, progress=progress)


def import_records(
    engine: Engine,
    newsletter_id: int,
    records: Iterator[Record],
    options: ImportOptions,
    *,
    progress: Callable[[int], None] = lambda _rows: None,
    on_problem: Callable[[Problem], None] = lambda _problem: None,
    hooks: ChunkHooks | None = None,
) -> ImportReport:
    """Import people who have consented on the basis of ``options.basis``.

    Each chunk is committed with its checkpoint, so that an interrupted import continues. People who
    unsubscribed stay unsubscribed unless the list has a later consent; suppressed or erased
    addresses are refused. A dry run of a long list rolls back each chunk, so that an address in two
    chunks is counted twice. If `refuse_unanswered` was not called, its questions are determined
    from the first chunk.

    Raises:
        UnclearColumnError: There are unanswered questions about columns.
        ListError: The list has no column of addresses or cannot be read, or there is no basis.
        ConflictError: Another process imports the same list, or a field was deleted meanwhile.
    """
    hooks = hooks or ChunkHooks()
    require_basis(options.basis)
    reader, custom = _reader(engine, newsletter_id, options)
    with reading(engine) as session:
        hashing = options.pseudonyms if is_anybody_erased(session) else None
    run = _Run(newsletter_id, options, on_problem, choices_of(custom))
    with engine.connect() as connection, reading_beside():
        for _ in islice(records, run.start(connection)):
            pass
        read = reader.chunks(records, _CHUNK, run.zone)
        dialect = engine.dialect.name
        ready = (
            (one, encode(one.plain, [*one.entries.values()], dialect, hashing)) for one in read
        )
        with closing(ReadAhead(ready)) as chunks:
            for chunk, staged in chunks:
                with _chunk_transaction(connection, options):
                    run.take(connection, chunk, staged, on_staged=chunks.begin)
                    hooks.take(connection, run.report.records)
                progress(chunk.records - chunk.headers)
        if connection.in_transaction():
            connection.rollback()
        if not run.report.records:
            reader.find_form([])
        with connection.begin():
            run.finish(connection)
            hooks.finish(connection)
    run.report.left_out = reader.left_out
    return run.report


def refuse_unanswered(
    engine: Engine, newsletter_id: int, records: Iterator[Record], options: ImportOptions
) -> ImportOptions:
    """Refuse a list with unanswered questions before anything is written.

    Return the options for importing its rows.

    Raises:
        UnclearColumnError: There are unanswered questions about columns.
        ListError: The list has no column of addresses or cannot be read.
    """
    reader, _ = _reader(engine, newsletter_id, options)
    questions = reader.questions(records, _CHUNK)
    if options.others_unrelated:
        named = tuple(each.column for each in questions)
        # The answer that other columns are unrelated does not settle the meanings of states.
        refuse_questions([each for each in questions if each.kind is QuestionKind.STATES])
        answers = replace(options.answers, passed_over=named)
        return replace(options, answers=answers, is_answered=True)
    refuse_questions(questions)
    return replace(options, is_answered=True)


def _reader(
    engine: Engine, newsletter_id: int, options: ImportOptions
) -> tuple[ListReader, Sequence[Field]]:
    """Return the reader of the list, and the newsletter's fields."""
    with reading(engine) as session:
        custom = (*list_fields(session, newsletter_id), *options.new_fields)
    reader = ListReader(
        source=options.source,
        file_name=options.file_name or options.source,
        chosen=options.columns,
        custom=custom,
        tags=options.tags,
        answers=options.answers,
        is_answered=options.is_answered,
        made=(*options.made_fields, *(each.key for each in options.new_fields)),
    )
    return reader, custom


def earlier_imports(session: Session, newsletter_id: int, *, limit: int) -> Sequence[ListImportRow]:
    """Return the imports of a newsletter, the newest first."""
    return session.scalars(
        select(ListImportRow)
        .where(ListImportRow.newsletter_id == newsletter_id)
        .order_by(ListImportRow.id.desc())
        .limit(limit)
    ).all()


def _reason(problem: Message) -> Message:
    """Return a problem without the quoted value, so that equal problems are counted together."""
    fault = dict(problem.values).get("fault")
    return fault if isinstance(fault, Message) else problem


def _template(message: Message) -> str:
    """Return the texts of a message without values."""
    within = (value for _, value in message.values if isinstance(value, Message))
    return " ".join((message.text, *map(_template, within)))


class _Run:
    """A running import with its options, report and checkpoint."""

    def __init__(
        self,
        newsletter_id: int,
        options: ImportOptions,
        on_problem: Callable[[Problem], None],
        choices: FieldChoices,
    ) -> None:
        self.report = ImportReport()
        #: Fields and texts of the reported warnings.
        self._warned: set[tuple[str, str]] = set()
        self._choices = choices
        self._options = options
        self._on_problem = on_problem
        self._row_id: int | None = None
        #: Whether the last chunk contained existing people, which is then likely for the next one.
        self._expects_known = True
        #: The number of finished records in the checkpoint.
        self._known = 0
        self._noted: Counter[RowResult] = Counter()
        self.zone = ZoneInfo("UTC")
        self._terms = Terms(
            newsletter_id=newsletter_id,
            basis=options.basis,
            source=options.source,
            wording=options.wording,
            language=options.language,
            update=options.update,
            pseudonyms=options.pseudonyms,
            cause=options.cause,
        )

    def start(self, connection: Connection) -> int:
        """Open the checkpoint; return the number of finished records."""
        with connection.begin():
            time_zone = connection.scalar(
                select(NewsletterRow.time_zone).where(NewsletterRow.id == self._terms.newsletter_id)
            )
            self.zone = ZoneInfo(time_zone or "UTC")
        if not self._options.digest or self._options.dry_run:
            return 0
        where = (
            ListImportRow.newsletter_id == self._terms.newsletter_id,
            ListImportRow.digest == self._options.digest,
            ListImportRow.undo_ordered_at.is_(None),
        )
        with connection.begin():
            found = connection.execute(
                select(
                    ListImportRow.id,
                    ListImportRow.records,
                    ListImportRow.counts,
                    ListImportRow.finished_at,
                ).where(*where)
            ).one_or_none()
            if found is None:
                self._row_id = self._add_row(connection, self._options.digest)
                return 0
            self._row_id, self._known = found.id, found.records
            if found.finished_at is not None:
                return 0
            for name, number in found.counts.items():
                setattr(self.report, name, number)
        self.report.resumed_after = self.report.records
        return self.report.records

    def _add_row(self, connection: Connection, digest: str) -> int:
        row = insert(ListImportRow).values(
            newsletter_id=self._terms.newsletter_id,
            digest=digest,
            source=self._options.source,
            counts=asdict(RowCounts()),
            undo_counts={},
            made_fields=[*self._options.made_fields],
        )
        return connection.execute(row.returning(ListImportRow.id)).scalar_one()

    def take(
        self,
        connection: Connection,
        chunk: ReadChunk,
        staged: Staged,
        *,
        on_staged: Callable[[], None],
    ) -> None:
        """Write a validated chunk in the open transaction, and update the counts."""
        if self._options.keeps_chunks and self._row_id is None:
            self._row_id = self._add_row(connection, f"dry run {uuid4().hex}")
        others = hold_fields(connection, self._terms.newsletter_id)
        if not self._options.new_fields:
            require_fields(connection, self._terms.newsletter_id, self._choices)
        self.report.repeated += chunk.repeated
        people = len({change.line for change in self.report.changes})
        terms = replace(
            self._terms,
            import_id=self._row_id,
            samples=max(_SAMPLED - people, 0) if self._options.dry_run else 0,
            with_results=self._options.dry_run,
            expects_known=self._expects_known,
        )
        written = write_chunk(connection, staged, terms, on_staged=on_staged)
        self._expects_known = written.known > 0
        self.report.changes += written.changes
        # A chunk without accepted rows has no staging table.
        if others and len(staged):
            share_values(
                connection,
                self._terms.newsletter_id,
                others,
                update=self._terms.update,
                import_id=self._row_id,
            )
        self.report.count(written)
        self.report.unchanged += len(staged) - written.changed - len(written.problems)
        for problem in sorted((*chunk.problems, *written.problems), key=attrgetter("line")):
            if problem.taken:
                self._warn(problem)
            else:
                self._refuse(problem)
        if self._options.dry_run:
            self._note_results(chunk, written)
        self.report.records += chunk.records
        self._checkpoint(connection)

    def _note_results(self, chunk: ReadChunk, written: ChunkResult) -> None:
        """Record the results of rows; for a long list, only the first ones of each kind."""
        refused = (one for one in (*chunk.problems, *written.problems) if not one.taken)
        results = (
            *written.checked,
            *(CheckedRow(line, address, RowResult.REPEATED) for line, address in chunk.repetitions),
            *(CheckedRow(one.line, one.address, RowResult.REFUSED, one.problem) for one in refused),
        )
        for row in sorted(results, key=attrgetter("line")):
            self._noted[row.result] += 1
            if self._options.keeps_chunks or self._noted[row.result] <= _SAMPLED:
                self.report.checked.append(row)

    def _warn(self, problem: Problem) -> None:
        self.report.warnings += 1
        kind = problem.field, _template(problem.problem)
        if len(self.report.warned) < _NAMED or (
            kind not in self._warned and len(self._warned) < _KINDS
        ):
            self.report.warned.append(problem)
            self._warned.add(kind)
        self._on_problem(problem)

    def _refuse(self, problem: Problem) -> None:
        self.report.refusals += 1
        self.report.reasons[_reason(problem.problem)] += 1
        if len(self.report.refused) < _KEPT:
            self.report.refused.append(
                RefusedRow(line=problem.line, address=problem.address, reason=problem.problem)
            )
        self._on_problem(problem)

    def _checkpoint(self, connection: Connection) -> None:
        if self._row_id is not None:
            counts = {name: getattr(self.report, name) for name in asdict(RowCounts())}
            moved = connection.execute(
                update(ListImportRow)
                .where(
                    ListImportRow.id == self._row_id,
                    ListImportRow.records == self._known,
                    ListImportRow.undo_ordered_at.is_(None),
                )
                .values(records=self.report.records, counts=counts, finished_at=None)
                .returning(ListImportRow.id)
            ).first()
            if moved is None:
                raise ConflictError(
                    msg("Another process is importing this list, or it is being undone."),
                    remedy=msg("Please wait until that has finished."),
                )
            self._known = self.report.records

    def finish(self, connection: Connection) -> None:
        """Mark the import as finished in the open transaction."""
        if self._row_id is not None:
            connection.execute(
                update(ListImportRow)
                .where(ListImportRow.id == self._row_id)
                .values(finished_at=now())
            )


@contextmanager
def _chunk_transaction(connection: Connection, options: ImportOptions) -> Iterator[None]:
    """Open the transaction of a chunk; a dry run rolls it back, here or at the end."""
    if options.keeps_chunks:
        if connection.in_transaction():
            empty_stage(connection)
        else:
            connection.begin()
        yield
        return
    with connection.begin() as open_transaction:
        yield
        if options.dry_run:
            open_transaction.rollback()
