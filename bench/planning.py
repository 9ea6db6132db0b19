"""Planning a long list, beside one INSERT … SELECT of as many rows into a table like it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import Engine, text

from bench import content
from bench.measure import Row
from newsletter.database.engine import transaction
from newsletter.mailings.planning.planning import plan_mailing


def planning(engine: Engine, people: int) -> Iterator[Row]:
    """Measure on a database whose list is ``people`` long."""
    first = content.mail(engine)
    began = time.perf_counter()
    plan_mailing(engine, first)
    ours = time.perf_counter() - began
    second = content.mail(engine)
    statement = text(
        "INSERT INTO delivery (mailing_id, position, subscriber_id, state, attempts, breaks) "
        "SELECT :mailing, id, id, 'queued', 0, 0 FROM subscriber"
    )
    began = time.perf_counter()
    with transaction(engine) as session:
        session.execute(statement, {"mailing": second})
    reference = time.perf_counter() - began
    with transaction(engine) as session:
        session.execute(text("DELETE FROM delivery"))
        session.execute(text("DELETE FROM batch"))
        session.execute(text("UPDATE mailing SET state = 'cancelled'"))
    yield Row(
        row=f"planning {people:,}, {engine.dialect.name}",
        ours=ours,
        reference=reference,
        unit="s",
        aim="<=2",
    )
