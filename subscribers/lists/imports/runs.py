"""Imports in workers: one at a time, under a lease, resumed after a worker was killed.

Each chunk with its problems, the checkpoint and the renewal of the lease is one transaction.
Therefore each row is counted once, and a worker that lost its lease writes nothing more.

The problems of each chunk are stored, and the lists that contain an erased address are deleted.
"""

from __future__ import annotations

import io
import json
import logging
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from html import escape

from sqlalchemy import ColumnElement, Connection, Engine, exists, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_lists
from newsletter.database.tables import (
    ListPieceRow,
    ListProblemsRow,
    ListUploadRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ListUploadState
from newsletter.errors import NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, dump_message, load_message, msg
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns.questions import ANSWER_FIRST, ColumnQuestion, UnclearColumnError
from subscribers.lists.exports.exports import problem_writer
from subscribers.lists.imports.imports import ChunkHooks, import_records, refuse_unanswered
from subscribers.lists.imports.trials import trial_to_json, try_upload
from subscribers.lists.imports.uploads import ImportTerms, ListUpload, forget_pieces, upload_of
from subscribers.lists.records import Problem, Record


def keep_problems(
    connection: Connection, upload_id: int, records: int, problems: Sequence[Problem]
) -> None:
    """Store the problems of a chunk in the chunk's transaction.

    Args:
        connection: The connection of the chunk.
        upload_id: The id of the list.
        records: The number of finished records, including this chunk.
        problems: The problems in the order of the lines.
    """
    lines = [
        (one.line, one.field, one.value, dump_message(one.problem), one.address) for one in problems
    ]
    if lines:
        values = {"upload_id": upload_id, "number": records, "problems": _deflated(lines)}
        connection.execute(insert(ListProblemsRow).values(values))


def problem_lines(engine: Engine, upload: ListUpload, language: Language) -> Iterator[str]:
    """Yield the problems of a list as lines of CSV, the header first."""
    text = io.StringIO()
    write = problem_writer(text, language)
    last = -1
    while True:
        with reading(engine) as session:
            row = session.scalar(
                select(ListProblemsRow)
                .where(ListProblemsRow.upload_id == upload.id, ListProblemsRow.number > last)
                .order_by(ListProblemsRow.number)
                .limit(1)
            )
        for line, name, value, problem, _ in (
            json.loads(zlib.decompress(row.problems)) if row else ()
        ):
            write(Problem(line=line, field=name, value=value, problem=load_message(problem)))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if row is None:
            return
        last = row.number


def _deflated(lines: Sequence[object]) -> bytes:
    return zlib.compress(json.dumps(lines, ensure_ascii=False).encode(), 1)


def forget_address(session: Session, addresses: Iterable[str]) -> None:
    """Delete the lists that contain one of these addresses, and the problems with them.

    Such a list was not, or not completely, imported, and must be uploaded again.
    """
    octets = tuple(address.lower().encode() for address in addresses)
    # In HTML pages, which are also the stored form of workbooks, characters may be escaped.
    written = {form for one in octets for form in (one.decode(), escape(one.decode()))}
    forms = {form for one in written for form in (one.encode(), one.encode("utf-16-le"))}
    kept = select(ListUploadRow.id).where(ListUploadRow.pieces > 0)
    for upload_id in session.scalars(kept).all():
        if _holds(session, upload_id, forms):
            why = msg("The list was removed, as it held the address of somebody who was erased.")
            session.execute(
                moving_lists(ListUploadState.FAILED)
                .where(ListUploadRow.id == upload_id)
                .values(error=dump_message(why))
            )
            forget_pieces(session, upload_id)
    for row in session.scalars(select(ListProblemsRow)):
        lines = json.loads(zlib.decompress(row.problems))
        clear = [one for one in lines if not any(form in _folded(one) for form in octets)]
        if len(clear) < len(lines):
            row.problems = _deflated(clear)
    session.flush()


def _holds(session: Session, upload_id: int, forms: Collection[bytes]) -> bool:
    longest = max(map(len, forms))
    rest = b""
    pieces = (
        select(ListPieceRow.octets)
        .where(ListPieceRow.upload_id == upload_id)
        .order_by(ListPieceRow.number)
        .execution_options(yield_per=1)
    )
    with closing(session.scalars(pieces)) as found:
        for octets in found:
            text = rest + zlib.decompress(octets).lower()
            if any(form in text for form in forms):
                return True
            rest = text[-longest:]
    return False


def _folded(line: Sequence[object]) -> bytes:
    return json.dumps(line, ensure_ascii=False).lower().encode()


_log = logging.getLogger(__name__)

#: The time after which a hint is published again.
_HINT_AGAIN = timedelta(seconds=20)
#: Successive worker deaths without a finished chunk after which a list is given up.
_TRIES = 3
#: Records skipped between two checks of the clock.
_LOOK = 1000


class ImportEndedError(Exception):
    """This worker lost the import, which was cancelled, deleted, or taken by another worker."""


class _StopAskedError(Exception):
    """The worker should stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportLease:
    """A list that a worker imports, with the worker's last sign of life."""

    upload_id: int
    token: str
    expires_at: datetime


def next_upload(engine: Engine) -> int | None:
    """Return the next list to import, and mark it as hinted; None while an import is running.

    Only one list is imported at a time, which leaves capacity for everything else.
    """
    running = aliased(ListUploadRow)
    moment = now()
    with transaction(engine) as session:
        row = session.scalar(
            select(ListUploadRow)
            .where(
                ListUploadRow.state == ListUploadState.QUEUED,
                or_(
                    ListUploadRow.hinted_at.is_(None),
                    ListUploadRow.hinted_at < moment - _HINT_AGAIN,
                ),
                ~exists().where(running.state == ListUploadState.IMPORTING),
            )
            .order_by(ListUploadRow.ordered_at, ListUploadRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return None
        row.hinted_at = moment
        return row.id


def return_hint(engine: Engine, upload_id: int) -> None:
    """Allow a new hint for a list, since the worker that got the hint has no turn."""
    with transaction(engine) as session:
        session.execute(
            update(ListUploadRow)
            .where(ListUploadRow.id == upload_id, ListUploadRow.state == ListUploadState.QUEUED)
            .values(hinted_at=None)
        )


def claim_upload(
    engine: Engine, upload_id: int, *, token: str, lease_seconds: int
) -> ListUpload | None:
    """Claim a waiting list; return None if another worker has it or it no longer waits."""
    with transaction(engine) as session:
        taken = session.scalars(
            moving_lists(ListUploadState.IMPORTING)
            .where(ListUploadRow.id == upload_id)
            .values(
                lease_token=token,
                lease_expires_at=now() + timedelta(seconds=lease_seconds),
                tries=ListUploadRow.tries + 1,
            )
        ).all()
        return upload_of(session.get_one(ListUploadRow, upload_id)) if taken else None


def held_uploads(engine: Engine) -> Sequence[ImportLease]:
    """Return the lists that are being imported."""
    query = select(
        ListUploadRow.id, ListUploadRow.lease_token, ListUploadRow.lease_expires_at
    ).where(ListUploadRow.state == ListUploadState.IMPORTING)
    with reading(engine) as session:
        return [
            ImportLease(upload_id=upload_id, token=token, expires_at=expires_at)
            for upload_id, token, expires_at in session.execute(query)
            if token is not None and expires_at is not None
        ]


def _ends_of(error: str) -> Sequence[ReturningUpdate[int]]:
    """Return the UPDATE statements that end an import or a check with an error."""
    import_ends = moving_lists(ListUploadState.FAILED).where(ListUploadRow.trial.is_(None))
    check_ends = moving_lists(ListUploadState.BROUGHT).where(ListUploadRow.trial.is_not(None))
    return import_ends.values(error=error), check_ends.values(error=error, trial=None)


def release_upload(engine: Engine, upload_id: int, token: str) -> None:
    """Release a list for another worker; if it killed several in a row, end it with an error."""
    why = msg("The import stopped three times at the same place, and is not tried again by itself.")
    held = (ListUploadRow.id == upload_id, ListUploadRow.lease_token == token)
    with transaction(engine) as session:
        for ended in _ends_of(dump_message(why)):
            session.execute(ended.where(*held, ListUploadRow.tries >= _TRIES))
        session.execute(moving_lists(ListUploadState.QUEUED).where(*held).values(hinted_at=None))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRun:
    """The import of a list that this worker has claimed.

    Attributes:
        stopping: Returns whether the worker should stop.
    """

    engine: Engine
    upload: ListUpload
    token: str
    lease_seconds: int
    pseudonyms: Pseudonyms
    stopping: Callable[[], bool] = lambda: False

    def go(self) -> None:
        """Import the whole list, or release it if the worker should stop.

        Raises:
            SQLAlchemyError: The database is unavailable; another worker continues after the lease.
        """
        try:
            if self.upload.is_checked:
                self._check()
            else:
                self._import()
        except ImportEndedError:
            _log.info("the import of list %d is this worker's no more", self.upload.id)
        except _StopAskedError:
            with transaction(self.engine) as session:
                session.execute(
                    moving_lists(ListUploadState.QUEUED)
                    .where(*self._held)
                    .values(hinted_at=None, tries=0)
                )
        except UnclearColumnError as error:
            self._ask(error.questions)
        except NewsletterError as error:
            self._fail(error.whole)
        except SQLAlchemyError:
            raise
        except Exception:  # noqa: BLE001 - a retry would fail again, forever
            _log.exception("the import of list %d failed", self.upload.id)
            self._fail(msg("Something unexpected happened; the worker’s log says what."))

    @property
    def _held(self) -> tuple[ColumnElement[bool], ...]:
        return (
            ListUploadRow.id == self.upload.id,
            ListUploadRow.lease_token == self.token,
            ListUploadRow.state == ListUploadState.IMPORTING,
        )

    def _import(self) -> None:
        with reading(self.engine) as session:
            language = session.get_one(NewsletterRow, self.upload.newsletter_id).language
        problems: list[Problem] = []

        def take(connection: Connection, records: int) -> None:
            keep_problems(connection, self.upload.id, records, problems)
            problems.clear()
            self._renew(connection)

        def finish(connection: Connection) -> None:
            ended = moving_lists(ListUploadState.FINISHED).where(*self._held)
            if connection.execute(ended).first() is None:
                raise ImportEndedError
            forget_pieces(connection, self.upload.id)

        newsletter_id = self.upload.newsletter_id
        options = self.upload.options(language, self.pseudonyms)
        with self.upload.records(self.engine) as records:
            options = refuse_unanswered(
                self.engine, newsletter_id, self._read_over(records), options
            )
        with self.upload.records(self.engine) as records:
            import_records(
                self.engine,
                newsletter_id,
                self._read_over(records),
                options,
                progress=lambda _rows: self._look_for_the_end(),
                on_problem=problems.append,
                hooks=ChunkHooks(take=take, finish=finish),
            )

    def _check(self) -> None:
        """Run a check, which rolls back everything; an interrupted check restarts."""
        with reading(self.engine) as session:
            language = session.get_one(NewsletterRow, self.upload.newsletter_id).language
        done = 0

        def progress(rows: int) -> None:
            nonlocal done
            done += rows
            with self.engine.begin() as connection:
                # This is no progress, since an interrupted check restarts.
                self._renew(connection, has_advanced=False, trial={"rows": done})
            self._look_for_the_end()

        trial = try_upload(
            self.engine,
            self.upload,
            self.upload.terms or ImportTerms(basis=""),
            language=language,
            pseudonyms=self.pseudonyms,
            most=None,
            progress=progress,
            watch=self._read_over,
        )
        with transaction(self.engine) as session:
            session.execute(
                moving_lists(ListUploadState.BROUGHT)
                .where(*self._held)
                .values(trial=trial_to_json(trial))
            )

    def _read_over(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yield the records and renew the lease, since skipping finished ones may take long."""
        spoke_at = time.monotonic()
        for number, record in enumerate(records):
            if number % _LOOK == 0 and time.monotonic() - spoke_at > self.lease_seconds / 4:
                with self.engine.begin() as connection:
                    self._renew(connection, has_advanced=False)
                self._look_for_the_end()
                spoke_at = time.monotonic()
            yield record

    def _renew(self, connection: Connection, *, has_advanced: bool = True, **more: object) -> None:
        """Renew the lease in a transaction, which fails if this worker lost the list.

        Raises:
            ImportEndedError: This worker lost the list.
        """
        word = (
            update(ListUploadRow)
            .where(*self._held)
            .values(lease_expires_at=now() + timedelta(seconds=self.lease_seconds))
            .returning(ListUploadRow.id)
        )
        if has_advanced:
            word = word.values(tries=0)
        if more:
            word = word.values(**more)
        if connection.execute(word).first() is None:
            raise ImportEndedError

    def _look_for_the_end(self) -> None:
        if self.stopping():
            raise _StopAskedError

    def _ask(self, questions: Sequence[ColumnQuestion]) -> None:
        """Return the list to its uploader with questions about columns."""
        asked = [asdict(each) for each in questions]
        why = dump_message(ANSWER_FIRST)
        with transaction(self.engine) as session:
            given_back = moving_lists(ListUploadState.BROUGHT).where(*self._held)
            session.execute(given_back.values(asked=asked, error=why, trial=None))

    def _fail(self, why: Message) -> None:
        with transaction(self.engine) as session:
            for ended in _ends_of(dump_message(why)):
                session.execute(ended.where(*self._held))
