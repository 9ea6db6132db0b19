"""The overview: one immutable value with the state of the installation, for pages and commands."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, server_now, unsafe_settings, write_refusal
from newsletter.database.vocabulary import BounceKind, DeliveryState
from newsletter.disk import DiskHealth, look_at_disk
from newsletter.feedback.requests import OpenRequests, count_open_requests
from newsletter.mailings.ledger import database_history
from newsletter.mailings.ledger.dispatch import Silence, silent_mailings
from newsletter.mailings.ledger.domain_holds import HeldDomain, held_domains
from newsletter.mailings.ledger.relays import RelayState, troubled_relays
from newsletter.mailings.ledger.tallies import (
    StateCounts,
    Tally,
    domain_tallies,
    hours_of_day,
    relay_tallies,
)
from newsletter.mailings.ledger.worker_hosts import (
    Loss,
    MissingJournals,
    UnknownJournals,
    last_loss,
    missing_journals,
    replaced_folders,
    unknown_journals,
)
from newsletter.mailings.series.figures import Overdue, overdue_series
from newsletter.operations import attention
from newsletter.operations.acknowledgements import (
    Acknowledgement,
    AlarmPlace,
    read_acknowledgements,
)
from newsletter.operations.attention import (
    Backlog,
    ComplainedMailing,
    DeferredGroup,
    HaltedMailing,
    OpenIncident,
    UnplannedMailing,
    UnsettledMailing,
)
from newsletter.operations.broker import BrokerHealth, look_at_broker
from newsletter.operations.heartbeats import ProcessState, list_processes, read_clocks

_DOMAINS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseHealth:
    """The database, and the round-trip time of a query.

    Attributes:
        unsafe: Settings with which a power cut may lose committed transactions.
        refusal: The error if it accepts no writes; checked only while a mailing stands still or a
            process is silent.
    """

    kind: str
    milliseconds: float
    unsafe: Sequence[str] = ()
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayView:
    """A relay with its tallies; ``resting`` is its state if it does not accept mail."""

    name: str
    tally: Tally
    resting: RelayState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainView:
    """A recipient domain with its tallies, and its hold if any."""

    name: str
    tally: Tally
    held: HeldDomain | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The state of the installation, for operators.

    Attributes:
        broker: The state of Redis; None if none is configured.
        round_at: The time of the last round; None before the first.
        loss: The time to which the database was last set back; None if it never was.
        hours: The counts of each of the last 24 hours.
        own_disk: The disk of the database, if it is a file on this host.
    """

    taken_at: datetime
    database: DatabaseHealth
    broker: BrokerHealth | None = None
    round_at: datetime | None = None
    backlog: Backlog = field(default_factory=Backlog)
    processes: Sequence[ProcessState] = ()
    relays: Sequence[RelayView] = ()
    domains: Sequence[DomainView] = ()
    hours: Sequence[tuple[datetime, StateCounts]] = ()
    deferred: Sequence[DeferredGroup] = ()
    uncertain: Sequence[UnsettledMailing] = ()
    failed: Sequence[UnsettledMailing] = ()
    halted: Sequence[HaltedMailing] = ()
    unplanned: Sequence[UnplannedMailing] = ()
    overdue: Sequence[Overdue] = ()
    silent: Sequence[Silence] = ()
    incidents: Sequence[OpenIncident] = ()
    requests: Sequence[OpenRequests] = ()
    complained: Sequence[ComplainedMailing] = ()
    unknown_journals: Sequence[UnknownJournals] = ()
    loss: Loss | None = None
    missing_journals: MissingJournals | None = None
    replaced_folders: Sequence[str] = ()
    bounces: Mapping[BounceKind, int] = field(default_factory=dict)
    account_mail_is_refused: bool = False
    public_url_is_plain: bool = False
    own_disk: DiskHealth | None = None
    own_clock_ahead: float = 0.0
    acknowledgements: Mapping[AlarmPlace, Acknowledgement] = field(default_factory=dict)

    @property
    def disks(self) -> Mapping[str, DiskHealth]:
        """The disk of each host, as last reported by its processes."""
        told = sorted((each for each in self.processes if each.alive), key=lambda one: one.seen_at)
        disks = {each.process.host: each.activity.disk for each in told if each.activity.disk}
        return disks | ({socket.gethostname(): self.own_disk} if self.own_disk else {})

    @property
    def is_unwritable(self) -> bool:
        """Whether the database accepts no writes, including heartbeats."""
        return bool(self.database.refusal or (self.own_disk and self.own_disk.fault))

    @property
    def clocks(self) -> Mapping[str, float]:
        """Seconds by which each host's clock is ahead of the database's; see `ProcessState`."""
        clocks = {each.process.host: each.clock_ahead for each in self.processes if each.alive}
        return clocks | {socket.gethostname(): self.own_clock_ahead}

    @property
    def per_minute(self) -> float:
        """Accepted messages per minute of all relays, over the last five minutes."""
        return sum(relay.tally.per_minute for relay in self.relays)

    @property
    def day(self) -> Mapping[DeliveryState, int]:
        """The counts of the last day, of all relays."""
        return {
            state: sum(relay.tally.day.get(state, 0) for relay in self.relays)
            for state in DeliveryState
        }

    def within(self, newsletter_ids: Collection[int]) -> Overview:
        """Return the part that concerns some newsletters, with the shared servers.

        Incidents of recipient domains concern all newsletters and are left out.
        """
        return replace(
            self,
            uncertain=tuple(row for row in self.uncertain if row.newsletter_id in newsletter_ids),
            failed=tuple(row for row in self.failed if row.newsletter_id in newsletter_ids),
            halted=tuple(row for row in self.halted if row.newsletter_id in newsletter_ids),
            unplanned=tuple(row for row in self.unplanned if row.newsletter_id in newsletter_ids),
            overdue=tuple(row for row in self.overdue if row.newsletter_id in newsletter_ids),
            silent=tuple(row for row in self.silent if row.newsletter_id in newsletter_ids),
            incidents=tuple(row for one in self.incidents for row in one.within(newsletter_ids)),
            requests=tuple(row for row in self.requests if row.newsletter_id in newsletter_ids),
            complained=tuple(row for row in self.complained if row.newsletter_id in newsletter_ids),
        )


def look(
    engine: Engine,
    *,
    redis_url: str,
    relays: Sequence[str] = (),
    account_mail_is_refused: bool = False,
    public_url_is_plain: bool = False,
) -> Overview:
    """Return the overview; its cost does not depend on the size of lists and ledger.

    Args:
        engine: The database.
        redis_url: The URL of Redis; empty without one.
        relays: The names of all configured relays.
        account_mail_is_refused: See `Settings`.
        public_url_is_plain: See `Settings`.
    """
    broker = look_at_broker(redis_url) if redis_url else None
    beats = database_history.beats(engine)
    resting = troubled_relays(engine)
    with reading(engine) as session:
        taken_at, own_clock_ahead = read_clocks(session)
        seen = Overview(
            taken_at=taken_at,
            database=_database_health(session),
            broker=broker,
            round_at=beats[1] if beats else None,
            backlog=attention.backlog(session),
            processes=tuple(list_processes(session)),
            relays=_relay_views(session, relays, resting),
            domains=_domain_views(session),
            hours=tuple(hours_of_day(session)),
            deferred=tuple(attention.deferred_groups(session)),
            uncertain=tuple(attention.uncertain_mailings(session)),
            failed=tuple(attention.failed_mailings(session)),
            halted=tuple(attention.halted_mailings(session)),
            unplanned=tuple(attention.unplanned_mailings(session)),
            overdue=tuple(overdue_series(session)),
            silent=tuple(silent_mailings(session, taken_at)),
            incidents=tuple(attention.open_incidents(session)),
            requests=tuple(count_open_requests(session)),
            complained=tuple(attention.complained_mailings(session)),
            unknown_journals=tuple(unknown_journals(session)),
            loss=last_loss(session),
            missing_journals=missing_journals(session),
            replaced_folders=tuple(replaced_folders(session)),
            bounces=attention.bounces_of_day(session),
            account_mail_is_refused=account_mail_is_refused,
            public_url_is_plain=public_url_is_plain,
            own_disk=disk_of(engine),
            own_clock_ahead=own_clock_ahead,
            acknowledgements=read_acknowledgements(session),
        )
    return _with_refusal(engine, seen)


def look_at_flow(engine: Engine, mailing_id: int, *, redis_url: str) -> Overview:
    """Return the part of the overview that explains why a mailing makes no progress, quickly."""
    beats = database_history.beats(engine)
    resting = troubled_relays(engine)
    with reading(engine) as session:
        taken_at = server_now(session)
        seen = Overview(
            taken_at=taken_at,
            database=DatabaseHealth(kind=engine.dialect.name, milliseconds=0.0),
            broker=look_at_broker(redis_url) if redis_url else None,
            round_at=beats[1] if beats else None,
            backlog=attention.backlog(session),
            processes=tuple(list_processes(session)),
            relays=_relay_views(session, (), resting),
            silent=tuple(silent_mailings(session, taken_at, mailing_id=mailing_id)),
            own_disk=disk_of(engine),
        )
    return _with_refusal(engine, seen)


def _with_refusal(engine: Engine, seen: Overview) -> Overview:
    """Add whether the database accepts writes, if a mailing stands still or no process is alive.

    The cause may then be the database and not a relay, and heartbeats cannot be recorded either.
    """
    stands_still = seen.silent or seen.unplanned
    if not stands_still and any(each.alive for each in seen.processes):
        return seen
    return replace(seen, database=replace(seen.database, refusal=write_refusal(engine)))


def disk_of(engine: Engine) -> DiskHealth | None:
    """Return the disk of SQLite, None for a server; heartbeats cannot report a full disk."""
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file == ":memory:":
        return None
    return look_at_disk(Path(file).parent)


def _database_health(session: Session) -> DatabaseHealth:
    session.execute(text("SELECT 1"))
    started = time.perf_counter()
    session.execute(text("SELECT 1"))
    milliseconds = (time.perf_counter() - started) * 1000
    return DatabaseHealth(
        kind=session.get_bind().dialect.name,
        milliseconds=milliseconds,
        unsafe=unsafe_settings(session.connection()),
    )


def _relay_views(
    session: Session, names: Sequence[str], resting: Sequence[RelayState]
) -> tuple[RelayView, ...]:
    tallies = {tally.name: tally for tally in relay_tallies(session)}
    states = {state.name: state for state in resting}
    known = dict.fromkeys([*names, *tallies, *states])
    return tuple(
        RelayView(name=name, tally=tallies.get(name) or _nothing(name), resting=states.get(name))
        for name in known
    )


def _domain_views(session: Session) -> tuple[DomainView, ...]:
    tallies = {tally.name: tally for tally in domain_tallies(session, limit=_DOMAINS)}
    held = {domain.domain: domain for domain in held_domains(session)}
    known = dict.fromkeys([*held, *tallies])
    return tuple(
        DomainView(name=name, tally=tallies.get(name) or _nothing(name), held=held.get(name))
        for name in known
    )


def _nothing(name: str) -> Tally:
    return Tally(name=name, per_minute=0.0, lately={}, day={})
