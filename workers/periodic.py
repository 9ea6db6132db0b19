"""The round: periodic work, which beat requests every two seconds.

A round may run twice at the same time, or not at all for a while. Each step is one transaction that
has no effect the second time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, NewsletterError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.log import forget_old_bounces
from newsletter.i18n.messages import msg
from newsletter.mailings.approvals.comments import mail_comments
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.digests.opening import DigestSetting, open_due_digests
from newsletter.mailings.ledger import database_history, worker_hosts
from newsletter.mailings.ledger.dispatch import finish_mailings, unplanned_mailings
from newsletter.mailings.ledger.schedule import start_due_mailings
from newsletter.mailings.ledger.settlement import settle_by_policy
from newsletter.mailings.ledger.tallies import condense
from newsletter.mailings.mailings import pause_mailing
from newsletter.mailings.planning.planning import plan_mailing, plan_restored
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.series.planning import plan_series
from newsletter.mailings.trials.decisions import decide_due
from newsletter.newsletters.recurrence import open_due_drafts
from newsletter.operations.acknowledgements import forget_ended, has_acknowledgements
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import places_of
from newsletter.operations.heartbeats import forget_the_gone
from subscribers.fields.purging import purge_expired, purge_removed
from subscribers.forgetting import forget_unconfirmed
from subscribers.lists.imports.undo import forget_old_journals
from subscribers.lists.imports.uploads import forget_old
from subscribers.search_index import index_people, tidy_index
from workers import database_memory, lists, recovery
from workers.composition import WorkerServices
from workers.database_memory import Memory, recall, remember
from workers.isolation import isolated
from workers.journal import epochs_under_way
from workers.overview import overview_source

_log = logging.getLogger(__name__)

#: Rounds between two runs of retention, about ten minutes; and the transactions per run.
_RETENTION_ROUNDS = 300
_RETENTION_CHUNKS = 10
#: The maximum number of values deleted per round, which takes some seconds.
_PURGED = 20_000
#: Seconds of indexing per round; after a large import, the next rounds continue.
_INDEX_SECONDS = 1.0
#: Rounds between two runs of the steps that run about every minute.
_MINUTE_ROUNDS = 30
#: Rounds between two runs of the steps that run about every hour.
_TIDY_ROUNDS = 1800


def go(services: WorkerServices, planned: Callable[[], None] = lambda: None) -> None:
    """Run one round: recovery, starting, planning, trials, settling, bounces, and retention.

    ``planned`` is called after a mailing was planned, if another one follows.
    """
    look_back(services)
    mark = database_history.beat(services.engine)
    remember(services.settings.data_dir, mark)
    with isolated("the sweep"):
        recovery.sweep(services)
    with isolated("the sweep of imports"):
        lists.sweep(services)
    with isolated("the start of what is due"):
        start_due_mailings(
            services.engine, grace=timedelta(minutes=services.settings.grace_minutes)
        )
    with isolated("the digests that are due"):
        open_due_digests(services.engine, DigestSetting.of(services.settings))
    with isolated("the steps of series"):
        plan_series(services.engine)
    _plan_all(services.engine, planned)
    with isolated("the decisions between subjects"):
        decide_due(services.engine)
    with isolated("the settling by policy"):
        settle_by_policy(
            services.engine, patience=timedelta(minutes=services.settings.grace_minutes)
        )
    with isolated("the judgement of bounces"):
        _act_on_bounces(services)
    with isolated("the index of people"):
        index_people(services.engine, seconds=_INDEX_SECONDS)
    if mark.rounds % _MINUTE_ROUNDS == 0:
        with isolated("the end of acknowledged alarms"):
            _forget_ended_alarms(services)
        with isolated("the drafts that open by themselves"):
            open_due_drafts(services.engine)
        with isolated("the mail about comments"):
            mail_comments(services.engine, _post(services))
        with isolated("the removal of deleted fields' values"):
            purge_removed(services.engine, most=_PURGED)
    if mark.rounds % _RETENTION_ROUNDS == 0:
        with isolated("the forgetting of old bounces"):
            _forget_old_bounces(services)
        with isolated("the forgetting of old lists"):
            forget_old(services.engine)
            forget_old_journals(services.engine)
        with isolated("the forgetting of values by their retention"):
            purge_expired(services.engine, most=_PURGED)
        with isolated("the forgetting of who never confirmed"):
            _forget_unconfirmed(services)
    if mark.rounds % _TIDY_ROUNDS == 0:
        with isolated("the summing up of tallies"):
            condense(services.engine)
            forget_the_gone(services.engine)
        with isolated("the merging of the index of people"):
            tidy_index(services.engine)


def _forget_ended_alarms(services: WorkerServices) -> None:
    if not has_acknowledgements(services.engine):
        return
    seen = overview_source(services.settings, services.engine)()
    forget_ended(services.engine, places_of(find_alarms(seen)))


def _post(services: WorkerServices) -> Post:
    settings = services.settings
    return Post(templates_dir=settings.templates_dir, public_url=settings.public_url.rstrip("/"))


def _forget_old_bounces(services: WorkerServices) -> None:
    """Delete a bounded number of old bounces, so that a large log does not delay rounds."""
    settings = services.settings
    for _ in range(_RETENTION_CHUNKS):
        with transaction(services.engine) as session:
            if not forget_old_bounces(
                session,
                raw_days=settings.bounce_raw_days,
                row_days=settings.bounce_retention_days,
            ):
                return


def _forget_unconfirmed(services: WorkerServices) -> None:
    """Delete a bounded number of unconfirmed requests, in short transactions."""
    settings = services.settings
    for _ in range(_RETENTION_CHUNKS):
        with transaction(services.engine) as session:
            days = settings.confirm_days + settings.forget_unconfirmed_days
            if not forget_unconfirmed(session, days=days):
                return


def _plan_all(engine: Engine, planned: Callable[[], None]) -> None:
    """Plan all mailings that are due, including those ordered meanwhile.

    A mailing that cannot be planned yet is tried once per round.
    """
    seen: set[int] = set()
    while new := [each for each in unplanned_mailings(engine) if each not in seen]:
        for mailing_id in new:
            if seen:
                planned()
            seen.add(mailing_id)
            with isolated(f"the plan of mailing {mailing_id}"):
                _plan(engine, mailing_id)


def _plan(engine: Engine, mailing_id: int) -> None:
    try:
        planned = plan_mailing(engine, mailing_id)
        if planned:
            _log.info("mailing %d begins: %d planned", mailing_id, planned)
    except NewsletterError as error:
        # For example, a segment is not valid any more: paused until somebody looks at it.
        with suppress(ConflictError), transaction(engine) as session:
            pause_mailing(
                session,
                mailing_id,
                reason=msg("The recipients cannot be determined. {reason}", reason=error.whole),
            )


def finish(engine: Engine) -> None:
    """Finish the mailings whose batches are all done, and log their results."""
    for mailing_id in finish_mailings(engine):
        counts = progress(engine, mailing_id).counts
        states = ", ".join(f"{count} {state.value}" for state, count in counts.items())
        _log.info("mailing %d is finished: %s", mailing_id, states or "nobody was left")


def _act_on_bounces(services: WorkerServices) -> None:
    """Decide about new bounces, unless another process of this host is doing so.

    This may take long: a report without the address may require a search among a million people,
    and every recipient of our mail can send such reports. Other rounds must not wait for it.
    """
    keys = Keys(signer=services.signer, message_id_key=services.message_id_key)
    with lists.turn(services.settings.data_dir, "bounces") as ours:
        judged = ours
        while judged:
            judged = act_on_new_bounces(services.engine, keys) > 0


def look_back(services: WorkerServices) -> None:
    """Pause the mailings under way if the database was set back, or after a long standstill.

    This also runs before each batch: its hint may have been in the broker while the database was
    restored, and may be processed before the next round.
    """
    known = recall(services.settings.data_dir)
    _look_at_history(services, known, proven=False)
    grace = timedelta(minutes=services.settings.grace_minutes)
    reason = database_history.hold_after_silence(
        services.engine, awake=known.is_fresh(grace.total_seconds()), grace=grace
    )
    if reason:
        _log.warning("mailings under way are held: %s", reason)
        # Remembered, so that mailings that are resumed afterwards are not paused again.
        _remember_present(services)
    _introduce(services)


def _introduce(services: WorkerServices) -> None:
    """Record this host in the database, before it sends and after its journals were restored.

    This waits until no journal of an earlier epoch is being written: its writer will notice that
    the database was set back, and leave the journal to recovery.
    """
    folder = services.settings.data_dir
    known = recall(folder)
    if known.mark == database_history.NO_MARK:
        with reading(services.engine) as session:
            database_memory.remember_claim(folder, database_history.read_mark(session))
        known = recall(folder)
    if not known.host or epochs_under_way(services.settings.journal_dir) - {known.mark.epoch}:
        return
    host = worker_hosts.WorkerHost(
        identity=known.host,
        name=database_memory.name_of(folder),
        brought_back_to=known.mark.epoch,
        whole=known.brought_back,
        covers=known.covers,
        others=known.others,
    )
    others = worker_hosts.introduce(services.engine, host)
    if others is not None and dict(others) != dict(known.others):
        database_memory.remember_hosts(folder, others)


def hold_what_was_forgotten(services: WorkerServices, epoch: str) -> None:
    """Pause the mailings under way, because a worker found that the database lost its records.

    If the epoch has changed since the worker's claim, this was done already.
    """
    known = recall(services.settings.data_dir)
    _look_at_history(services, known, proven=known.mark.epoch == epoch)


def _look_at_history(services: WorkerServices, known: Memory, *, proven: bool) -> None:
    reason = database_history.hold_if_broken(services.engine, known.mark, proven=proven)
    if reason:
        plan_restored(services.engine)
        plan_series(services.engine, held_because=reason)
        with reading(services.engine) as session:
            since = database_history.lost_since(session)
            held = len(worker_hosts.held_mailings(session))
        _log.warning(
            "the database was restored, or failed over, to its state of %s; mailings held: %d; who "
            "left after that is subscribed again, see Operate",
            since,
            held,
        )
        # Remembered only afterwards: if this process dies before, journals are restored again.
        told = recovery.bring_back(services)
        if told is not None:
            _remember_return(services, known, since, told=told)


def _remember_return(
    services: WorkerServices, known: Memory, since: datetime | None, *, told: bool
) -> None:
    settings = services.settings
    with reading(services.engine) as session:
        mark = database_history.read_mark(session)
    is_new = known.mark == database_history.NO_MARK
    is_whole = since is not None and known.keeps_all_since(
        since.timestamp(), hours=settings.journal_hours
    )
    database_memory.remember_return(
        settings.data_dir,
        mark,
        brought_back=is_new or (told and is_whole),
        covers=not is_new and known.is_recent(settings.grace_minutes * 60),
    )


def _remember_present(services: WorkerServices) -> None:
    with reading(services.engine) as session:
        mark = database_history.read_mark(session)
    remember(services.settings.data_dir, mark)
