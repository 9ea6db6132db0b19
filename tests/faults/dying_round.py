"""Does a step of the round, and dies at each step of it in turn.

Its arguments are a database's URL, a moment, what to do (drafts, digests, series, subjects; a
correction, the mail about it, or what a worker does until all is sent), and of how many steps in a
row it dies at the first. What somebody confirms is looked at before, once for all children.
Children of one process die by SIGKILL before their first, second, third … statement or commit, and
the last one after all of it. Each line says where a child died.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count

from sqlalchemy import Engine, event, func, select

from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.errors import ConflictError
from newsletter.mailings.ledger import dispatch
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.trials.decisions import decide_due
from newsletter.newsletters.recurrence import open_due_drafts
from newsletter.settings import load_settings
from tests.support import warm
from tests.support.corrections import confirm_effect, confirm_mail
from tests.support.digests import open_digests
from tests.support.soak import SOAK
from tests.support.stage import find_stage
from workers import recovery
from workers.batches import send_batch
from workers.composition import build

_PAUSE_SECONDS = 0.05


def die_at_each_step(
    database_url: str,
    moment: datetime,
    what: str,
    *,
    strides: Sequence[int] = (1, 4),
    **environment: str,
) -> list[str]:
    """Let children die in turn; return where each was: the last one came to the end.

    On PostgreSQL they die at every fourth step; with SOAK=1 at each. Where steps are many,
    ``strides`` says otherwise, for SQLite and PostgreSQL.
    """
    stride = 1 if SOAK else strides[not database_url.startswith("sqlite")]
    words = (database_url, moment.isoformat(), what, str(stride))
    answer = warm.run(__name__, *words, env=os.environ | environment, seconds=240)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def _die_at(step: int) -> None:
    taken = count(1)

    def take(*_context: object) -> None:
        if next(taken) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    # Of whichever engine it opens.
    event.listen(Engine, "before_cursor_execute", take)
    event.listen(Engine, "commit", take)


def _open_drafts(engine: Engine, moment: datetime) -> int:
    return open_due_drafts(engine, moment)


def _open_digests(engine: Engine, moment: datetime) -> int:
    return len(open_digests(engine, moment))


def _plan_series(engine: Engine, _moment: datetime) -> int:
    return plan_series(engine)


def _decide_subjects(engine: Engine, _moment: datetime) -> int:
    decide_due(engine)
    return 1


def _send(engine: Engine, _moment: datetime) -> int:
    """Plan and send as workers do, until every mailing has ended."""
    services = build(load_settings())
    while True:
        recovery.sweep(services)
        for mailing in dispatch.unplanned_mailings(engine):
            plan_mailing(engine, mailing)
        while turn := dispatch.whose_turn(engine, urgent=False):
            send_batch(services, turn.mailing_id, turn.number)
        dispatch.finish_mailings(engine)
        with reading(engine) as session:
            ended = MailingRow.state == MailingState.FINISHED
            if not session.scalar(select(func.count()).where(~ended)):
                return 1
        time.sleep(_PAUSE_SECONDS)


_CONFIRMED = {"correction": confirm_effect, "correction mail": confirm_mail}
_WORK = {
    "sending": _send,
    "drafts": _open_drafts,
    "digests": _open_digests,
    "series": _plan_series,
    "subjects": _decide_subjects,
}


def _prepare(url: str, what: str) -> Callable[[Engine, datetime], int]:
    """Return the work; where it is an order, as somebody confirmed it who saw what stands now."""
    if what not in _CONFIRMED:
        return _WORK[what]
    engine = open_engine(url)
    try:
        order = _CONFIRMED[what](find_stage(engine))
    except ConflictError:
        return lambda _engine, _moment: 0
    finally:
        engine.dispose()

    def give(engine: Engine, _moment: datetime) -> int:
        try:
            return min(order(engine), 1)
        except ConflictError:
            return 0

    return give


def _work(url: str, moment: datetime, step: int, work: Callable[[Engine, datetime], int]) -> None:
    _die_at(step)
    opened = work(open_engine(url), moment)
    sys.stdout.write(f"opened {opened}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, moment: datetime, what: str, stride: int) -> None:
    """Let one child after the other die, until one came to the end."""
    work = _prepare(url, what)
    for step in count(1, stride):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(writing, sys.stdout.fileno())
            _work(url, moment, step, work)
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
