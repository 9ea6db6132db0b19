"""Recovery: continue the batches of dead workers, by means of the ledger and the journals."""

from __future__ import annotations

import logging
import socket

from newsletter.database.engine import transaction
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger import recording
from newsletter.mailings.ledger.recording import record_break
from newsletter.mailings.ledger.worker_hosts import publish_unknown_journals
from workers.composition import WorkerServices
from workers.database_memory import recall, remember_gap
from workers.isolation import isolated
from workers.journal import (
    JournalReading,
    alone,
    forget_closed,
    note_gap,
    put_away,
    read_closed,
    read_orphans,
    read_set_aside,
    set_aside,
)
from workers.sender import record

#: A process of this host that is alive but does not renew its lease is given up after this multiple
#: of the lease's duration. By its own clock, it sends nothing more without contact to the ledger.
_HUNG = 5

_log = logging.getLogger(__name__)


def sweep(services: WorkerServices) -> int:
    """Release the batches of dead workers; return their number.

    A batch of a worker that died on this host is settled by its journal. If a lease has expired and
    its journal is not on this host, the worker was on another host: nothing proves what was sent,
    so its deliveries become uncertain. The same applies to a process on this host that hangs.
    """
    count = 0
    folder = services.settings.journal_dir
    forget_closed(folder, hours=services.settings.journal_hours)
    for reading in read_orphans(folder):
        with isolated(f"the journal {reading.path.name}"):
            _settle_by_journal(services, reading)
            count += 1
    aside = {one.path.name: _accepted(one) for one in read_set_aside(folder)}
    publish_unknown_journals(services.engine, socket.gethostname(), aside)
    held, seconds = ledger.leases(services.engine), services.settings.lease_seconds
    hung = services.watch.lost(held, seconds=seconds * _HUNG)
    for lease in services.watch.lost(held, seconds=seconds):
        if lease in hung or not (folder / f"{lease.token}.journal").exists():
            ledger.release_batch(
                services.engine,
                mailing_id=lease.mailing_id,
                token=lease.token,
                unproven=DeliveryState.UNCERTAIN,
            )
            count += 1
    return count


def _accepted(reading: JournalReading) -> int:
    return sum(one.state is DeliveryState.ACCEPTED for one in reading.outcomes)


def _settle_by_journal(services: WorkerServices, reading: JournalReading) -> None:
    if reading.identity is None:
        # Only its file name is readable, which is the lease's token.
        mailing_id = ledger.mailing_of(services.engine, reading.token)
    else:
        mailing_id = ledger.mailing_with(services.engine, reading.identity)
        if mailing_id is None and (reading.outcomes or reading.in_doubt):
            _set_aside(services, reading)
            return
    if mailing_id is not None:
        _settle_batch(services, mailing_id, reading)
    if not reading.trusted:
        # The ledger has the doubts from now on, but an earlier backup of it would not.
        note_gap(services.settings.journal_dir)
    put_away(reading.path)


def _set_aside(services: WorkerServices, reading: JournalReading) -> None:
    folder = services.settings.journal_dir
    _log.warning(
        "%s is about a mailing that the database lacks, and is kept below %s; see Operate",
        reading.path.name,
        folder,
    )
    set_aside(folder, reading)


def bring_back(services: WorkerServices) -> bool | None:
    """Restore the outcomes in all journals of this host into a database that was set back.

    Returns whether all journals could be read and restored; None if another process of this host is
    doing so.
    """
    with alone(services.settings.journal_dir) as is_alone:
        if not is_alone:
            return None
        expected = told = 0
        for reading in read_closed(services.settings.journal_dir):
            expected += 1
            with isolated(f"the journal {reading.path.name}"):
                mailing_id = ledger.mailing_with(services.engine, reading.identity or "")
                if mailing_id is not None:
                    _settle_batch(services, mailing_id, reading, forgotten=True)
                elif reading.outcomes or reading.in_doubt:
                    # The mailing was ordered after the time to which the database was set back.
                    _set_aside(services, reading)
                told += reading.identity is not None and reading.unreadable is None
        return told == expected


def _settle_batch(
    services: WorkerServices, mailing_id: int, reading: JournalReading, *, forgotten: bool = False
) -> None:
    """Settle a batch by its journal, and end its lease.

    For a journal of an earlier epoch, the database may have lost the lease and all its records.
    """
    outcomes = reading.all_outcomes()
    identity = reading.identity or ""
    record(services, mailing_id, identity, reading.token, outcomes)
    known = recall(services.settings.data_dir).mark
    if forgotten or (reading.epoch and reading.epoch != known.epoch):
        if not forgotten and not reading.trusted:
            # After a power cut, the journal may lack its last lines, and the database the claim.
            remember_gap(services.settings.data_dir)
        with transaction(services.engine) as session:
            recording.bring_back(session, mailing_id, identity, outcomes)
    if reading.trusted and reading.in_making is not None:
        record_break(
            services.engine,
            mailing_id=mailing_id,
            token=reading.token,
            position=reading.in_making,
        )
    ledger.release_batch(
        services.engine,
        mailing_id=mailing_id,
        token=reading.token,
        unproven=DeliveryState.QUEUED if reading.trusted else DeliveryState.UNCERTAIN,
    )
