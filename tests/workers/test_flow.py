"""How fast and by which way mail flows, measured at the relay while real workers send."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from redis import Redis
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BatchRow, SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, DeliveryState, UnsubscribeWay
from newsletter.i18n.language import Language
from newsletter.mailings.ledger.schedule import Schedule
from newsletter.mailings.notices.join_requests import Applicant, Evidence, JoinRequests
from newsletter.newsletters.publications import find_newsletter
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from subscribers.joining import Origin
from subscribers.leaving import unsubscribe
from tests.support.celery import celery_workers
from tests.support.ports import await_condition, free_port
from tests.support.relay import CountingRelay, counting_relay
from tests.support.stage import Stage, set_stage

#: Somebody who left must get nothing that begins so many seconds later (docs/adr/0002).
_LEAVING_SECONDS = 5
#: Seconds' worth that a bucket saves up, and for which what was drawn from it may be used.
_SAVED, _LAPSE = 0.5, 1.0


class Watch:
    """Counts at the relay over time."""

    def __init__(self, relay: CountingRelay, suffix: str = "") -> None:
        self._relay, self._suffix = relay, suffix
        self._ended = threading.Event()
        self._seen: list[tuple[float, float, int]] = []
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            before = time.monotonic()
            count = sum(
                times
                for address, times in self._relay.accepted().items()
                if address.endswith(self._suffix)
            )
            self._seen.append((before, time.monotonic(), count))

    def most_beyond(self, rate: float) -> float:
        """Return by how many messages ``rate`` was exceeded for certain, over any stretch of time.

        A look takes time on a busy machine: a stretch is as long as it can have been.
        """
        self._ended.set()
        self._thread.join()
        least, most = float("inf"), 0.0
        for before, after, count in self._seen:
            least = min(least, count - rate * before)
            most = max(most, count - rate * after - least)
        return most

    def most_ahead(self, rate: float, begun: float) -> float:
        """Return by how many messages a plan of ``rate`` from ``begun`` on was exceeded at most.

        However late a share goes, because the machine is busy, it is not ahead of the plan.
        """
        self._ended.set()
        self._thread.join()
        return max(count - rate * (after - begun) for _, after, count in self._seen)


@contextmanager
def _workers(
    database_url: str, redis_url: str, folder: Path, *urls: str, **environment: str
) -> Iterator[None]:
    with celery_workers(
        database_url=database_url,
        redis_url=redis_url,
        smtp_url=",".join(urls),
        folder=folder / "data",
        batch_size=25,
        **environment,
    ):
        yield


def _subscribe(stage: Stage, count: int, domain: str = "example.jp") -> list[str]:
    addresses = [f"reader{number:04d}@{domain}" for number in range(count)]
    stage.subscribe(*addresses)
    return addresses


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_relay_s_rate_holds_for_all_workers_together_also_when_redis_forgets(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    rate, people, processes = 40, 200, 3
    stage = set_stage(engine)
    _subscribe(stage, people)
    with (
        counting_relay(tmp_path, options=f"connections=4&rate={rate}") as relay,
        _workers(database_url, redis_url, tmp_path, relay.url, WORKER_PROCESSES=str(processes)),
        Redis.from_url(redis_url) as redis,
    ):
        watch = Watch(relay)
        mailing = stage.mail(batch_size=20)
        await_condition(lambda: relay.count() > people // 3, seconds=60, what="a third of it")
        redis.flushall()
        stage.await_end(mailing)
        beyond = watch.most_beyond(rate)
    assert beyond <= rate * (_SAVED + _LAPSE) + 1
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: people}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_domain_s_rate_holds_up_no_other_domain(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    rate, people = 5, 40
    stage = set_stage(engine)
    # Side by side in every batch, as in a list that grew.
    stage.subscribe(
        *(f"{number}@{one}.example.jp" for number in range(people) for one in ("slow", "quick"))
    )
    with (
        counting_relay(tmp_path) as relay,
        _workers(
            database_url, redis_url, tmp_path, relay.url, DOMAIN_RATES=f"slow.example.jp={rate}"
        ),
    ):
        watch = Watch(relay, "@slow.example.jp")
        mailing = stage.mail(batch_size=30)

        def arrived(domain: str) -> int:
            return sum(address.endswith(domain) for address in relay.accepted())

        await_condition(lambda: arrived("@quick.example.jp") == people, seconds=60, what="quick")
        slow_by_then = arrived("@slow.example.jp")
        stage.await_end(mailing)
        beyond = watch.most_beyond(rate)
    assert slow_by_then < people
    assert beyond <= rate * (_SAVED + _LAPSE) + 1
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 2 * people}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_list_sorted_by_domain_does_not_wait_for_the_rate_of_its_first(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    rate, people = 1, 100
    stage = set_stage(engine)
    stage.subscribe(*(f"{number}@slow.example.jp" for number in range(people)))
    stage.subscribe(*(f"{number}@quick.example.jp" for number in range(people)))
    with (
        counting_relay(tmp_path) as relay,
        _workers(
            database_url, redis_url, tmp_path, relay.url, DOMAIN_RATES=f"slow.example.jp={rate}"
        ),
    ):
        watch = Watch(relay, "@slow.example.jp")
        stage.mail(batch_size=10)

        def arrived(domain: str) -> int:
            return sum(address.endswith(domain) for address in relay.accepted())

        await_condition(lambda: arrived("@quick.example.jp") == people, seconds=60, what="quick")
        assert arrived("@slow.example.jp") < people // 2
        assert watch.most_beyond(rate) <= rate * (_SAVED + _LAPSE) + 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_relays_share_the_batches_by_their_weights(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 400)
    (tmp_path / "heavy").mkdir()
    (tmp_path / "light").mkdir()
    with (
        counting_relay(tmp_path / "heavy", options="connections=2&weight=4") as heavy,
        counting_relay(tmp_path / "light", options="connections=2&weight=1") as light,
        _workers(database_url, redis_url, tmp_path, heavy.url, light.url),
    ):
        mailing = stage.mail(batch_size=5)
        stage.await_end(mailing)
        taken = heavy.accepted() + light.accepted()
        share = heavy.count() / len(people)
    assert sorted(taken.elements()) == people
    # Of 80 draws at 0.8: seven standard deviations to either side.
    assert 0.5 < share < 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reserve_takes_over_when_the_relay_is_dead(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 60)
    dead = f"smtp://127.0.0.1:{free_port()}?timeout=2"
    with (
        counting_relay(tmp_path, options="connections=2&weight=0") as reserve,
        _workers(database_url, redis_url, tmp_path, dead, reserve.url),
    ):
        mailing = stage.mail(batch_size=20)
        stage.await_end(mailing)
        assert sorted(reserve.accepted().elements()) == people
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: len(people)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reserve_rests_while_the_relay_works(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 60)
    (tmp_path / "first").mkdir()
    (tmp_path / "reserve").mkdir()
    with (
        counting_relay(tmp_path / "first") as first,
        counting_relay(tmp_path / "reserve", options="weight=0") as reserve,
        _workers(database_url, redis_url, tmp_path, first.url, reserve.url),
    ):
        stage.await_end(stage.mail(batch_size=20))
        assert (first.count(), reserve.count()) == (len(people), 0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_confirmation_overtakes_a_mailing_that_keeps_all_workers_busy(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 600)
    signer = TokenSigner([b"k" * 40])
    desk = JoinRequests.of(Settings(_env_file=None), engine, signer)
    with reading(engine) as session:
        newsletter = find_newsletter(session, "digest")
    with (
        counting_relay(tmp_path, options="connections=2", delay=0.1) as relay,
        _workers(database_url, redis_url, tmp_path, relay.url, WORKER_PROCESSES="2"),
    ):
        stage.mail(batch_size=50)
        await_condition(lambda: relay.count() > 20, seconds=60, what="the mailing to go")
        desk.take(
            newsletter,
            Applicant(
                address=parse_address("new@example.jp"),
                origin=Origin(
                    source="form", network="", wording="wording", language=Language.JAPANESE
                ),
                client="192.0.2.1",
                evidence=Evidence(),
            ),
        )
        await_condition(
            lambda: "new@example.jp" in relay.accepted(), seconds=60, what="the confirmation"
        )
        assert relay.count() < len(people) // 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_leaves_amid_a_mailing_gets_nothing_five_seconds_later_from_any_of_four_workers(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 500)
    # Known before the mailing goes, so that leaving takes a moment.
    ids = {address: stage.subscriber_id(address) for address in people}
    with (
        # So slow that on a busy machine, too, most are still to be sent when they have left.
        counting_relay(tmp_path, options="connections=2&rate=20") as relay,
        _workers(database_url, redis_url, tmp_path, relay.url, WORKER_PROCESSES="4"),
    ):
        mailing = stage.mail(batch_size=100)
        await_condition(lambda: relay.count() > 60, seconds=60, what="the mailing to go")
        leavers = [address for address in people if address not in relay.accepted()][::5]
        with transaction(engine) as session:
            for address in leavers:
                unsubscribe(
                    session,
                    newsletter_id=stage.newsletter_id,
                    subscriber_id=ids[address],
                    mailing_id=mailing,
                    way=UnsubscribeWay.PAGE,
                )
        time.sleep(_LEAVING_SECONDS)
        by_then = set(relay.accepted())
        stage.await_end(mailing)
        late = (set(relay.accepted()) - by_then) & set(leavers)
        skipped = stage.counts(mailing)[DeliveryState.SKIPPED]
    assert late == set()
    # Who left while their message was on its way got it: that is within the five seconds.
    assert skipped >= len(leavers) // 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sent_gradually_no_worker_runs_ahead_of_the_plan(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    share, shares, seconds = 5, 6, 12
    stage = set_stage(engine)
    people = _subscribe(stage, share * shares)
    with (
        counting_relay(tmp_path) as relay,
        _workers(database_url, redis_url, tmp_path, relay.url, WORKER_PROCESSES="2"),
    ):
        watch, begun = Watch(relay), time.monotonic()
        mailing = stage.mail(batch_size=share, schedule=Schedule(spread=timedelta(seconds=seconds)))
        stage.await_end(mailing)
        ahead = watch.most_ahead(len(people) / seconds, begun)
    # The first share goes at once.
    assert ahead <= share
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: len(people)}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_everywhere_at_an_hour_nobody_gets_it_before_their_own_clock_says_so(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stage = set_stage(engine)
    people = _subscribe(stage, 20)
    west, east = people[:10], people[10:]
    with transaction(engine) as session:
        for zone, members in (("Asia/Kolkata", west), ("Asia/Tokyo", east)):
            session.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.subscriber_id.in_(map(stage.subscriber_id, members)))
                .values(time_zone=zone)
            )
    tokyo = now().astimezone(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    with (
        counting_relay(tmp_path) as relay,
        _workers(database_url, redis_url, tmp_path, relay.url),
    ):
        mailing = stage.mail(schedule=Schedule(hour=tokyo, everywhere=True))
        await_condition(lambda: relay.count() == len(east), seconds=60, what="the east")
        await_condition(
            lambda: stage.counts(mailing).get(DeliveryState.ACCEPTED) == len(east),
            seconds=60,
            what="its record",
        )
        assert sorted(relay.accepted()) == east
        assert stage.counts(mailing)[DeliveryState.QUEUED] == len(west)
        with transaction(engine) as session:
            _let_hours_pass(session, mailing)
        stage.await_end(mailing)
        assert sorted(relay.accepted().elements()) == people


def _let_hours_pass(session: Session, mailing: int) -> None:
    session.execute(
        update(BatchRow)
        .where(BatchRow.mailing_id == mailing, BatchRow.state == BatchState.PENDING)
        .values(due_at=now())
    )
