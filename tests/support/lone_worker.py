"""A worker process without a broker: rounds, and whatever batch is due, until it is killed.

Starts in a second, where Celery's three processes need many. ``order`` makes a mailing instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from tests.support import warm

_ROUND_SECONDS = 0.3


def _environment(
    database_url: str, smtp_url: str, folder: Path, more: dict[str, str]
) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": database_url,
        "MAIL_TRANSPORTS": smtp_url,
        "DATA_DIR": str(folder),
        "SECRET_KEYS": "k" * 40,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        **more,
    }


@contextmanager
def lone_worker(
    database_url: str, smtp_url: str, folder: Path, **more: str
) -> Iterator[warm.Started]:
    """Run one until the end of the block, and kill it then."""
    process = warm.start(__name__, env=_environment(database_url, smtp_url, folder, more))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def order_apart(database_url: str, folder: Path, *, batch_size: int, **more: str) -> int:
    """Make a mailing in a process of its own; return its number."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", __name__, "order", str(batch_size)],
        env=_environment(database_url, "directory:///nowhere", folder, more),
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


def _order(batch_size: int) -> int:
    from newsletter.database.engine import open_engine  # noqa: PLC0415 - the child's alone
    from newsletter.settings import load_settings  # noqa: PLC0415
    from tests.support.stage import find_stage  # noqa: PLC0415

    engine = open_engine(load_settings().effective_database_url)
    return find_stage(engine).mail(batch_size=batch_size)


def _work() -> None:
    from newsletter.mailings.ledger import dispatch  # noqa: PLC0415
    from newsletter.settings import load_settings  # noqa: PLC0415
    from workers import periodic  # noqa: PLC0415
    from workers.batches import send_batch  # noqa: PLC0415
    from workers.composition import build  # noqa: PLC0415

    services = build(load_settings())
    while True:
        try:
            periodic.go(services)
            while turn := dispatch.whose_turn(services.engine, urgent=False):
                periodic.look_back(services)
                send_batch(services, turn.mailing_id, turn.number, urgent=False)
            dispatch.finish_mailings(services.engine)
        except SQLAlchemyError as error:
            sys.stderr.write(f"the database is away: {type(error).__name__}\n")
        time.sleep(_ROUND_SECONDS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["order"]:
        sys.stdout.write(f"{_order(int(sys.argv[2]))}\n")
    else:
        _work()
