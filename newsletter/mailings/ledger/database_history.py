"""The database's history: detect a long standstill, and a database that was set back in time.

After a restored backup, or the promotion of a replica that lagged behind, the ledger does not know
of the last messages, and would send them again. After a long standstill, mail would go out hours
late. In both cases the mailings under way are paused until somebody has looked at them.

Each worker host stores a `HistoryMark` of the database. A database that does not continue this mark
is another one, or the same one without its latest changes. The database also stores which server it
is on. So a new host, which has no mark yet, notices that the rows were restored from a backup of
another server. An SQLite file has no server: a host that opens one for the first time takes it for
a backup, unless rounds are being counted in it at that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, server_now, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.states import moving_mailings
from newsletter.database.tables import DatabaseHistoryRow, MailingRow
from newsletter.database.types import new_identity, now
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Moment
from newsletter.mailings.digests.rules import halt_digests

_ONLY = 1
#: If the last round is older than this, no worker is using the SQLite file. Rounds are two seconds
#: apart, and planning a large mailing may delay one. A new host does not notice a backup that is
#: younger than this.
_LEFT_ALONE = timedelta(seconds=10)
#: Identifies the PostgreSQL server and its timeline: promoting a replica and point-in-time recovery
#: begin a new timeline.
_SERVER = """
SELECT system_identifier || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
    || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
FROM pg_control_system()
"""
_MAY_ASK = """
SELECT has_function_privilege('pg_control_system()', 'EXECUTE')
    AND has_function_privilege('pg_walfile_name(pg_lsn)', 'EXECUTE')
    AND NOT pg_is_in_recovery()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryMark:
    """A point in the history of a database.

    Attributes:
        server: The server and its timeline; empty if the database cannot tell them.
        epoch: A random value that is replaced whenever the database is found to have lost changes;
            empty before the first round.
        rounds: The number of rounds so far.
        claims: The number of claimed batches so far; counted only if the timeline is unknown.
    """

    server: str = ""
    epoch: str = ""
    rounds: int = 0
    claims: int = 0

    def continues(self, earlier: HistoryMark) -> bool:
        """Return whether a database with this mark has everything it had at an earlier mark."""
        return (
            self.rounds >= earlier.rounds
            and self.claims >= earlier.claims
            and _agree(self.server, earlier.server)
            and _agree(self.epoch, earlier.epoch)
        )


#: The mark of a host that has not seen the database before.
NO_MARK = HistoryMark()


def _agree(one: str, other: str) -> bool:
    return one == other or not (one and other)


class HistoryBrokenError(Exception):
    """The database does not continue the history that this host has seen."""


def read_mark(session: Session) -> HistoryMark:
    """Return the database's present mark, as seen by this transaction."""
    known = session.execute(
        select(DatabaseHistoryRow.epoch, DatabaseHistoryRow.rounds, DatabaseHistoryRow.claims)
    ).one_or_none()
    server = ""
    if session.get_bind().dialect.name == "postgresql" and _may_ask(session.get_bind().engine):
        server = session.scalar(text(_SERVER)) or ""
    epoch, rounds, claims = known or ("", 0, 0)
    return HistoryMark(server=server, epoch=epoch, rounds=rounds, claims=claims)


@lru_cache(maxsize=8)
def _may_ask(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(text(_MAY_ASK)))
    except DBAPIError:
        # A service that is compatible with PostgreSQL but lacks these functions.
        return False


def require_continuity(session: Session, earlier: HistoryMark) -> None:
    """Check that the database continues an earlier mark.

    Raises:
        HistoryBrokenError: It does not. Nothing may be claimed until somebody has looked at it.
    """
    if _is_broken(session, earlier):
        raise HistoryBrokenError(f"{earlier} is not continued by {read_mark(session)}")


def count_claim(session: Session) -> HistoryMark:
    """Count a claim in the transaction that makes it; return the mark that the host must store.

    An SQLite file that is replaced by an earlier copy lacks the claim, even if the copy is only
    moments older. With a server's timeline, counting is not needed, and would make all claims wait
    for the same row.
    """
    present = read_mark(session)
    if present.server:
        return present
    session.execute(
        update(DatabaseHistoryRow)
        .where(DatabaseHistoryRow.id == _ONLY)
        .values(claims=DatabaseHistoryRow.claims + 1)
    )
    return read_mark(session)


def beat(engine: Engine) -> HistoryMark:
    """Count a round; return the database's present mark."""
    with transaction(engine) as session:
        moment = server_now(session)
        first = {"id": _ONLY, "rounds": 0, "beat_at": moment, "epoch": new_identity()}
        insert_missing(session, DatabaseHistoryRow, [first])
        session.execute(
            update(DatabaseHistoryRow)
            .where(DatabaseHistoryRow.id == _ONLY)
            .values(rounds=DatabaseHistoryRow.rounds + 1, beat_at=moment)
        )
        # The row was written by a version without epochs.
        session.execute(
            update(DatabaseHistoryRow)
            .where(DatabaseHistoryRow.id == _ONLY, DatabaseHistoryRow.epoch == "")
            .values(epoch=new_identity())
        )
        mark = read_mark(session)
        if mark.server:
            session.execute(
                update(DatabaseHistoryRow)
                .where(DatabaseHistoryRow.id == _ONLY, DatabaseHistoryRow.server != mark.server)
                .values(server=mark.server)
            )
        return mark


def hold_after_silence(engine: Engine, *, awake: bool, grace: timedelta) -> Message | None:
    """Pause the mailings under way if no worker has run for long; return the reason, or None.

    Args:
        engine: The database.
        awake: Whether this host has seen a round within ``grace``, by a monotonic clock.
        grace: The longest standstill after which sending goes on by itself.
    """
    with reading(engine) as session:
        known = session.get(DatabaseHistoryRow, _ONLY)
        moment = server_now(session)
    if known is None or awake or moment - known.beat_at <= grace:
        return None
    reason = _reason(known.beat_at, restored=False)
    with transaction(engine) as session:
        _hold(session, reason, restored=False)
    return reason


def hold_if_broken(engine: Engine, earlier: HistoryMark, *, proven: bool = False) -> Message | None:
    """Pause the mailings under way if the database lost changes; return the reason, or None.

    The first host that notices begins a new epoch. This makes all other hosts notice as well, and
    each restores the outcomes in its journals.

    Args:
        engine: The database.
        earlier: The mark that this host stored.
        proven: Whether the loss was proven in another way, such as by missing records.
    """
    with reading(engine) as session:
        if not proven and not _is_broken(session, earlier):
            return None
    with transaction(engine) as session:
        known = session.get(DatabaseHistoryRow, _ONLY, with_for_update=True)
        if known is None or (not proven and not _is_broken(session, earlier)):
            return None
        server = read_mark(session).server
        if _agree(known.epoch, earlier.epoch) or not _agree(known.server, server):
            known.epoch, known.server = new_identity(), server
            known.lost_since, known.noticed_at = known.beat_at, server_now(session)
            _hold(session, _reason(known.beat_at, restored=True), restored=True)
        # Rounds went on after the first host noticed; all hosts must report the same time.
        return _reason(known.lost_since or known.beat_at, restored=True)


def _is_broken(session: Session, earlier: HistoryMark) -> bool:
    """Return whether the database lost changes; for a host without a mark, whether it was moved."""
    present = read_mark(session)
    if earlier != NO_MARK:
        return not present.continues(earlier)
    known = session.execute(
        select(DatabaseHistoryRow.server, DatabaseHistoryRow.beat_at)
    ).one_or_none()
    if known is None:
        return False
    if present.server or known.server:
        return not _agree(known.server, present.server)
    silence: timedelta = server_now(session) - known.beat_at
    return abs(silence) > _LEFT_ALONE


def lost_since(session: Session) -> datetime | None:
    """Return the time of the last round before the database was set back; None if it never was."""
    return session.scalar(select(DatabaseHistoryRow.lost_since))


def _reason(moment: datetime, *, restored: bool) -> Message:
    if restored:
        return msg(
            "The database was restored, or failed over, to its state of {since} (UTC). The records "
            "in the workers’ journals are being brought back; check how many recipients have no "
            "record of receiving this mailing, then resume or cancel it.",
            since=Moment(moment),
        )
    return msg(
        "No worker has run since {since} (UTC), longer than GRACE_MINUTES. Resume this mailing if "
        "it is still wanted, or cancel it.",
        since=Moment(moment),
    )


_NOT_OF_SERIES = MailingRow.kind != MailingKind.SERIES


def _hold(session: Session, reason: Message, *, restored: bool) -> None:
    ahead = (MailingRow.state == MailingState.SCHEDULED) & (MailingRow.scheduled_at > now())
    session.execute(
        moving_mailings(MailingState.PAUSED)
        # The steps of a series are due for days: they are still wanted after a standstill, and are
        # skipped after a week.
        .where(~ahead, MailingRow.priority <= 0, *(() if restored else (_NOT_OF_SERIES,)))
        .values(halt_reason=reason, restored=restored)
    )
    if restored and (since := lost_since(session)) is not None:
        halt_digests(
            session,
            msg(
                "The database was restored, or failed over, to its state of {since} (UTC). It does "
                "not know which digests were sent since; check what readers received, then resume.",
                since=Moment(since),
            ),
        )


def beats(engine: Engine) -> tuple[int, datetime] | None:
    """Return the number of rounds and the time of the last; None before the first."""
    with reading(engine) as session:
        row = session.execute(
            select(DatabaseHistoryRow.rounds, DatabaseHistoryRow.beat_at)
        ).one_or_none()
    return None if row is None else (row[0], row[1])
