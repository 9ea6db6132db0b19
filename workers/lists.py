"""Long work on many people: lists that a browser brought, imports undone, tags; links opened.

One of it at a time on a host: the other processes of its worker are for rounds and urgent mail.
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

#: Seconds after which what goes on page by page makes way: a list may wait that somebody looks at.
_LONGEST_TURN = 10.0


@contextmanager
def turn(data_dir: Path, what: str = "lists") -> Iterator[bool]:
    """Have this host's turn for the block; False where another process has it.

    A file is held for as long as the process lives that has it. Where none can be made, as on a
    full disk, nobody waits for another.
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
    """Import a list that waits; does nothing where another worker has it.

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
    """Undo an import as far as this turn goes; what is left waits for the next round.

    Raises:
        SQLAlchemyError: The database is away.
    """
    undo.undo_import(services.engine, import_id, stopping=_until_the_turn_ends())


def tag_people(services: WorkerServices, order_id: int) -> None:
    """Give many people a tag, or take it from them, as far as this turn goes; likewise.

    Raises:
        SQLAlchemyError: The database is away.
    """
    run_tagging(services.engine, order_id, stopping=_until_the_turn_ends())


def sweep(services: WorkerServices) -> None:
    """Let lists whose worker gave no sign of life for a lease's time be taken up again."""
    held = held_uploads(services.engine)
    for lease in services.list_watch.lost(held, seconds=services.settings.lease_seconds):
        release_upload(services.engine, lease.upload_id, lease.token)
