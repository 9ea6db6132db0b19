"""Does a step of the round, and dies at each step of it in turn.

Its arguments are a database's URL, a moment, what to do (drafts, digests, series
or subjects), and of how
many steps in a row it dies at the first. Children of one process die by SIGKILL before their first,
second, third … statement or commit, and the last one after all of it. Each line says where a child
died.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from itertools import count

from sqlalchemy import Engine, event

from newsletter.database.engine import open_engine
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.trials.decisions import decide_due
from newsletter.newsletters.rhythm import open_due_drafts
from tests.support import warm
from tests.support.digests import open_digests
from tests.support.soak import SOAK


def die_at_each_step(database_url: str, moment: datetime, what: str) -> list[str]:
    """Let children die in turn; return where each was: the last one came to the end.

    On PostgreSQL they die at every fourth step; with SOAK=1 at each.
    """
    stride = 1 if SOAK or database_url.startswith("sqlite") else 4
    words = (database_url, moment.isoformat(), what, str(stride))
    answer = warm.run(__name__, *words, env=os.environ, seconds=240)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def _die_at(engine: Engine, step: int) -> None:
    taken = count(1)

    def take(*_context: object) -> None:
        if next(taken) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", take)
    event.listen(engine, "commit", take)


def _open_drafts(engine: Engine, moment: datetime) -> int:
    return open_due_drafts(engine, moment)


def _open_digests(engine: Engine, moment: datetime) -> int:
    return len(open_digests(engine, moment))


def _plan_series(engine: Engine, _moment: datetime) -> int:
    return plan_series(engine)


def _decide_subjects(engine: Engine, _moment: datetime) -> int:
    decide_due(engine)
    return 1


_WORK = {
    "drafts": _open_drafts,
    "digests": _open_digests,
    "series": _plan_series,
    "subjects": _decide_subjects,
}


def _work(url: str, moment: datetime, step: int, what: str) -> None:
    engine = open_engine(url)
    _die_at(engine, step)
    opened = _WORK[what](engine, moment)
    sys.stdout.write(f"opened {opened}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, moment: datetime, what: str, stride: int) -> None:
    """Let one child after the other die, until one came to the end."""
    for step in count(1, stride):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(writing, sys.stdout.fileno())
            _work(url, moment, step, what)
        os.close(writing)
        with os.fdopen(reading) as answer:
            said = answer.read().strip()
        os.waitpid(child, 0)
        sys.stdout.write(f"{step} {said}\n")
        sys.stdout.flush()
        if said:
            return


if __name__ == "__main__":
    main(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
