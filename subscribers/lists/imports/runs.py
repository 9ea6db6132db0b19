"""Imports as workers run them: one at a time, under a lease, gone on with where a worker died.

Each chunk of rows, its problems, the checkpoint and a word of the lease are one transaction. So a
row counts once, and a worker that was taken for lost writes nothing more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_lists
from newsletter.database.tables import ListUploadRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ListUploadState
from newsletter.errors import NewsletterError
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.stored import dump_message
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns.questions import ANSWER_FIRST, ColumnQuestion, UnclearColumnError
from subscribers.lists.imports.imports import ChunkHooks, import_records, refuse_unanswered
from subscribers.lists.imports.problems import keep_problems
from subscribers.lists.imports.trials import trial_to_json, try_upload
from subscribers.lists.imports.uploads import ImportTerms, ListUpload, forget_pieces, upload_of
from subscribers.lists.records import Problem, Record

_log = logging.getLogger(__name__)

#: After so long a hint that nobody took is given again.
_HINT_AGAIN = timedelta(seconds=20)
#: A list that ended so many workers in a row without a chunk done is not tried again.
_TRIES = 3
#: Records read over, where it goes on, between two looks at the clock.
_LOOK = 1000


class ImportEndedError(Exception):
    """The import is no more this worker's: it was cancelled, removed, or given to another."""


class _StopAskedError(Exception):
    """The worker is to end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportLease:
    """A list that a worker imports, with the last word it gave."""

    upload_id: int
    token: str
    expires_at: datetime


def next_upload(engine: Engine) -> int | None:
    """Return the list to be imported next, and mark it as hinted at; None while one is under way.

    One at a time: others get what is left of the database and the processes.
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
    """Let a list be hinted at anew: whoever was told of it has no turn."""
    with transaction(engine) as session:
        session.execute(
            update(ListUploadRow)
            .where(ListUploadRow.id == upload_id, ListUploadRow.state == ListUploadState.QUEUED)
            .values(hinted_at=None)
        )


def claim_upload(
    engine: Engine, upload_id: int, *, token: str, lease_seconds: int
) -> ListUpload | None:
    """Take a list that waits; None when another has it or it waits no more."""
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
    """Return the lists that workers import now."""
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
    """Begin the UPDATEs by which an import, or a check, ends with an error."""
    import_ends = moving_lists(ListUploadState.FAILED).where(ListUploadRow.trial.is_(None))
    check_ends = moving_lists(ListUploadState.BROUGHT).where(ListUploadRow.trial.is_not(None))
    return import_ends.values(error=error), check_ends.values(error=error, trial=None)


def release_upload(engine: Engine, upload_id: int, token: str) -> None:
    """Let a list wait for another worker; one that ended several in a row waits for a person."""
    why = msg("The import stopped three times at the same place, and is not tried again by itself.")
    held = (ListUploadRow.id == upload_id, ListUploadRow.lease_token == token)
    with transaction(engine) as session:
        for ended in _ends_of(dump_message(why)):
            session.execute(ended.where(*held, ListUploadRow.tries >= _TRIES))
        session.execute(moving_lists(ListUploadState.QUEUED).where(*held).values(hinted_at=None))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRun:
    """One worker's import of a list that it claimed.

    Attributes:
        stopping: Tells whether the worker is to end.
    """

    engine: Engine
    upload: ListUpload
    token: str
    lease_seconds: int
    pseudonyms: Pseudonyms
    stopping: Callable[[], bool] = lambda: False

    def go(self) -> None:
        """Import to the end, or give the list back where the worker is to end.

        Raises:
            SQLAlchemyError: The database is away; the lease ends, and another worker goes on.
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
        except Exception:  # noqa: BLE001 - tried again it would fail again, for ever
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
        """Do all but keep it; a check that was cut short begins anew."""
        with reading(self.engine) as session:
            language = session.get_one(NewsletterRow, self.upload.newsletter_id).language
        done = 0

        def progress(rows: int) -> None:
            nonlocal done
            done += rows
            with self.engine.begin() as connection:
                # It begins anew where it ends: a worker that it ends counts.
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
        """Yield the records, and give a sign of life meanwhile: what is done may be long."""
        spoke_at = time.monotonic()
        for number, record in enumerate(records):
            if number % _LOOK == 0 and time.monotonic() - spoke_at > self.lease_seconds / 4:
                with self.engine.begin() as connection:
                    self._renew(connection, has_advanced=False)
                self._look_for_the_end()
                spoke_at = time.monotonic()
            yield record

    def _renew(self, connection: Connection, *, has_advanced: bool = True, **more: object) -> None:
        """Say within a transaction that this worker lives; it fails where it has the list no more.

        Raises:
            ImportEndedError: See there.
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
        """Give the list back to whoever brought it, to say what its columns are."""
        asked = [asdict(each) for each in questions]
        why = dump_message(ANSWER_FIRST)
        with transaction(self.engine) as session:
            given_back = moving_lists(ListUploadState.BROUGHT).where(*self._held)
            session.execute(given_back.values(asked=asked, error=why, trial=None))

    def _fail(self, why: Message) -> None:
        with transaction(self.engine) as session:
            for ended in _ends_of(dump_message(why)):
                session.execute(ended.where(*self._held))
