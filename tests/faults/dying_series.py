"""Plans the steps of series, and dies at each step of it in turn: ``URL``.

One process imports all once; its children die by SIGKILL before their first, second, third …
statement or commit, and the last one after all of it. Each line says where a child died.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count

from sqlalchemy import Engine, event

from newsletter.database.engine import open_engine
from newsletter.mailings.series.planning import plan_series


def _die_at(engine: Engine, step: int) -> None:
    taken = count(1)

    def take(*_context: object) -> None:
        if next(taken) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", take)
    event.listen(engine, "commit", take)


def _work(url: str, step: int) -> None:
    engine = open_engine(url)
    _die_at(engine, step)
    plan_series(engine)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str) -> None:
    """Let one child after the other die, until one came to the end."""
    for step in count(1):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(writing, sys.stdout.fileno())
            _work(url, step)
        os.close(writing)
        with os.fdopen(reading) as answer:
            written = answer.read().strip()
        os.waitpid(child, 0)
        sys.stdout.write(f"{step} {written}\n")
        sys.stdout.flush()
        if written:
            return


if __name__ == "__main__":
    main(sys.argv[1])
