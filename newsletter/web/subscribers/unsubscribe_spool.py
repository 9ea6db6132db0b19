"""The spool: requests to unsubscribe that came while the database was away, on this host's disk.

A mail program sends a one-click request (RFC 8058) once, and a reader who met an error page may not
come back. The answer says that it is not done yet, as it must until the database has it; the
request itself is carried out as soon as the database replies, also after a restart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import AWAY, is_away, is_overtaken, reason_of, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.disk import write_once
from newsletter.errors import TokenError, UnavailableError, system_reason
from newsletter.i18n.messages import msg
from newsletter.mailings.planning.links import present_ref
from newsletter.tokens import DeliveryRef
from subscribers.leaving import unsubscribe, unsubscribe_from_all

_log = logging.getLogger(__name__)

#: Seconds between two attempts to carry out what is kept.
_INTERVAL = 2.0
#: Seconds for which an application that ends waits for the present attempt.
_LAST_SECONDS = 5.0
_ENDING = ".json"


class SpooledError(UnavailableError):
    """The database is away, and the request is kept until it replies."""

    def __init__(self) -> None:
        super().__init__(msg("The database is away; the request is kept."))


@dataclass(frozen=True, kw_only=True, slots=True)
class UnsubscribeRequest:
    """A reader's request to unsubscribe, as their link and form say it.

    Attributes:
        everything: Whether they leave all newsletters.
    """

    ref: DeliveryRef
    way: UnsubscribeWay
    everything: bool
    asked_at: datetime = field(default_factory=now)


_REQUESTS = TypeAdapter(UnsubscribeRequest)


class UnsubscribeSpool:
    """Carries out requests to unsubscribe, and keeps those for which the database is away.

    Each is a file, named by what it asks for, so that a repeated request is kept once. Carrying one
    out twice changes nothing more, so that a process may die before it deletes the file, and
    several processes may share the folder.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder, self._engine = folder, engine
        self._ending, self._failed = threading.Event(), set[Path]()
        self._runs = self._is_behind = False

    def carry_out(self, request: UnsubscribeRequest) -> None:
        """Unsubscribe a reader.

        Raises:
            SpooledError: The database is away; the request is carried out when it replies.
            TokenError: The link's numbers belong to others since a restore.
            SQLAlchemyError: The request could neither be carried out nor kept.
        """
        # Programs send many: to wait for a database that was away a moment ago would hold up all.
        one_click = request.way is UnsubscribeWay.ONE_CLICK
        if one_click and self._runs and self._is_behind and self._spool(request):
            raise SpooledError
        try:
            _unsubscribe(self._engine, request, asked_at=None)
        except AWAY as error:
            if is_overtaken(error) or not is_away(error) or not self._spool(request):
                raise
            _log.warning("a request to unsubscribe is kept: %s", reason_of(error))
            raise SpooledError from error

    def _spool(self, request: UnsubscribeRequest) -> bool:
        """Write a request to the disk; return whether that was possible."""
        what = (*astuple(request.ref), request.everything)
        path = self._folder / f"{sha256(repr(what).encode()).hexdigest()[:32]}{_ENDING}"
        try:
            write_once(path, _REQUESTS.dump_json(request))
        except OSError as error:
            _log.error("a request to unsubscribe cannot be kept: %s", system_reason(error))
            return False
        self._is_behind = True
        return True

    @asynccontextmanager
    async def running(self, _app: object) -> AsyncIterator[None]:
        """Carry out what is kept, in a thread, while the application runs."""
        thread = threading.Thread(target=self._run, name="unsubscribe spool", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            await run_in_threadpool(thread.join, _LAST_SECONDS)

    def _run(self) -> None:
        self._runs = self._is_behind = True
        while not self._ending.is_set():
            try:
                if self._is_behind and self.carry_out_spooled():
                    # In this order: a request that is kept meanwhile is not overlooked.
                    self._is_behind = False
                    if any(self._spooled()):
                        self._is_behind = True
            except OSError:
                _log.exception("the kept requests to unsubscribe cannot be listed")
                # What comes is carried out at once again, and not kept where nobody reads it.
                self._is_behind = False
            self._ending.wait(_INTERVAL)

    def _spooled(self) -> Iterator[Path]:
        return (path for path in self._folder.glob(f"*{_ENDING}") if path not in self._failed)

    def carry_out_spooled(self) -> bool:
        """Carry out the kept requests; return False if the database is still away."""
        done = 0
        for path in self._spooled():
            try:
                request = _REQUESTS.validate_json(path.read_bytes())
                _unsubscribe(self._engine, request, asked_at=request.asked_at)
            except FileNotFoundError:
                # Another process was quicker.
                continue
            except TokenError:
                _log.warning("a kept request is about somebody who is no longer known: %s", path)
            except (ValidationError, SQLAlchemyError, OSError) as error:
                if isinstance(error, SQLAlchemyError) and is_away(error):
                    return False
                _log.exception("a kept request to unsubscribe cannot be carried out: %s", path)
                self._failed.add(path)
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError:
                # It is carried out again after the next start, which changes nothing.
                _log.exception("a request that was carried out cannot be deleted: %s", path)
                self._failed.add(path)
            done += 1
        if done:
            _log.info("%d kept requests to unsubscribe were carried out", done)
        return True


def _unsubscribe(engine: Engine, request: UnsubscribeRequest, *, asked_at: datetime | None) -> None:
    with transaction(engine) as session:
        ref = present_ref(session, request.ref)
        end = (
            unsubscribe_from_all
            if request.everything
            else partial(unsubscribe, newsletter_id=ref.newsletter_id)
        )
        end(
            session,
            subscriber_id=ref.subscriber_id,
            mailing_id=ref.mailing_id or None,
            way=request.way,
            asked_at=asked_at,
        )
