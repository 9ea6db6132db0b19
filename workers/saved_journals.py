"""Copies of a host's journals: which host they are from, and whether they are complete.

After the database was set back, complete copies replace the journals of a lost host. If a copy may
be incomplete, the host is still reported as missing, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from newsletter.accounts.audit import Actor
from newsletter.database.engine import reading
from newsletter.errors import system_reason
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.ledger.worker_hosts import Loss, WorkerHost, last_loss
from newsletter.mailings.orders.actions import settle_by_journals
from newsletter.settings import Settings
from workers.database_memory import Memory, recall_saved
from workers.journal import is_written, outcomes_below, read_saved


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedHost:
    """The host of copied journals; ``lacks`` is the reason if the copy may be incomplete."""

    host: WorkerHost
    lacks: Message | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """The result of restoring copied journals.

    Attributes:
        count: The number of settled deliveries of the mailing.
        hosts: The hosts of the copies; empty if the database was not set back.
        was_restored: Whether the database was set back.
    """

    count: int
    hosts: Sequence[SavedHost]
    was_restored: bool


def bring_in(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    folder: Path,
    settings: Settings,
    *,
    reason: str,
    kept_power: bool,
) -> Brought:
    """Settle a mailing by copied journals; hosts with complete copies are not missing any more.

    Arguments and errors are as for `settle_by_journals` and `saved_hosts`.
    """
    with reading(engine) as session:
        loss = last_loss(session)
    hosts: Sequence[SavedHost] = ()
    if loss is not None:
        hosts = saved_hosts(
            folder,
            loss,
            hours=settings.journal_hours,
            grace=timedelta(minutes=settings.grace_minutes),
            kept_power=kept_power,
        )
    count = settle_by_journals(
        engine,
        actor,
        mailing_id,
        partial(outcomes_below, folder),
        reason=reason,
        saved=[one.host for one in hosts],
    )
    return Brought(count=count, hosts=hosts, was_restored=loss is not None)


def saved_hosts(
    folder: Path, loss: Loss, *, hours: int, grace: timedelta, kept_power: bool
) -> Sequence[SavedHost]:
    """Return the hosts whose journals are in a folder, or in folders ``journals`` below it.

    Args:
        folder: A copy of a DATA_DIR or of its journals, or a folder with several of them.
        loss: When the database was set back.
        hours: How many hours hosts keep their journals.
        grace: The longest standstill of all workers that is not reported.
        kept_power: Whether the hosts are known to have had power until their workers ended.
    """
    found = []
    for journals in _folders(folder):
        known, name = recall_saved(journals)
        if not known.host:
            continue
        lacks = _lacks(journals, known, loss, hours=hours, kept_power=kept_power)
        last_seen = abs(loss.noticed_at.timestamp() - known.at)
        host = WorkerHost(
            identity=known.host,
            name=name or str(journals.parent.resolve()),
            brought_back_to="",
            whole=lacks is None,
            covers=last_seen < grace.total_seconds(),
            others=known.others,
        )
        found.append(SavedHost(host=host, lacks=lacks))
    return found


def _folders(folder: Path) -> Iterator[Path]:
    below = {path.parent / "journals" for path in folder.rglob("rounds")}
    below |= {path.parent for path in folder.rglob("complete")}
    if folder.name == "journals":
        below.add(folder)
    yield from sorted(filter(Path.is_dir, below))


def _lacks(
    journals: Path, known: Memory, loss: Loss, *, hours: int, kept_power: bool
) -> Message | None:
    if not known.keeps_all_since(loss.since.timestamp(), hours=hours):
        return msg("Journals of the time since the backup are missing.")
    try:
        for reading, is_closed in read_saved(journals):
            if reading.identity is None or reading.unreadable is not None:
                return msg("{path} cannot be read in full.", path=str(reading.path))
            if is_closed:
                continue
            if is_written(reading.path):
                return msg("A worker is still writing {path}.", path=str(reading.path))
            if not (reading.trusted or kept_power):
                return msg(
                    "Its workers were sending when they ended. If it lost its power then, the "
                    "journals lack the last moments; if it did not, say so with --kept-power."
                )
    except OSError as error:
        return msg("The file cannot be read: {reason}.", reason=system_reason(error))
    return None
