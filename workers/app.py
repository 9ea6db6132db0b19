"""The Celery application: tasks carry ids only and are hints; the ledger decides what is done."""

from __future__ import annotations

import atexit
import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from threading import Thread
from typing import TYPE_CHECKING

from celery import Celery, Task
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
from workers.intervals import Steadily
from workers.isolation import isolated
from workers.log_lines import quiet_celery

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
        # Whoever reaches the broker could end workers by it; drains go by the database.
        worker_enable_remote_control=False,
        # Events, for Flower and the like; nobody hears them, so they cost, unless asked for.
        worker_send_task_events=settings.task_events,
        task_send_sent_event=settings.task_events,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        # Redis may be away for as long as it likes; by default a worker ends after about an hour.
        broker_connection_max_retries=None,
        broker_transport_options={"visibility_timeout": 3600, "socket_keepalive": True},
        task_default_queue="bulk",
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        # The round is all there is, so beat needs no file to remember when it last ran.
        beat_scheduler="workers.intervals:SteadyScheduler",
        beat_schedule={
            "round": {
                "task": "newsletter.round",
                "schedule": Steadily(_ROUND_SECONDS),
                # A round that could not run in time is worth nothing any more; hosts' clocks may
                # differ by as much.
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
        """Look at the ledger: take up what stalled, plan, hint at what is due, end what is done."""
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
        """Send one batch and those whose turn is next, then see what is due without beat."""
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
    """Register what works through many people or links; without its turn, a task does nothing."""

    @app.task(name="newsletter.import_list")
    def import_list(upload_id: int) -> None:
        """Import a list that somebody brought by a browser, then see which is next."""
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
        """Undo an import; hosts may do so together."""
        with _unless_a_server_is_away(), bound(list_import=import_id), _turn(services()) as ours:
            if ours:
                lists.undo_import(services(), import_id)

    @app.task(name="newsletter.tag_people")
    def tag_people(order_id: int) -> None:
        """Give many people a tag, or take it from them; hosts may do so together."""
        with _unless_a_server_is_away(), bound(tagging=order_id), _turn(services()) as ours:
            if ours:
                lists.tag_people(services(), order_id)

    @app.task(name="newsletter.open_links")
    def open_links(draft_id: int) -> None:
        """Open a draft's links, as an editor asked for."""
        with _unless_a_server_is_away(), bound(draft=draft_id), _turn(services()) as ours:
            if ours:
                opened_links.open_links(services().engine, draft_id)

    return import_list, undo_import, tag_people, open_links


@contextmanager
def _turn(current: WorkerServices) -> Iterator[bool]:
    """Have the turn for the block; False where another process has it, or this one is to stop."""
    if stopping.stop_requested():
        yield False
        return
    with lists.turn(current.settings.data_dir) as ours:
        yield ours


@contextmanager
def _unless_a_server_is_away() -> Iterator[None]:
    """Say so in one line; the next round finds in the ledger what was not done."""
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

    As many as processes can take at once, and one ahead: all else waits in the ledger.
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
    """Publish hints amid a round, at whose end it is said if Redis takes none."""
    with suppress(BrokerError, RedisError):
        _hint(current, task)


def _hint_at_list(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint at the list that is to be imported next, if none is under way."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    upload_id = next_upload(current.engine)
    if upload_id is not None:
        task.apply_async(args=(upload_id,), queue=LISTS)


def _hint_at_undo(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint at the import that is to be undone next, if the queue holds none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    import_id = next_undo(current.engine)
    if import_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(import_id,), queue=LISTS)


def _hint_at_tagging(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint at the tag that is to be given next, if the queue holds none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    order_id = next_tagging(current.engine)
    if order_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(order_id,), queue=LISTS)


def _hint_at_links(current: WorkerServices, task: _LongTask) -> None:
    """Publish a hint at the draft whose links are to be opened next, if the queue holds none."""
    assert isinstance(task, Task)  # noqa: S101 - what the decorator returns
    draft_id = opened_links.next_waiting(current.engine)
    if draft_id is not None and not _depth(task.app, LISTS):
        task.apply_async(args=(draft_id,), queue=LISTS)


#: Which worker's processes take the hints of a queue.
_QUEUES = {"urgent": WorkerRole.CONTROL, "bulk": WorkerRole.BULK}


def _depth(app: Celery, queue: str) -> int:
    """Return how many tasks wait in a queue, beyond those that a process took."""
    with app.connection_or_acquire() as connection:
        waiting: int = connection.default_channel.client.llen(queue)
    return waiting


#: This worker's name, known before its pool forks; and what tells that this process lives.
_node: list[str] = []
_signs: list[liveness.SignOfLife] = []


def _sign_of_life() -> liveness.SignOfLife:
    if not _signs:
        node = _node[0] if _node else ""
        _signs.append(liveness.SignOfLife(load_settings(), Process.this(ProcessKind.WORKER, node)))
    return _signs[0]


@setup_logging.connect
def _set_up_logs(loglevel: object = None, **_signal: object) -> None:
    """Write logs our way; a receiver keeps Celery from setting up its own."""
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
    # Celery ends a process that does not begin within seconds.
    Thread(target=_look_back_at_once, name="first-look-back", daemon=True).start()
    # Modules live as long as the process: looking for garbage among them took 0.2 s each time.
    gc.freeze()


def _look_back_at_once() -> None:
    """Let the database know of this host, and bring its journals back, before its first task.

    Rounds go to whichever host asks first, and whoever restored a database waits for this one.
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
    # Celery has a signal for beat's beginning and none for its end.
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
    """Build ``app`` when Celery's command line asks for it: nothing happens at import."""
    if name in {"app", "celery"}:
        return _application()
    raise AttributeError(name)
