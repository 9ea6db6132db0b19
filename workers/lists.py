"""Lists that were brought by a browser, as workers import them, and imports that they undo."""

from __future__ import annotations

from uuid import uuid4

from subscribers.lists.imports import undo
from subscribers.lists.imports.runs import ImportRun, claim_upload, held_uploads, release_upload
from workers import stopping
from workers.composition import WorkerServices


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
    """Undo an import as far as this worker comes; what is left waits for the next round.

    Raises:
        SQLAlchemyError: The database is away.
    """
    undo.undo_import(services.engine, import_id, stopping=stopping.stop_requested)


def sweep(services: WorkerServices) -> None:
    """Let lists whose worker gave no sign of life for a lease's time be taken up again."""
    held = held_uploads(services.engine)
    for lease in services.list_watch.lost(held, seconds=services.settings.lease_seconds):
        release_upload(services.engine, lease.upload_id, lease.token)
