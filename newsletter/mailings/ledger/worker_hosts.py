"""Worker hosts: whose journals have been restored after the database was set back in time.

Each worker host has a row, identified by a random value in its DATA_DIR, where it also stores the
identities of the other hosts. So a database that was restored from a backup learns which hosts have
sent mail since the backup. When all of them have restored the outcomes in their journals, no
delivery is in doubt.

A host may also have journals of mailings that are newer than the backup. They prove what was sent
to people to whom the database may be about to send it again.
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

#: A host that has not reported for this long is deleted.
_KEPT = timedelta(days=7)
#: Interval between two reports of a host.
_SAID = timedelta(minutes=10)


_HELD = (MailingRow.state == MailingState.PAUSED, MailingRow.restored)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerHost:
    """A worker host's report about itself.

    Attributes:
        brought_back_to: The epoch of the database into which its journals were last restored.
        whole: Whether all its journals were present and readable.
        covers: Whether the host was running at the last round before the database was set back.
        others: The names of the other hosts that it has seen, by identity.
    """

    identity: str
    name: str
    brought_back_to: str
    whole: bool = True
    covers: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """The time to which the database was last set back.

    Attributes:
        since: Its last round before that.
        noticed_at: When a worker noticed.
        presumed: Whether no host that knew the database before has confirmed it. A new DATA_DIR
            cannot tell an SQLite file that was not in use from a restored backup.
    """

    since: datetime
    noticed_at: datetime
    presumed: bool = False


def last_loss(session: Session) -> Loss | None:
    """Return when the database was last set back; None if it never was."""
    history = session.scalar(select(DatabaseHistoryRow))
    if history is None or history.lost_since is None or history.noticed_at is None:
        return None
    is_confirmed = history.server or any(
        _is_there(host, history) and (host.covers or host.met_at < history.noticed_at)
        for host in _hosts(session)
    )
    return Loss(since=history.lost_since, noticed_at=history.noticed_at, presumed=not is_confirmed)


def missing_hosts(session: Session) -> Listing | None:
    """Return the names of the hosts whose journals are not fully restored; None if all are."""
    history = session.scalar(select(DatabaseHistoryRow))
    return None if history is None else _missing(history, _hosts(session))


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingJournals:
    """The hosts whose journals have not been restored into a database that was set back.

    Attributes:
        loss: The time to which the database was set back.
    """

    hosts: Listing
    loss: Loss


def missing_journals(session: Session) -> MissingJournals | None:
    """Return the hosts whose journals are missing, even if no mailing is paused for them."""
    loss, missing = last_loss(session), missing_hosts(session)
    if loss is None or missing is None or loss.noticed_at < server_now(session) - _KEPT:
        return None
    return MissingJournals(hosts=missing, loss=loss)


def replaced_folders(session: Session) -> Sequence[str]:
    """Return the names of the hosts whose DATA_DIR was replaced, so that its journals are gone.

    Two running hosts with the same name are not reported: both identities keep reporting. Nor is a
    folder that was used for a while, after which the earlier one was put back.
    """
    hosts = _hosts(session)
    present = {host.name: host for host in sorted(hosts, key=lambda host: host.seen_at)}
    gone = (
        host
        for host in hosts
        if host.seen_at < present[host.name].seen_at - 2 * _SAID
        and host.met_at <= present[host.name].met_at
    )
    return list(dict.fromkeys(host.name for host in gone))


def held_mailings(session: Session) -> Sequence[int]:
    """Return the mailings that are paused because the database was set back."""
    return session.scalars(select(MailingRow.id).where(*_HELD).order_by(MailingRow.id)).all()


def vouch(session: Session, saved: Collection[WorkerHost]) -> None:
    """Record that the journals of hosts were restored from complete copies of their DATA_DIR.

    Hosts that have restored their own journals already are not changed.
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
    """Record a host and the hosts it has seen; return the names of all, by identity.

    Returns None if the database has another epoch than the host: it must restore its journals
    first.
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
    # Locked: two hosts that restore at the same time would each report the other as missing.
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
    unknown = {"epoch": "", "whole": False, "covers": False, "met_at": moment, "seen_at": moment}
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
        # The host is running, but with another DATA_DIR: it cannot restore the earlier journals.
        msg("{host} (an earlier DATA_DIR there)", host=name) if name in there else name
        for name in missing
    ]
    return Listing(tuple(names)) if names else None


def _tell(session: Session, history: DatabaseHistoryRow) -> None:
    """Update the reason of the paused mailings: which hosts' journals are missing, if any."""
    hosts = _hosts(session)
    missing = _missing(history, hosts)
    covered = any(host.covers for host in hosts if _is_there(host, history))
    held = update(MailingRow).where(
        *_HELD,
        # A mailing that is not planned yet has no deliveries that journals could be about.
        MailingRow.started_at.is_not(None),
    )
    reason = _reason(history, missing, covered=covered)
    is_clear = covered and missing is None
    session.execute(held.values(halt_reason=reason, restored=not is_clear))


def _reason(history: DatabaseHistoryRow, missing: Listing | None, *, covered: bool) -> Message:
    assert history.lost_since is not None  # noqa: S101 - checked by the callers
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
    """The journals of one host whose mailing is not in the database."""

    host: str
    files: int
    accepted: int
    since: datetime


def publish_unknown_journals(engine: Engine, host: str, accepted: Mapping[str, int]) -> None:
    """Record a host's journals of unknown mailings: accepted messages by journal name."""
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
    """Return the journals of unknown mailings, one entry per host."""
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
