"""Workers' journals about mailings that this database does not know: told to operators.

After an older backup is restored, a worker host may hold journals of mailings that are newer. They
prove what was sent, to people whom the database may be about to send it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import UnknownJournalRow
from newsletter.database.types import now


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownJournals:
    """What one host set aside."""

    host: str
    files: int
    accepted: int
    since: datetime


def publish_unknown_journals(engine: Engine, host: str, accepted: Mapping[str, int]) -> None:
    """Write down which journals a host has set aside, by name, with what each says was accepted."""
    with reading(engine) as session:
        known = set(
            session.scalars(select(UnknownJournalRow.name).where(UnknownJournalRow.host == host))
        )
    if known == set(accepted):
        return
    with transaction(engine) as session:
        session.execute(
            delete(UnknownJournalRow).where(
                UnknownJournalRow.host == host, UnknownJournalRow.name.not_in(accepted)
            )
        )
        rows = [
            {"host": host, "name": name, "accepted": count, "found_at": now()}
            for name, count in sorted(accepted.items())
        ]
        if rows:
            insert_missing(session, UnknownJournalRow, rows)


def unknown_journals(session: Session) -> Sequence[UnknownJournals]:
    """Return what hosts have set aside."""
    rows = session.execute(
        select(
            UnknownJournalRow.host,
            func.count(),
            func.sum(UnknownJournalRow.accepted),
            func.min(UnknownJournalRow.found_at),
        )
        .group_by(UnknownJournalRow.host)
        .order_by(UnknownJournalRow.host)
    )
    return [
        UnknownJournals(host=host, files=files, accepted=accepted, since=since)
        for host, files, accepted, since in rows
    ]
