"""A series' steps reach each reader once, whenever the worker that plans them dies."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.database.types import now
from newsletter.mailings.series.due import Timing
from newsletter.mailings.series.planning import plan_series
from tests.faults.dying_round import die_at_each_step
from tests.support.series import AT_ONCE, begin_series, copies, join, let_pass
from tests.support.stage import set_stage

READERS = [f"reader{number}@example.jp" for number in range(3)]


def test_each_step_is_planned_once_whenever_the_worker_dies(
    engine: Engine, database_url: str
) -> None:
    set_stage(engine)
    begin_series(engine, AT_ONCE, Timing(delay_days=1, hour="00:00"))
    for address in READERS:
        join(engine, address)
    *died, ended = die_at_each_step(database_url, now(), "series")
    assert len(died) > 3
    assert re.fullmatch(r"\d+ opened \d+", ended)
    assert copies(engine) == Counter({(address, "第1回"): 1 for address in READERS})

    let_pass(engine, timedelta(days=2))
    # Two hosts at once.
    with ThreadPoolExecutor(2) as hosts:
        engines = [open_engine(database_url) for _ in range(2)]
        planned = list(hosts.map(plan_series, engines))
    for each in engines:
        each.dispose()
    assert sum(planned) == len(READERS)
    assert copies(engine) == Counter(
        {(address, title): 1 for address in READERS for title in ("第1回", "第2回")}
    )
