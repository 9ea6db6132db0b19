"""A digest opens and is planned once, at whatever step the worker that does it dies."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, func, select

from newsletter.database.engine import reading
from newsletter.database.tables import DigestEntryRow, MailingRow
from newsletter.database.vocabulary import Frequency, MailingKind
from tests.faults.dying_round import die_at_each_step
from tests.support.digests import choose, digests, due, offer, open_digests, received, send_issue
from tests.support.stage import Stage, set_stage

_READERS = ("a@example.jp", "b@example.jp")


def _stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(*_READERS)
    offer(engine)
    for address in _READERS:
        choose(stage, address, Frequency.WEEKLY)
    send_issue(stage, 1)
    return stage


def test_one_digest_goes_out_whenever_the_worker_dies(engine: Engine, database_url: str) -> None:
    stage = _stage(engine)
    moment = due(engine)
    *died, _ended = die_at_each_step(database_url, moment, "digests")
    # It dies before the mailing is there, and between that and its plan.
    assert len(died) > 5
    open_digests(engine, moment)
    with reading(engine) as session:
        unplanned = session.scalars(
            select(MailingRow.started_at).where(MailingRow.kind == MailingKind.DIGEST)
        ).all()
        assert len(unplanned) == 1
        assert session.scalar(select(func.count()).select_from(DigestEntryRow)) == 0
    assert len(digests(engine)) == 1
    assert received(stage) == {address: Counter({"第1号": 1}) for address in _READERS}


def test_two_hosts_at_once_open_one_digest(engine: Engine) -> None:
    stage = _stage(engine)
    moment = due(engine)
    with ThreadPoolExecutor(2) as hosts:
        opened = list(hosts.map(lambda _host: open_digests(engine, moment), range(2)))
    assert sum(map(len, opened)) == 1
    assert received(stage) == {address: Counter({"第1号": 1}) for address in _READERS}
