"""The command lines of Celery: two workers, so that notices never wait behind mailings."""

from __future__ import annotations

import sys
from enum import StrEnum


class WorkerRole(StrEnum):
    """The role of a worker."""

    #: Rounds of the ledger, urgent mail such as confirmations, and imports of lists.
    CONTROL = "control"
    #: Batches of mailings.
    BULK = "bulk"


_CELERY = (sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "workers.app")
#: The queue of long tasks: imports, undoing them, tagging, opening links (`workers.lists`).
LISTS = "lists"
_QUEUES = {WorkerRole.CONTROL: f"control,urgent,{LISTS}", WorkerRole.BULK: "bulk"}
#: One process each for rounds, for an urgent message at a hanging relay, and for a long task.
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
    """Return the command line of beat, which must run at least once."""
    return [*_CELERY, "beat", "--pidfile=", f"--loglevel={log_level}"]
