"""Metrics for Prometheus, computed from the database, so that every process returns the same.

Workers have no counters of their own; their work is in tallies and heartbeats. So killed processes,
several hosts and several web servers do not affect the figures.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from newsletter import __version__
from newsletter.database.engine import reading
from newsletter.database.vocabulary import BounceKind, DeliveryState
from newsletter.mailings.ledger.tallies import totals
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import AlarmSeverity
from newsletter.operations.alarms.processes import unrepaired_losses
from newsletter.operations.attention import ReplyClass, UnsettledMailing
from newsletter.operations.overview import Overview

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs a query in a thread, and waits for its result with a timeout.

    Concurrent callers wait for the same result. So a hanging server occupies one thread and one
    connection, however many probes there are.
    """

    def __init__(self, ask: Callable[[], T], *, seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None

    def answer(self) -> T:
        """Return the result of the query, or raise its error.

        Raises:
            TimeoutError: The query did not finish in time.
        """
        return self._flight().result(timeout=self._seconds)

    async def answer_awaited(self) -> T:
        """Like `answer`, but without blocking a thread, for requests that anybody can make.

        Raises:
            TimeoutError: The query did not finish in time.
        """
        told = asyncio.wrap_future(self._flight())
        # Retrieve the error of an abandoned query, which asyncio would log otherwise.
        told.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.wait_for(asyncio.shield(told), self._seconds)

    def _flight(self) -> Future[T]:
        with self._lock:
            asked = self._asked
            if asked is None:
                asked = self._asked = Future()
                threading.Thread(target=self._go, args=(asked,), daemon=True).start()
        return asked

    def _go(self, asked: Future[T]) -> None:
        try:
            answer = self._ask()
        except BaseException as error:  # noqa: BLE001 - raised by the callers
            self._end()
            asked.set_exception(error)
        else:
            self._end()
            asked.set_result(answer)

    def _end(self) -> None:
        with self._lock:
            self._asked = None


Totals = Sequence[tuple[str, DeliveryState, int]]

#: Less than Prometheus's default timeout of 10 seconds, after which it would get no metrics at all.
_TIMEOUT_SECONDS = 8.0


class OperationsCollector(Collector):
    """Computes all metrics at each request."""

    def __init__(self, engine: Engine, look_now: Callable[[], Overview]) -> None:
        self._engine = engine
        self._look_now = look_now
        self._seen = SingleFlight(self._look, seconds=_TIMEOUT_SECONDS)

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; if the database is away, only that fact."""
        yield _labelled("newsletter_build_info", "The version.", "version", {__version__: 1})
        try:
            seen, counted = self._seen.answer()
        except (SQLAlchemyError, TimeoutError):
            yield _gauge("newsletter_database_up", "Whether the database answers.", 0)
            return
        yield _gauge("newsletter_database_up", "Whether the database answers.", 1)
        yield from _of_servers(seen)
        yield from _of_sending(seen, counted)
        yield from _of_processes(seen)
        yield from _of_attention(seen)

    def _look(self) -> tuple[Overview, Totals]:
        seen = self._look_now()
        with reading(self._engine) as session:
            return seen, totals(session)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _labelled(name: str, words: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _of_servers(seen: Overview) -> Iterator[Metric]:
    yield _gauge(
        "newsletter_database_seconds",
        "How long a question to the database takes.",
        seen.database.milliseconds / 1000,
    )
    broker = seen.broker
    if broker is None:
        return
    yield _gauge("newsletter_redis_up", "Whether Redis answers.", not broker.problem)
    if broker.problem:
        return
    yield _gauge(
        "newsletter_redis_seconds", "How long Redis takes to answer.", broker.milliseconds / 1000
    )
    yield _gauge("newsletter_redis_memory_bytes", "Memory that Redis uses.", broker.used_memory)
    yield _gauge(
        "newsletter_redis_memory_limit_bytes", "What it may use; 0 is no limit.", broker.max_memory
    )
    yield _gauge(
        "newsletter_redis_keeps_tasks",
        "Whether its policy is noeviction.",
        broker.policy == "noeviction",
    )
    depths = {name: float(depth) for name, depth in broker.depths.items()}
    yield _labelled("newsletter_redis_tasks", "Tasks that wait in Redis.", "queue", depths)


def _of_sending(seen: Overview, counted: Totals) -> Iterator[Metric]:
    deliveries = CounterMetricFamily(
        "newsletter_deliveries", "Attempts by outcome.", labels=["relay", "state"]
    )
    for relay, state, count in counted:
        deliveries.add_metric([relay, state.value], count)
    yield deliveries
    work = seen.backlog
    yield _labelled(
        "newsletter_batches",
        "Batches of mailings under way.",
        "state",
        {
            "due": work.due,
            "urgent": work.urgent_due,
            "leased": work.leased,
            "overdue": work.overdue_leases,
            "later": work.later,
        },
    )
    ages = {
        name: (seen.taken_at - since).total_seconds() if since is not None else 0.0
        for name, since in (("bulk", work.oldest_due_at), ("urgent", work.oldest_urgent_at))
    }
    yield _labelled(
        "newsletter_oldest_due_seconds", "For how long the oldest due batch waits.", "queue", ages
    )
    yield _labelled(
        "newsletter_relay_available",
        "Whether a relay takes mail, and is not held.",
        "relay",
        {relay.name: relay.resting is None for relay in seen.relays},
    )
    held = sum(domain.held is not None for domain in seen.domains)
    yield _gauge("newsletter_domains_held", "Recipient domains that are held.", held)


def _of_processes(seen: Overview) -> Iterator[Metric]:
    counted: Counter[tuple[str, str, str]] = Counter()
    unrepaired = () if seen.is_unwritable else unrepaired_losses(seen)
    gone = [(each, "lost") for processes in unrepaired for each in processes]
    there = [
        (each, "draining" if each.draining else "alive") for each in seen.processes if not each.lost
    ]
    for each, state in (*there, *gone):
        counted[each.process.kind.value, each.process.node, state] += 1
    family = GaugeMetricFamily(
        "newsletter_processes",
        "Processes that live, or were lost within the hour and not replaced.",
        labels=["kind", "node", "state"],
    )
    for labels, count in sorted(counted.items()):
        family.add_metric(labels, count)
    yield family
    if seen.round_at is not None:
        yield _gauge(
            "newsletter_round_age_seconds",
            "For how long nobody looked at the ledger.",
            (seen.taken_at - seen.round_at).total_seconds(),
        )


def _of_attention(seen: Overview) -> Iterator[Metric]:
    about: dict[str, float] = {word.value: 0 for word in ReplyClass}
    for group in seen.deferred:
        about[group.reply_class.value] += group.count
    yield _labelled(
        "newsletter_deferred", "Deferred deliveries by what the reply is about.", "about", about
    )
    yield _gauge("newsletter_uncertain", "Deliveries in doubt.", _sum(seen.uncertain))
    yield _gauge("newsletter_failed", "Deliveries given up in a week.", _sum(seen.failed))
    yield _gauge("newsletter_mailings_paused", "Mailings that are paused.", len(seen.halted))
    yield _gauge("newsletter_incidents", "Waves of bounces to be judged.", len(seen.incidents))
    bounces = {kind.value: float(seen.bounces.get(kind, 0)) for kind in BounceKind}
    yield _labelled("newsletter_bounces_day", "What came back in 24 hours.", "kind", bounces)
    found = find_alarms(seen)
    alarms = Counter(alarm.severity for alarm in found)
    yield _labelled(
        "newsletter_alarms",
        "What the page /operate says is wrong.",
        "severity",
        {severity.value: alarms[severity] for severity in AlarmSeverity},
    )
    acknowledged = sum(alarm.acknowledgement is not None for alarm in found)
    yield _gauge(
        "newsletter_alarms_acknowledged", "Alarms that somebody looks after.", acknowledged
    )


def _sum(mailings: Sequence[UnsettledMailing]) -> int:
    return sum(mailing.count for mailing in mailings)
