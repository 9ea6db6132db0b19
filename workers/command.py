"""How Celery is started: two workers, so that a confirmation mail never waits behind a mailing."""

from __future__ import annotations

import sys
from enum import StrEnum


class WorkerRole(StrEnum):
    """What a worker works on."""

    #: Rounds of the ledger, and urgent mail such as confirmations.
    CONTROL = "control"
    #: Batches of mailings.
    BULK = "bulk"


_CELERY = (sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "workers.app")
_QUEUES = {WorkerRole.CONTROL: "control,urgent", WorkerRole.BULK: "bulk"}
#: A round must not wait while a relay hangs over an urgent message.
_CONTROL_PROCESSES = 2


def worker_command(role: WorkerRole, *, processes: int, log_level: str) -> list[str]:
    """Return the command line of one worker."""
    concurrency = _CONTROL_PROCESSES if role is WorkerRole.CONTROL else processes
    return [
        *_CELERY,
        *("worker", f"--hostname={role.value}@%h", f"--queues={_QUEUES[role]}"),
        *(f"--concurrency={concurrency}", f"--loglevel={log_level}"),
        *("--without-gossip", "--without-mingle"),
    ]


def beat_command(*, log_level: str) -> list[str]:
    """Return the command line of the clock, one of which must run."""
    return [*_CELERY, "beat", "--pidfile=", f"--loglevel={log_level}"]
