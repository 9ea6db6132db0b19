"""Long tasks: importing uploaded lists, undoing imports, tagging many people, opening links.

Each host runs one of them at a time, since the other processes of the worker are needed for rounds
and urgent mail.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from subscribers.lists.imports import undo
from subscribers.lists.imports.runs import ImportRun, claim_upload, held_uploads, release_upload
from subscribers.tagging import run_tagging
from workers import stopping
from workers.composition import WorkerServices

#: Seconds after which a task that works in pages is interrupted, so that another one can run.
_LONGEST_TURN = 10.0


@contextmanager
def turn(data_dir: Path, what: str = "lists") -> Iterator[bool]:
    """Hold this host's lock for long tasks inside the block; yield False if it is taken.

    The lock is released when its process ends. If the lock file cannot be created, for example on a
    full disk, tasks run without it.
    """
    try:
        lock = (data_dir / f"{what}.lock").open("w")
    except OSError:
        yield True
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _until_the_turn_ends() -> Callable[[], bool]:
    ends = time.monotonic() + _LONGEST_TURN
    return lambda: stopping.stop_requested() or time.monotonic() > ends


def import_list(services: WorkerServices, upload_id: int) -> None:
    """Import a waiting list, unless another worker has claimed it.

    Raises:
        SQLAlchemyError: The database is away.
    """
    token, seconds = uuid4().hex, services.settings.lease_seconds
    upload = claim_upload(services.engine, upload_id, token=token, lease_seconds=seconds)
    if upload is None:
        return
    ImportRun(
        engine=services.engine,
        upload=upload,
        token=token,
        lease_seconds=seconds,
        pseudonyms=services.signer.pseudonyms,
        stopping=stopping.stop_requested,
    ).go()


def undo_import(services: WorkerServices, import_id: int) -> None:
    """Undo an import until the time is up; a later round continues.

    Raises:
        SQLAlchemyError: The database is away.
    """
    undo.undo_import(services.engine, import_id, stopping=_until_the_turn_ends())


def tag_people(services: WorkerServices, order_id: int) -> None:
    """Add a tag to many people, or remove it, until the time is up; a later round continues.

    Raises:
        SQLAlchemyError: The database is away.
    """
    run_tagging(services.engine, order_id, stopping=_until_the_turn_ends())


def sweep(services: WorkerServices) -> None:
    """Release lists whose lease has expired, so that they are claimed again."""
    held = held_uploads(services.engine)
    for lease in services.list_watch.lost(held, seconds=services.settings.lease_seconds):
        release_upload(services.engine, lease.upload_id, lease.token)
