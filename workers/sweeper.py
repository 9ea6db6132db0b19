"""The sweeper: what stalled goes on, from the ledger and the journals alone."""

from __future__ import annotations

from newsletter.database.vocabulary import DeliveryState
from newsletter.delivery import ledger
from newsletter.delivery.outcomes import Outcome
from newsletter.delivery.recording import record_break
from workers.composition import Services
from workers.journal import JournalReading, read_orphans
from workers.sender import record
from workers.steps import apart


def sweep(services: Services) -> int:
    """Take up the work of dead workers; return how many batches were put back.

    A batch whose worker died on this host is settled by its journal. One whose lease is lost and
    whose journal is not here was another host's: nothing proves what left, so it is in doubt.
    """
    count = 0
    for reading in read_orphans(services.settings.journal_dir):
        with apart(f"the journal {reading.path.name}"):
            _settle_by_journal(services, reading)
            count += 1
    held = ledger.leases(services.engine)
    for lease in services.watch.lost(held, seconds=services.settings.lease_seconds):
        if not (services.settings.journal_dir / f"{lease.token}.journal").exists():
            ledger.release_batch(
                services.engine,
                mailing_id=lease.mailing_id,
                token=lease.token,
                unproven=DeliveryState.UNCERTAIN,
            )
            count += 1
    return count


def _settle_by_journal(services: Services, reading: JournalReading) -> None:
    mailing_id = reading.mailing_id or ledger.mailing_of(services.engine, reading.token)
    if mailing_id is not None:
        _settle_batch(services, mailing_id, reading)
    reading.path.unlink(missing_ok=True)


def _settle_batch(services: Services, mailing_id: int, reading: JournalReading) -> None:
    doubts = [
        Outcome(
            position=position,
            state=DeliveryState.UNCERTAIN,
            reply="The worker died between the message and the relay's reply.",
        )
        for position in sorted(reading.in_doubt)
    ]
    record(services, mailing_id, reading.token, [*reading.outcomes, *doubts])
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
