"""Worker hosts: whose journals are brought back after the database went back in time.

Each host that sends is a row, by a random identity that lies in its DATA_DIR, and remembers the
others there. So a database that was put back learns which hosts sent since, and once the last of
them has brought its journals back nobody's delivery is in doubt any more.

After an older backup is restored, a worker host may hold journals of mailings that are newer. They
prove what was sent, to people whom the database may be about to send it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, server_now, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    DatabaseHistoryRow,
    MailingRow,
    UnknownJournalRow,
    WorkerHostRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Moment

#: A host that was silent for so long is forgotten; how often one says that it is there.
_KEPT = timedelta(days=7)
_SAID = timedelta(minutes=10)


_HELD = (MailingRow.state == MailingState.PAUSED, MailingRow.restored)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerHost:
    """A host as it knows itself.

    Attributes:
        brought_back_to: The epoch of the database up to which its journals are brought back.
        whole: Whether all of them were there, and could be read.
        covers: Whether it saw what went on until the database was put back.
        others: The hosts that it knew of, by their identities.
    """

    identity: str
    name: str
    brought_back_to: str
    whole: bool = True
    covers: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """When the database was last put back: its last round of before, and when that was noticed."""

    since: datetime
    noticed_at: datetime


def last_loss(session: Session) -> Loss | None:
    """Return when the database was last put back; None if never."""
    history = session.scalar(select(DatabaseHistoryRow))
    if history is None or history.lost_since is None or history.noticed_at is None:
        return None
    return Loss(since=history.lost_since, noticed_at=history.noticed_at)


def missing_hosts(session: Session) -> Listing | None:
    """Return the names of the hosts whose journals are not brought back in full; None for none."""
    history = session.scalar(select(DatabaseHistoryRow))
    return None if history is None else _missing(history, _hosts(session))


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingJournals:
    """The hosts whose journals a database that was put back still lacks.

    Attributes:
        since: Its state of when it was put back to.
    """

    hosts: Listing
    since: datetime


def missing_journals(session: Session) -> MissingJournals | None:
    """Return what a database that was put back lacks, whether a mailing is held or none."""
    loss, missing = last_loss(session), missing_hosts(session)
    if loss is None or missing is None or loss.noticed_at < server_now(session) - _KEPT:
        return None
    return MissingJournals(hosts=missing, since=loss.since)


def replaced_folders(session: Session) -> Sequence[str]:
    """Return the hosts that have another DATA_DIR in the place of one with journals, by name.

    Two that are called alike and live both are none: each says so again and again.
    """
    hosts = _hosts(session)
    latest = {host.name: host.seen_at for host in sorted(hosts, key=lambda host: host.seen_at)}
    silent = (host for host in hosts if host.seen_at < latest[host.name] - 2 * _SAID)
    return list(dict.fromkeys(host.name for host in silent))


def held_mailings(session: Session) -> Sequence[int]:
    """Return the mailings that are held since the database was put back."""
    return session.scalars(select(MailingRow.id).where(*_HELD).order_by(MailingRow.id)).all()


def vouch(session: Session, saved: Collection[WorkerHost]) -> None:
    """Take the journals of hosts for brought back: copies of them were, and they are whole.

    A host that brought its own back already knows better.
    """
    history = session.scalars(select(DatabaseHistoryRow).with_for_update()).one_or_none()
    if history is None or history.lost_since is None or not saved:
        return
    moment = server_now(session)
    for host in saved:
        _insert_unknown(session, {**host.others, host.identity: host.name}, moment)
        if host.whole:
            session.execute(
                update(WorkerHostRow)
                .where(
                    WorkerHostRow.identity == host.identity, WorkerHostRow.epoch != history.epoch
                )
                .values(epoch=history.epoch, whole=True, covers=host.covers)
            )
    _tell(session, history)


def introduce(engine: Engine, host: WorkerHost) -> Mapping[str, str] | None:
    """Let the database know of a host and of those it knows; return all, by their identities.

    None where the database's epoch is another than the host's: it has journals to bring back first.
    """
    with reading(engine) as session:
        epoch = session.scalar(select(DatabaseHistoryRow.epoch))
        rows = session.execute(
            select(
                WorkerHostRow.identity,
                WorkerHostRow.name,
                WorkerHostRow.epoch,
                WorkerHostRow.seen_at,
            )
        ).all()
        moment = server_now(session)
    if not epoch or host.brought_back_to != epoch:
        return None
    known = {identity: (name, at, seen) for identity, name, at, seen in rows}
    own = known.get(host.identity)
    is_news = own is None or own[1] != epoch
    if own is None or is_news or abs(moment - own[2]) > _SAID:
        with transaction(engine) as session:
            _write(session, host, epoch, is_news=is_news)
            known |= {
                identity: (name, "", moment)
                for identity, name in session.execute(
                    select(WorkerHostRow.identity, WorkerHostRow.name)
                )
            }
    return {identity: name for identity, (name, _, _) in known.items()}


def _write(session: Session, host: WorkerHost, epoch: str, *, is_news: bool) -> None:
    # Two hosts that bring back at once would each take the other for missing.
    history = session.scalars(select(DatabaseHistoryRow).with_for_update()).one()
    moment = server_now(session)
    others = {**host.others, host.identity: host.name}
    _insert_unknown(session, others, moment)
    session.execute(
        update(WorkerHostRow)
        .where(WorkerHostRow.identity == host.identity)
        .values(name=host.name, seen_at=moment, epoch=epoch, whole=host.whole, covers=host.covers)
    )
    is_past = history.lost_since is None or history.lost_since < moment - _KEPT
    session.execute(
        delete(WorkerHostRow).where(
            WorkerHostRow.seen_at < moment - _KEPT,
            or_(WorkerHostRow.epoch == epoch, literal(is_past)),
        )
    )
    if is_news and history.lost_since is not None:
        _tell(session, history)


def _insert_unknown(session: Session, hosts: Mapping[str, str], moment: datetime) -> None:
    unknown = {"epoch": "", "whole": False, "covers": False, "seen_at": moment}
    insert_missing(
        session,
        WorkerHostRow,
        [{"identity": identity, "name": name} | unknown for identity, name in hosts.items()],
    )


def _hosts(session: Session) -> Sequence[WorkerHostRow]:
    return session.scalars(select(WorkerHostRow).order_by(WorkerHostRow.name)).all()


def _is_there(host: WorkerHostRow, history: DatabaseHistoryRow) -> bool:
    return host.epoch == history.epoch and host.whole


def _missing(history: DatabaseHistoryRow, hosts: Collection[WorkerHostRow]) -> Listing | None:
    there = {host.name for host in hosts if _is_there(host, history)}
    missing = dict.fromkeys(host.name for host in hosts if not _is_there(host, history))
    names = [
        # Its worker runs, and brings nothing back of a folder that was made anew, or lost.
        msg("{host} (an earlier DATA_DIR there)", host=name) if name in there else name
        for name in missing
    ]
    return Listing(tuple(names)) if names else None


def _tell(session: Session, history: DatabaseHistoryRow) -> None:
    """Say of the mailings that are held since whose journals are missing, or that none is."""
    hosts = _hosts(session)
    missing = _missing(history, hosts)
    covered = any(host.covers for host in hosts if _is_there(host, history))
    held = update(MailingRow).where(
        *_HELD,
        # One that is not planned yet has nobody of whom journals could tell.
        MailingRow.started_at.is_not(None),
    )
    reason = _reason(history, missing, covered=covered)
    is_clear = covered and missing is None
    session.execute(held.values(halt_reason=reason, restored=not is_clear))


def _reason(history: DatabaseHistoryRow, missing: Listing | None, *, covered: bool) -> Message:
    assert history.lost_since is not None  # noqa: S101 - who calls has looked
    since = Moment(history.lost_since)
    if missing is not None:
        return msg(
            "The database was restored, or failed over, to its state of {since} (UTC). The "
            "workers’ journals of these hosts are not brought back in full: {hosts}. Start "
            "newsletter worker there, or take over a copy of its DATA_DIR (newsletter mailing "
            "settle, --journals). If that is in vain, check how many recipients have no record of "
            "receiving this mailing, then resume or cancel it.",
            since=since,
            hosts=missing,
        )
    if covered:
        return msg(
            "The database was restored, or failed over, to its state of {since} (UTC). The "
            "workers’ journals are brought back: who received this mailing is known. Resume or "
            "cancel it.",
            since=since,
        )
    return msg(
        "The database was restored, or failed over, to its state of {since} (UTC). The journals of "
        "all hosts that are known are brought back, but no host knows what was sent last; check "
        "how many recipients have no record of receiving this mailing, then resume or cancel it.",
        since=since,
    )


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
