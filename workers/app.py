"""The Celery application: tasks are hints that carry ids; the ledger decides which work to do."""

from __future__ import annotations

import atexit
import gc
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache, partial
from threading import Thread
from typing import TYPE_CHECKING

from celery import Celery, Task
from celery.beat import ScheduleEntry, Scheduler
from celery.result import AsyncResult
from celery.schedules import schedstate, schedule
from celery.signals import (
    beat_init,
    celeryd_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)
from celery.worker.consumer import Consumer
from kombu import Producer
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from newsletter.database.engine import AWAY, reason_of
from newsletter.database.vocabulary import ProcessKind
from newsletter.errors import Place, SettingError
from newsletter.i18n.messages import msg
from newsletter.issues.checks import opened_links
from newsletter.logs import bound, set_up_logs
from newsletter.mailings.ledger.dispatch import take_due_batches
from newsletter.mailings.ledger.leases import return_hint
from newsletter.operations.heartbeats import Process, count_processes
from newsletter.settings import Settings, load_settings
from subscribers.lists.imports.runs import next_upload
from subscribers.lists.imports.runs import return_hint as return_list_hint
from subscribers.lists.imports.undo import next_undo
from subscribers.tagging import next_tagging
from workers import batches, lists, liveness, periodic, stopping
from workers.command import LISTS, WorkerRole
from workers.composition import WorkerServices, build
from workers.isolation import isolated
from workers.log_lines import quiet_celery, tell_that_broker_answers

if TYPE_CHECKING:
    from collections.abc import Callable

    _LongTask = Task[[int], None] | Callable[[int], None]

_log = logging.getLogger(__name__)

#: Seconds between two rounds of beat.
_ROUND_SECONDS = 2.0


@lru_cache(maxsize=1)
def services() -> WorkerServices:
    """Return this process's services, built when the first task needs them."""
    return build(load_settings())


class Steadily(schedule):
    """A schedule with a fixed interval in seconds, by the monotonic clock.

    Celery's own schedule and scheduler use the wall clock: if it is set back by an hour, they pause
    for an hour.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._interval = seconds
        self._due_at = 0.0

    def is_due(self, last_run_at: datetime) -> schedstate:  # noqa: ARG002 - by the wall clock
        """See Celery."""
        moment = time.monotonic()
        if moment < self._due_at:
            return schedstate(is_due=False, next=self._due_at - moment)
        self._due_at = moment + self._interval
        return schedstate(is_due=True, next=self._interval)


class SteadyScheduler(Scheduler):
    """A scheduler that orders its entries by the monotonic clock."""

    def _when(self, entry: ScheduleEntry, next_time_to_run: float, **_how: object) -> float:
        """Return when an entry is due; see Celery."""
        del entry
        return time.monotonic() + (next_time_to_run or 0)

    def apply_async(
        self,
        entry: ScheduleEntry,
        producer: Producer | None = None,
        advance: bool = True,  # noqa: FBT001, FBT002 - as Celery has it
        **how: object,
    ) -> AsyncResult[object]:
        """Publish a task; see Celery."""
        handed: AsyncResult[object] = super().apply_async(entry, producer, advance, **how)
        tell_that_broker_answers()
        return handed


def create_celery(settings: Settings) -> Celery:
    """Return the application for one broker.

    Raises:
        SettingError: No broker is set.
    """
    if not settings.redis_url:
        raise SettingError(
            msg("No broker is configured."),
            place=Place(source=msg("settings"), field="REDIS_URL"),
            remedy=msg("Set it, for example, to redis://127.0.0.1:6379/0."),
        )
    app = Celery("newsletter", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=30.0,
        worker_enable_soft_shutdown_on_idle=False,
        worker_hijack_root_logger=False,
        # Remote control would allow anybody with access to the broker to stop workers. Draining
        # uses the database instead.
        worker_enable_remote_control=False,
        # Events are for monitors such as Flower; without one, they only cost time.
        worker_send_task_events=settings.task_events,
        task_send_sent_event=settings.task_events,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        # Reconnect to Redis forever; by default a worker stops after about an hour.
        broker_connection_max_retries=None,
        broker_transport_options={"visibility_timeout": 3600, "socket_keepalive": True},
        task_default_queue="bulk",
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        # The round is the only periodic task, so beat needs no file with the time of the last run.
        beat_scheduler="workers.app:SteadyScheduler",
        beat_schedule={
            "round": {
                "task": "newsletter.round",
                "schedule": Steadily(_ROUND_SECONDS),
                # A late round is useless, since another one follows. The clocks of hosts may differ
                # by up to this time.
                "options": {"expires": _ROUND_SECONDS * 30, "queue": "control"},
            }
        },
    )
    _register(app)
    return app


def _register(app: Celery) -> None:
    import_list, undo_import, tag_people, open_links = _register_long_work(app)

    @app.task(name="newsletter.round")
    def run_round() -> None:
        """Run a round on the ledger: recover stalled work, plan, publish hints, finish mailings."""
        with _unless_a_server_is_away():
            current = services()
            periodic.go(current, planned=partial(_try_to_hint, current, send_batch))
            _hint(current, send_batch)
            periodic.finish(current.engine)
            _hint_at_list(current, import_list)
            _hint_at_links(current, open_links)
            _hint_at_undo(current, undo_import)
            _hint_at_tagging(current, tag_people)

    @app.task(name="newsletter.send_batch")
    def send_batch(mailing_id: int, number: int, urgent: bool = False) -> None:  # noqa: FBT001, FBT002 - a task's
        """Send one batch and the next ones, then publish hints without waiting for beat."""
        with _unless_a_server_is_away(), bound(mailing=mailing_id, batch=number):
            current = services()
            if stopping.stop_requested():
                return_hint(current.engine, mailing_id, number)
                return
            periodic.look_back(current)
            with _sign_of_life().sending(mailing_id, number):
                answered = batches.send_batch(current, mailing_id, number, urgent=urgent)
            _sign_of_life().count(answered)
            if not stopping.stop_requested():
                _hint(current, send_batch)
            periodic.finish(current.engine)

    _ = run_round


def _register_long_work(app: Celery) -> tuple[_LongTask, _LongTask, _LongTask, _LongTask]:
    """Register the long tasks on people or links; a task that has no turn returns at once."""

    @app.task(name="newsletter.import_list")
    def import_list(upload_id: int) -> None:
        """Import a list that was uploaded by a browser, then publish a hint for the next one."""
        with _unless_a_server_is_away(), bound(list=upload_id):
            current = services()
            with _turn(current) as ours:
                if ours:
                    lists.import_list(current, upload_id)
            if ours:
                _hint_at_list(current, import_list)
            else:
                return_list_hint(current.engine, upload_id)

    @app.task(name="newsletter.undo_import")
    def undo_import(import_id: int) -> None:
        """Undo an import; several hosts may run this at once."""
        with _unless_a_server_is_away(), bound(list_import=import_id), _turn(services()) as ours:
            if ours:
                lists.undo_import(services(), import_id)

    @app.task(name="newsletter.tag_people")
    def tag_people(order_id: int) -> None:
        """Add a tag to many people, or remove it; several hosts may run this at once."""
        with _unless_a_server_is_away(), bound(tagging=order_id), _turn(services()) as ours:
            if ours:
                lists.tag_people(services(), order_id)

    @app.task(name="newsletter.open_links")
    def open_links(draft_id: int) -> None:
        """Check the links of a draft at an editor's request."""
        with _unless_a_server_is_away(), bound(draft=draft_id), _turn(services()) as ours:
            if ours:
                opened_links.open_links(services().engine, draft_id)

    return import_list, undo_import, tag_people, open_links


@contextmanager
def _turn(current: WorkerServices) -> Iterator[bool]:
    """Hold the turn of long tasks during the block; False if it is taken or the process stops."""
    if stopping.stop_requested():
        yield False
        return
    with lists.turn(current.settings.data_dir) as ours:
        yield ours


@contextmanager
def _unless_a_server_is_away() -> Iterator[None]:
    """Log the loss of a server in one line; the next round continues the work of the ledger."""
    try:
        yield
    except AWAY as error:
        _log.warning("The database cannot be used: %s", reason_of(error))
    except (BrokerError, RedisError) as error:
        _log.warning("Redis takes no tasks (REDIS_URL): %s", error)


def _hint(
    current: WorkerServices, task: Task[[int, int, bool], None] | Callable[[int, int, bool], None]
) -> None:
    """Publish hints after the ledger's transaction that marked them is committed.

    The number of hints is that of the processes plus one; all other work stays in the ledger.
    """
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    for queue, worker in _QUEUES.items():
        urgent = queue == "urgent"
        room = count_processes(current.engine, worker) + 1 - _depth(task.app, queue)
        for hint in take_due_batches(current.engine, urgent=urgent, room=room):
            task.apply_async(args=(hint.mailing_id, hint.number, urgent), queue=queue)


def _try_to_hint(
    current: WorkerServices, task: Task[[int, int, bool], None] | Callable[[int, int, bool], None]
) -> None:
    """Publish hints during a round, whose end logs a failure of Redis."""
    with suppress(BrokerError, RedisError):
        _hint(current, task)


def _hint_at_list(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint for the next list to import, if no import is running."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    upload_id = next_upload(current.engine)
    if upload_id is not None:
        task.apply_async(args=(upload_id,), queue=LISTS)


def _hint_at_undo(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint for the next import to undo, if the queue has none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    import_id = next_undo(current.engine)
    if import_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(import_id,), queue=LISTS)


def _hint_at_tagging(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint for the next order of tags, if the queue has none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    order_id = next_tagging(current.engine)
    if order_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(order_id,), queue=LISTS)


def _hint_at_links(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint for the next draft whose links are to be checked, if the queue has none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    draft_id = opened_links.next_waiting(current.engine)
    if draft_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(draft_id,), queue=LISTS)


#: The role of the workers that consume a queue of hints.
_QUEUES = {"urgent": WorkerRole.CONTROL, "bulk": WorkerRole.BULK}


def _depth(app: Celery, queue: str) -> int:
    """Return the number of tasks in a queue, without those that a process has taken."""
    with app.connection_or_acquire() as connection:
        waiting: int = connection.default_channel.client.llen(queue)
    return waiting


#: This worker's name, which is set before the pool forks; and the sign of life of this process.
_node: list[str] = []
_signs: list[liveness.SignOfLife] = []


def _sign_of_life() -> liveness.SignOfLife:
    if not _signs:
        node = _node[0] if _node else ""
        _signs.append(liveness.SignOfLife(load_settings(), Process.this(ProcessKind.WORKER, node)))
    return _signs[0]


@setup_logging.connect
def _set_up_logs(loglevel: object = None, **_signal: object) -> None:
    """Set up the product's logs; a receiver of this signal keeps Celery from setting up its own."""
    del loglevel
    settings = load_settings()
    set_up_logs(settings)
    quiet_celery(settings.log_level, redis_url=settings.redis_url)


@celeryd_init.connect
def _remember_name(sender: str, **_signal: object) -> None:
    _node[:] = [sender]


@worker_ready.connect
def _follow_drains(sender: Consumer, **_signal: object) -> None:
    liveness.follow_drains(sender)


@worker_process_init.connect
def _begin_process(**_signal: object) -> None:
    _sign_of_life()
    # Celery kills a process that takes more than some seconds to start.
    Thread(target=_look_back_at_once, name="first-look-back", daemon=True).start()
    # Modules live as long as the process; without this, each full collection took 0.2 s.
    gc.freeze()


def _look_back_at_once() -> None:
    """Register this host in the database and replay its journals before its first task.

    A round runs on any one host, and after the database was restored, the product waits for every
    host's journals.
    """
    with isolated("the first look back"), _unless_a_server_is_away():
        own = build(load_settings())
        try:
            periodic.look_back(own)
        finally:
            own.close()


@beat_init.connect
def _give_a_sign_of_beat(**_signal: object) -> None:
    sign = liveness.of_beat(load_settings())
    _signs.append(sign)
    # Celery has a signal for the start of beat and none for its end.
    atexit.register(sign.end)


@worker_init.connect
def _prepare_stopping(**_signal: object) -> None:
    stopping.prepare()


@worker_shutting_down.connect
def _stop_soon(**_signal: object) -> None:
    stopping.request_stop()


@worker_process_shutdown.connect
def _record_stop(**_signal: object) -> None:
    for sign in _signs:
        sign.end()
    if services.cache_info().currsize:
        services().close()


@lru_cache(maxsize=1)
def _application() -> Celery:
    return create_celery(load_settings())


def __getattr__(name: str) -> Celery:
    """Create ``app`` when Celery's command line accesses it; the import has no side effects."""
    if name in {"app", "celery"}:
        return _application()
    raise AttributeError(name)
