"""The database's history: a long silence, or a database that went back in time, is noticed in time.

Nothing is sent blindly hours late, and neither a restored backup nor a replica that was promoted
before it had everything sends old mail again by itself: what was under way is held until somebody
looks at it. Each worker host remembers a `HistoryMark` of the database; one that does not continue
it is another database, or the same one without its last moments. The rows say themselves on which
server they were: a new host, which remembers nothing, finds so that they come from a backup. A file
is on no server; a host that meets one for the first time takes it for a backup unless rounds are
being counted in it now.
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
#: Without a round for so long nobody works on a file. Rounds are two seconds apart, and a long plan
#: may hold one up; a backup that is younger than this when a new host begins passes unnoticed.
_LEFT_ALONE = timedelta(seconds=10)
#: Which PostgreSQL it is, on which timeline: a promoted replica and a recovery begin another one.
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
    """What tells a database's history from every other, as far as one has seen it.

    Attributes:
        server: The server and its timeline; empty where it cannot tell.
        epoch: Random, written anew whenever the database was found to have lost something; empty
            before the first round.
        rounds: How many rounds there were.
        claims: How many batches were claimed, where the server cannot tell its timeline.
    """

    server: str = ""
    epoch: str = ""
    rounds: int = 0
    claims: int = 0

    def continues(self, earlier: HistoryMark) -> bool:
        """Whether the database that has this mark knows all that it knew at an earlier one."""
        return (
            self.rounds >= earlier.rounds
            and self.claims >= earlier.claims
            and _agree(self.server, earlier.server)
            and _agree(self.epoch, earlier.epoch)
        )


#: Of whoever knows nothing yet.
NO_MARK = HistoryMark()


def _agree(one: str, other: str) -> bool:
    return one == other or not (one and other)


class HistoryBrokenError(Exception):
    """The database does not continue what this host knows of it."""


def read_mark(session: Session) -> HistoryMark:
    """Return the database's mark, as this transaction sees it."""
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
        # A service that is like PostgreSQL and lacks these.
        return False


def demand_continuity(session: Session, earlier: HistoryMark) -> None:
    """Make sure that this transaction's database continues what is known of it.

    Raises:
        HistoryBrokenError: It does not; nothing may be claimed in it before somebody looked.
    """
    if _is_broken(session, earlier):
        raise HistoryBrokenError(f"{earlier} is not continued by {read_mark(session)}")


def count_claim(session: Session) -> HistoryMark:
    """Count a claim with the transaction that makes it; return the mark to be remembered then.

    A file that is put back to its state before the claim lacks it, however short ago that was. A
    server tells its timeline instead: counting there would let all claims wait for each other.
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
    """Count a round; return the mark that the database has now."""
    with transaction(engine) as session:
        moment = server_now(session)
        first = {"id": _ONLY, "rounds": 0, "beat_at": moment, "epoch": new_identity()}
        insert_missing(session, DatabaseHistoryRow, [first])
        session.execute(
            update(DatabaseHistoryRow)
            .where(DatabaseHistoryRow.id == _ONLY)
            .values(rounds=DatabaseHistoryRow.rounds + 1, beat_at=moment)
        )
        # A database from before there were epochs.
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
    """Hold what is under way if no worker ran for long; return why, or None.

    Args:
        engine: The database.
        awake: Whether this host saw a round within ``grace`` by a clock that nobody can set.
        grace: How long a silence may last.
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
    """Hold what is under way if the database lost what a host knows; return why, or None.

    The first host that notices begins a new epoch, so that all others notice, too, and each brings
    back what its journals know.

    Args:
        engine: The database.
        earlier: The mark that this host remembers.
        proven: Whether something else proved it, such as records that are missing.
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
        # Whoever hears of it from another host says the same hour: rounds went on meanwhile.
        return _reason(known.lost_since or known.beat_at, restored=True)


def _is_broken(session: Session, earlier: HistoryMark) -> bool:
    """Whether the database lost what a host knows; of one that knows nothing, whether it moved."""
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
    """Return the last round that the database knew of when it was last put back; None if never."""
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
        # A series goes by days: what it has to send is due still, and passed over after a week.
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
    """Return how many rounds there were and when the last was; None before the first."""
    with reading(engine) as session:
        row = session.execute(
            select(DatabaseHistoryRow.rounds, DatabaseHistoryRow.beat_at)
        ).one_or_none()
    return None if row is None else (row[0], row[1])
