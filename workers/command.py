"""How Celery is started: two workers, so that a confirmation mail never waits behind a mailing."""

from __future__ import annotations

import sys
from enum import StrEnum


class WorkerRole(StrEnum):
    """What a worker works on."""

    #: Rounds of the ledger, urgent mail such as confirmations, and imports of lists.
    CONTROL = "control"
    #: Batches of mailings.
    BULK = "bulk"


_CELERY = (sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "workers.app")
#: The queue of what takes long: lists, their undoing, tags on many, links (`workers.lists`).
LISTS = "lists"
_QUEUES = {WorkerRole.CONTROL: f"control,urgent,{LISTS}", WorkerRole.BULK: "bulk"}
#: A round must not wait while a relay hangs over an urgent message and a list is imported.
_CONTROL_PROCESSES = 3


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
