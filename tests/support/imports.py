"""Lists brought by a browser, and what a worker does with them, in the test's own process."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import ListUploadRow
from newsletter.tokens import Pseudonyms
from subscribers.lists.imports.runs import ImportRun, claim_upload
from subscribers.lists.imports.uploads import (
    ImportProgress,
    ImportTerms,
    ListUpload,
    keep_upload,
    order_upload,
    progress_of,
    upload_of,
)

PSEUDONYMS = Pseudonyms([b"k" * 40])
_TERMS = ImportTerms(basis="form")


def order(
    engine: Engine,
    newsletter_id: int,
    octets: bytes,
    *,
    name: str = "a.csv",
    terms: ImportTerms = _TERMS,
) -> ListUpload:
    """Bring a list, and have it imported; it waits for a worker."""
    upload = keep_upload(engine, [octets], name=name, newsletter_id=newsletter_id)
    with transaction(engine) as session:
        order_upload(session, upload, terms)
    return again(engine, upload)


def again(engine: Engine, upload: ListUpload) -> ListUpload:
    """Return a list as it is now."""
    with reading(engine) as session:
        return upload_of(session.get_one(ListUploadRow, upload.id))


def progress(engine: Engine, upload: ListUpload) -> ImportProgress:
    with reading(engine) as session:
        return progress_of(session, upload)


def work_on(
    engine: Engine,
    upload: ListUpload,
    *,
    token: str = "worker",  # noqa: S107 - names a lease, and is no secret
    stopping: Callable[[], bool] = lambda: False,
    pseudonyms: Pseudonyms = PSEUDONYMS,
) -> ListUpload:
    """Do what a worker that is hinted at a list does; return the list as it is then."""
    claimed = claim_upload(engine, upload.id, token=token, lease_seconds=60)
    if claimed is not None:
        ImportRun(
            engine=engine,
            upload=claimed,
            token=token,
            lease_seconds=60,
            pseudonyms=pseudonyms,
            stopping=stopping,
        ).go()
    return again(engine, upload)
