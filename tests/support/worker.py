"""What a worker process holds, in the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import update

from newsletter.database.engine import transaction
from newsletter.database.tables import BatchRow
from newsletter.database.types import now
from newsletter.settings import Settings
from tests.support.loops import call_apart
from workers import periodic
from workers.batches import send_batch
from workers.composition import WorkerServices, build


@contextmanager
def worker(database_url: str, smtp_url: str, folder: Path) -> Iterator[WorkerServices]:
    services = build(
        Settings(
            _env_file=None,
            database_url=database_url,
            mail_transports=(SecretStr(smtp_url),),
            secret_keys=(SecretStr("k" * 40),),
            data_dir=folder,
        )
    )
    yield services
    call_apart(services.close)


def work(services: WorkerServices, mailing: int, batch: int = 1) -> int:
    """Do what a worker process does when it is hinted at a batch."""
    return call_apart(lambda: send_batch(services, mailing, batch))


def go(services: WorkerServices) -> None:
    """Do what is due of all periodic work."""
    call_apart(lambda: periodic.go(services))


def send_some(services: WorkerServices, mailing: int) -> None:
    """Send a mailing's first batch; the others are due once this is done."""
    others = update(BatchRow).where(BatchRow.mailing_id == mailing, BatchRow.number > 1)
    with transaction(services.engine) as session:
        session.execute(others.values(due_at=now() + timedelta(hours=1)))
    work(services, mailing)
    with transaction(services.engine) as session:
        session.execute(others.values(due_at=now()))
