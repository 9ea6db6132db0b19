"""Whether something is wrong: each alarm from what is seen, and what is seen from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.migrations import upgrade
from newsletter.database.tables import (
    BatchRow,
    BounceRow,
    DeliveryRow,
    MailingRow,
    RelayRow,
    TallyRow,
    WorkerHeartbeatRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BounceKind,
    BounceSource,
    DeliveryState,
    ProcessKind,
    TallyScope,
)
from newsletter.disk import DiskFault, DiskHealth, look_at_disk
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from newsletter.mailings.ledger import database_history
from newsletter.mailings.ledger.dispatch import Silence
from newsletter.mailings.ledger.domain_holds import hold_domain, let_domain_go
from newsletter.mailings.ledger.leases import claim_batch, close_batch
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.relay_faults import RelayFault, kept_fault
from newsletter.mailings.ledger.relays import RelayState, hold_relay, relay_failed, resting_relays
from newsletter.mailings.ledger.standing import standing
from newsletter.mailings.ledger.tallies import Tally, condense, relay_tallies, tally, totals
from newsletter.mailings.ledger.worker_hosts import Loss, MissingJournals
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.series.figures import Overdue
from newsletter.operations import heartbeats
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm, AlarmSeverity
from newsletter.operations.alarms.routes import worded_fault
from newsletter.operations.attention import (
    Backlog,
    ComplainedMailing,
    HaltedMailing,
    OpenIncident,
    ReplyClass,
    UnplannedMailing,
    UnsettledMailing,
    classify,
)
from newsletter.operations.broker import BrokerHealth
from newsletter.operations.heartbeats import Activity, Process, ProcessState
from newsletter.operations.overview import (
    DatabaseHealth,
    DomainView,
    Overview,
    RelayView,
    look,
)
from newsletter.settings import Settings
from tests.support.celery import celery_workers
from tests.support.databases import on_one_database
from tests.support.ports import await_condition
from tests.support.stage import Stage, set_stage
from workers.overview import overview_source

RELAY = "smtp:mail.example.jp:25"


def process(
    kind: ProcessKind, node: str = "", *, silent: float = 0, started: float = 3600
) -> ProcessState:
    began = now() - timedelta(seconds=started)
    return ProcessState(
        process=Process(kind=kind, node=node, host="one", pid=7, started_at=began),
        activity=Activity(),
        seen_at=now() - timedelta(seconds=silent),
        taken_at=now(),
        stopped_at=None,
        draining=False,
    )


def well() -> Overview:
    working = Tally(name=RELAY, per_minute=10, lately={DeliveryState.ACCEPTED: 50}, day={})
    return Overview(
        taken_at=now(),
        database=DatabaseHealth(kind="postgresql", milliseconds=1),
        broker=BrokerHealth(policy="noeviction"),
        round_at=now(),
        processes=(
            process(ProcessKind.BEAT),
            process(ProcessKind.WORKER, "bulk@one"),
            process(ProcessKind.WORKER, "control@one"),
        ),
        relays=(RelayView(name=RELAY, tally=working),),
    )


def half_deferred(name: str) -> Tally:
    lately = {DeliveryState.ACCEPTED: 40, DeliveryState.DEFERRED: 40}
    return Tally(name=name, per_minute=8, lately=lately, day=lately)


def _stuck() -> RelayState:
    return RelayState(name=RELAY, reason="421", held=False, retry_at=now(), failures=3)


def test_when_all_is_well_there_is_no_alarm() -> None:
    assert find_alarms(well()) == []


def test_where_parts_start_by_themselves_nobody_is_missed_until_there_is_work() -> None:
    alone = replace(well(), broker=None, processes=(), round_at=None)
    assert find_alarms(alone) == []
    due = now() - timedelta(minutes=20)
    overdue = Overdue(series_id=1, newsletter_id=1, name="ようこそ", since=due)
    unplanned = UnplannedMailing(mailing_id=1, newsletter_id=1, subject="十一月号", since=due)
    for work in (
        {"backlog": Backlog(later=1)},
        {"overdue": (overdue,)},
        {"unplanned": (unplanned,)},
    ):
        found = {alarm.kind for alarm in find_alarms(replace(alone, **work))}
        assert found >= {"no-worker", "no-beat"}


@pytest.mark.parametrize(
    ("kind", "severity", "change"),
    [
        ("redis-down", "critical", lambda o: replace(o, broker=BrokerHealth(problem="refused"))),
        (
            "redis-policy",
            "warning",
            lambda o: replace(o, broker=BrokerHealth(policy="allkeys-lru")),
        ),
        (
            "redis-full",
            "warning",
            lambda o: replace(
                o, broker=BrokerHealth(policy="noeviction", used_memory=9, max_memory=10)
            ),
        ),
        (
            "redis-out-of-memory",
            "critical",
            lambda o: replace(
                o, broker=BrokerHealth(policy="noeviction", used_memory=11, max_memory=10)
            ),
        ),
        (
            "database-slow",
            "warning",
            lambda o: replace(o, database=DatabaseHealth(kind="sqlite", milliseconds=900)),
        ),
        (
            "database-unsafe",
            "warning",
            lambda o: replace(
                o, database=DatabaseHealth(kind="postgresql", milliseconds=1, unsafe=("fsync",))
            ),
        ),
        ("no-worker", "critical", lambda o: replace(o, processes=o.processes[::2])),
        ("no-beat", "critical", lambda o: replace(o, processes=o.processes[1:])),
        (
            "no-rounds",
            "critical",
            lambda o: replace(o, round_at=o.taken_at - timedelta(minutes=2)),
        ),
        (
            "account-mail-refused",
            "critical",
            lambda o: replace(o, account_mail_is_refused=True),
        ),
        (
            "worker-lost",
            "warning",
            lambda o: replace(
                o, processes=(*o.processes, process(ProcessKind.WORKER, "bulk@two", silent=60))
            ),
        ),
        (
            "worker-drained",
            "note",
            lambda o: replace(
                o,
                processes=(
                    *o.processes,
                    replace(process(ProcessKind.WORKER, "bulk@two"), draining=True),
                ),
            ),
        ),
        (
            "mail-waits",
            "warning",
            lambda o: replace(
                o,
                backlog=Backlog(due=9, oldest_due_at=o.taken_at - timedelta(minutes=3)),
                relays=(),
            ),
        ),
        # A list that takes long while its mail flows, such as at a rate that is set.
        (
            "mail-waits",
            "note",
            lambda o: replace(
                o, backlog=Backlog(due=9, oldest_due_at=o.taken_at - timedelta(minutes=30))
            ),
        ),
        (
            "urgent-waits",
            "critical",
            lambda o: replace(
                o,
                backlog=Backlog(urgent_due=1, oldest_urgent_at=o.taken_at - timedelta(minutes=11)),
            ),
        ),
        ("lease-overdue", "warning", lambda o: replace(o, backlog=Backlog(overdue_leases=1))),
        (
            "mailing-silent",
            "critical",
            lambda o: replace(
                o,
                silent=(
                    Silence(
                        mailing_id=4,
                        newsletter_id=1,
                        subject="十一月号",
                        since=o.taken_at - timedelta(seconds=14),
                    ),
                ),
            ),
        ),
        (
            "relay-defers",
            "warning",
            lambda o: replace(o, relays=(RelayView(name=RELAY, tally=half_deferred(RELAY)),)),
        ),
        (
            "domain-defers",
            "warning",
            lambda o: replace(
                o, domains=(DomainView(name="example.jp", tally=half_deferred("example.jp")),)
            ),
        ),
        (
            "uncertain",
            "warning",
            lambda o: replace(
                o,
                uncertain=(UnsettledMailing(mailing_id=1, newsletter_id=1, subject="", count=1),),
            ),
        ),
        (
            "journals-missing",
            "warning",
            lambda o: replace(
                o,
                missing_journals=MissingJournals(
                    hosts=Listing(("a",)),
                    loss=Loss(since=o.taken_at, noticed_at=o.taken_at),
                ),
            ),
        ),
        ("data-dir-replaced", "warning", lambda o: replace(o, replaced_folders=("a:/data",))),
    ],
)
def test_each_fault_is_one_alarm(
    kind: str, severity: str, change: Callable[[Overview], Overview]
) -> None:
    assert [(one.kind, one.severity.value) for one in find_alarms(change(well()))] == [
        (kind, severity)
    ]


@pytest.mark.parametrize("others", [(), ("example.com", "example.net")])
def test_what_a_relay_defers_to_every_domain_is_no_alarm_of_the_domains(
    others: Sequence[str],
) -> None:
    relay = RelayView(name=RELAY, tally=half_deferred(RELAY))
    domains = tuple(
        DomainView(name=name, tally=half_deferred(name)) for name in ("example.jp", *others)
    )
    found = find_alarms(replace(well(), relays=(relay,), domains=domains))
    assert [one.kind for one in found] == ["relay-defers"]
    stuck = replace(relay, resting=_stuck())
    found = find_alarms(replace(well(), relays=(stuck,), domains=domains))
    assert [one.kind for one in found] == ["relay-stuck"]


def test_a_domain_that_defers_while_others_take_their_mail_is_an_alarm_beside_its_relays() -> None:
    taken = Tally(name="example.com", per_minute=1, lately={DeliveryState.ACCEPTED: 50}, day={})
    domains = (
        DomainView(name="example.jp", tally=half_deferred("example.jp")),
        DomainView(name=taken.name, tally=taken),
    )
    relay = RelayView(name=RELAY, tally=half_deferred(RELAY))
    found = find_alarms(replace(well(), relays=(relay,), domains=domains))
    assert [one.kind for one in found] == ["relay-defers", "domain-defers"]


def test_workers_that_are_all_drained_are_not_missed_but_named() -> None:
    drained = tuple(
        replace(each, draining=each.process.node == "bulk@one") for each in well().processes
    )
    found = find_alarms(replace(well(), processes=drained))
    assert [one.kind for one in found] == ["all-drained", "worker-drained"]
    assert "newsletter drain bulk@one --undo" in str(found[0].remedy)


_UNSETTLED = UnsettledMailing(mailing_id=12, newsletter_id=1, subject="十一月号", count=3)
_HALTED = HaltedMailing(
    mailing_id=12, newsletter_id=1, subject="十一月号", reason=msg("the database went back")
)
_COMPLAINED = ComplainedMailing(
    mailing_id=12, newsletter_id=1, subject="十一月号", complaints=9, planned=100
)
_INCIDENT = OpenIncident(
    incident_id=3,
    newsletter_id=1,
    subject="mailing:12",
    bounced=40,
    mailed=50,
    words="",
    about=msg("Mailing {number}", number=12),
)
_SILENCE = Silence(
    mailing_id=12, newsletter_id=1, subject="十一月号", since=now() - timedelta(seconds=14)
)


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"uncertain": (_UNSETTLED,)}, "newsletter mailing settle 12 --log FILE"),
        ({"failed": (_UNSETTLED,)}, "newsletter mailing retry 12"),
        ({"halted": (replace(_HALTED, reason=None),)}, "newsletter mailing resume 12"),
        ({"halted": (_HALTED,)}, "(the database went back)"),
        ({"halted": (_HALTED,)}, "newsletter mailing cancel 12"),
        ({"complained": (_COMPLAINED,)}, "newsletter mailing pause 12"),
        ({"silent": (_SILENCE,)}, "Check the relay"),
        ({"incidents": (_INCIDENT,)}, "newsletter bounce settle 3"),
    ],
)
def test_an_alarm_of_a_mailing_names_its_number_and_the_command_to_run(
    change: dict[str, Any], command: str
) -> None:
    (alarm,) = find_alarms(replace(well(), **change))
    assert "mailing 12" in str(alarm.what).lower()
    assert command in str(alarm.remedy)


def test_without_redis_nobody_is_sent_to_look_at_a_relay_first() -> None:
    since = now() - timedelta(seconds=14)
    silence = Silence(mailing_id=4, newsletter_id=1, subject="十一月号", since=since)
    found = find_alarms(replace(well(), broker=BrokerHealth(problem="refused"), silent=(silence,)))
    assert [one.kind for one in found] == ["redis-down", "mailing-silent"]
    assert "No relay" not in str(found[1].what)
    assert str(found[1].remedy).startswith("Restore Redis first")


@pytest.mark.parametrize(
    ("broker", "kind"),
    [
        (BrokerHealth(problem="WRONGPASS", refuses=True), "redis-refuses"),
        (BrokerHealth(used_memory=9, max_memory=9, policy="noeviction"), "redis-out-of-memory"),
    ],
)
def test_rounds_that_redis_holds_up_are_no_alarm_of_their_own(
    broker: BrokerHealth, kind: str
) -> None:
    late = now() - timedelta(minutes=5)
    found = find_alarms(replace(well(), broker=broker, round_at=late))
    assert [one.kind for one in found] == [kind]


def test_rounds_that_stopped_are_told_after_the_clock_was_set_back() -> None:
    found = find_alarms(replace(well(), round_at=now() + timedelta(hours=1)))
    assert [one.kind for one in found] == ["no-rounds"]


@pytest.mark.parametrize("round_at", [None, now() - timedelta(hours=2)])
@pytest.mark.parametrize(("beat", "control"), [(5, 5), (5, 3600), (3600, 5)])
def test_who_just_started_is_given_time_for_a_round(
    round_at: datetime | None, beat: float, control: float
) -> None:
    started = (
        process(ProcessKind.BEAT, started=beat),
        process(ProcessKind.WORKER, "bulk@one"),
        process(ProcessKind.WORKER, "control@one", started=control),
    )
    assert find_alarms(replace(well(), processes=started, round_at=round_at)) == []


def test_rounds_of_a_drained_control_worker_are_missed_with_the_way_to_let_it_continue() -> None:
    drained = tuple(replace(each, draining=each.process.is_control) for each in well().processes)
    late = now() - timedelta(minutes=5)
    found = find_alarms(replace(well(), processes=drained, round_at=late))
    assert found[0].kind == "no-rounds"
    assert "--undo" in str(found[0].remedy)


def test_a_process_that_joins_others_gives_them_no_more_time() -> None:
    joined = (*well().processes, process(ProcessKind.WORKER, "control@two", started=5))
    found = find_alarms(replace(well(), processes=joined, round_at=None))
    assert [one.kind for one in found] == ["no-rounds"]


def test_the_gravest_comes_first() -> None:
    seen = replace(well(), broker=BrokerHealth(problem="x"), backlog=Backlog(overdue_leases=1))
    assert [one.severity for one in find_alarms(seen)] == [
        AlarmSeverity.CRITICAL,
        AlarmSeverity.WARNING,
    ]


@pytest.mark.parametrize(
    ("status", "about"),
    [
        ("4.7.1", ReplyClass.POLICY),
        ("4.2.2", ReplyClass.MAILBOX),
        ("4.4.1", ReplyClass.NETWORK),
        ("", ReplyClass.OTHER),
        ("4", ReplyClass.OTHER),
        ("4.9.9", ReplyClass.OTHER),
    ],
)
def test_a_status_code_says_what_a_refusal_is_about(status: str, about: ReplyClass) -> None:
    assert classify(status) is about


@pytest.fixture
def stage(engine: Engine) -> Stage:
    prepared = set_stage(engine)
    prepared.subscribe("a@example.jp", "b@example.jp", "c@held.jp")
    return prepared


def _planned(stage: Stage) -> int:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    return mailing


def test_what_is_deferred_is_grouped_by_why_and_names_nobody(stage: Stage) -> None:
    _planned(stage)
    with transaction(stage.engine) as session:
        session.execute(
            update(DeliveryRow).values(
                state=DeliveryState.DEFERRED, status="4.7.1", reply="451 4.7.1 <a@example.jp> slow"
            )
        )
    seen = look(stage.engine, redis_url="")
    assert [(one.reply_class, one.count, one.example) for one in seen.deferred] == [
        (ReplyClass.POLICY, 3, "451 4.7.1 <[address]> slow")
    ]


def test_a_stuck_relay_and_a_held_one_are_seen(stage: Stage) -> None:
    relay_failed(stage.engine, RELAY, "connection refused")
    with transaction(stage.engine) as session:
        hold_relay(session, "smtp:b:25", reason="moving", known=["smtp:b:25"])
    found = find_alarms(look(stage.engine, redis_url="", relays=(RELAY, "smtp:b:25", "smtp:c:25")))
    assert {(one.kind, one.where) for one in found if one.section == "relays"} == {
        ("relay-stuck", RELAY),
        ("relay-held", "smtp:b:25"),
    }


def test_complaints_are_an_alarm_from_the_share_on_at_which_providers_block(stage: Stage) -> None:
    number = _planned(stage)
    with transaction(stage.engine) as session:
        session.get_one(MailingRow, number).planned = 2_000
    for already, more in ((0, 5), (5, 1)):
        # At 0.25 % there is none yet.
        assert "complaints" not in {
            one.kind for one in find_alarms(look(stage.engine, redis_url=""))
        }
        with transaction(stage.engine) as session:
            session.add_all(_complaint(number, f"reader{already + i}") for i in range(more))
    with transaction(stage.engine) as session:
        session.add(_complaint(number, "reader0", mark="again"))
    (alarm,) = (
        one for one in find_alarms(look(stage.engine, redis_url="")) if one.kind == "complaints"
    )
    assert (alarm.where, alarm.size) == (str(number), 6)
    assert "6 recipients (0.3%)" in str(alarm.what)


def _complaint(mailing: int, name: str, *, mark: str = "") -> BounceRow:
    return BounceRow(
        event_id=f"{name}{mark}",
        mailing_id=mailing,
        address=f"{name}@example.jp",
        kind=BounceKind.COMPLAINT,
        source=BounceSource.MAIL,
    )


def test_what_waits_for_a_worker_is_seen_with_its_age(stage: Stage) -> None:
    _planned(stage)
    with transaction(stage.engine) as session:
        session.execute(update(BatchRow).values(due_at=now() - timedelta(minutes=5)))
    backlog = look(stage.engine, redis_url="").backlog
    assert backlog.due == 1
    assert backlog.oldest_due_at is not None
    assert now() - backlog.oldest_due_at >= timedelta(minutes=5)


def test_a_silent_process_is_lost_and_one_that_said_goodbye_is_not(engine: Engine) -> None:
    began = now() - timedelta(hours=1)
    staying, leaving = (
        replace(process(ProcessKind.WORKER, "bulk@one").process, pid=pid, started_at=began)
        for pid in (1, 2)
    )
    for worker in (staying, leaving):
        heartbeats.beat(engine, worker, Activity(mailing_id=5, batch_number=1))
    heartbeats.record_stop(engine, leaving)
    (left,) = look(engine, redis_url="").processes
    assert (left.process.pid, left.alive, left.activity.mailing_id) == (1, True, 5)
    with transaction(engine) as session:
        before = now() - timedelta(seconds=heartbeats.LOST_SECONDS + 1)
        session.execute(update(WorkerHeartbeatRow).values(seen_at=before))
    (silent,) = look(engine, redis_url="").processes
    assert silent.lost
    assert silent.activity.mailing_id is None


def test_processes_that_a_worker_lost_are_one_alarm_until_others_took_their_place() -> None:
    ours = well()
    gone = [process(ProcessKind.WORKER, "bulk@two", silent=silent) for silent in (60, 61, 62)]
    born_before = [
        replace(one, process=replace(one.process, started_at=now() - timedelta(hours=1)))
        for one in gone
    ]
    (alarm,) = find_alarms(replace(ours, processes=(*ours.processes, *born_before)))
    assert (alarm.kind, alarm.where) == ("worker-lost", "bulk@two")
    assert "3 processes stopped responding" in str(alarm.what)
    instead = [process(ProcessKind.WORKER, "bulk@two", started=0) for _ in gone]
    assert find_alarms(replace(ours, processes=(*ours.processes, *born_before, *instead))) == []
    stopped = [replace(one, stopped_at=now()) for one in instead]
    assert find_alarms(replace(ours, processes=(*ours.processes, *born_before, *stopped))) == []


def test_of_work_that_nobody_continues_it_is_said_to_start_the_worker_again() -> None:
    ours = well()
    gone = [replace(one, seen_at=now() - timedelta(seconds=60)) for one in ours.processes]
    found = find_alarms(replace(ours, processes=tuple(gone)))
    lost = [str(one.remedy) for one in found if one.kind == "worker-lost"]
    assert len(lost) == 3
    assert all("Start it again" in remedy for remedy in lost)
    another = process(ProcessKind.WORKER, "bulk@two")
    found = find_alarms(replace(ours, processes=(*gone, another)))
    remedies = {one.where: str(one.remedy) for one in found if one.kind == "worker-lost"}
    assert "Other workers continue" in remedies["bulk@one"]
    assert "Start it again" in remedies["control@one"]


def test_of_processes_that_were_lost_those_are_named_that_nothing_replaced() -> None:
    ours = well()
    first, last = (
        replace(one, process=replace(one.process, pid=pid, started_at=now() - timedelta(hours=1)))
        for pid, one in (
            (71, process(ProcessKind.WORKER, "bulk@two", silent=600)),
            (72, process(ProcessKind.WORKER, "bulk@two", silent=60)),
        )
    )
    instead = process(ProcessKind.WORKER, "bulk@two", started=0)
    (alarm,) = find_alarms(replace(ours, processes=(*ours.processes, last, first, instead)))
    assert "1 process stopped responding (PID 72)" in str(alarm.what)


def test_a_loss_is_made_good_also_where_what_took_its_place_was_lost_and_replaced() -> None:
    ours = well()
    first, second, third = (
        replace(one, process=replace(one.process, pid=pid, started_at=now() - timedelta(seconds=s)))
        for pid, s, one in (
            (71, 3600, process(ProcessKind.WORKER, "bulk@two", silent=900)),
            (72, 890, process(ProcessKind.WORKER, "bulk@two", silent=600)),
            (73, 590, process(ProcessKind.WORKER, "bulk@two", silent=60)),
        )
    )
    (alarm,) = find_alarms(replace(ours, processes=(*ours.processes, first, second, third)))
    assert "1 process stopped responding (PID 73)" in str(alarm.what)
    instead = process(ProcessKind.WORKER, "bulk@two", started=0)
    there = (*ours.processes, first, second, third, instead)
    assert find_alarms(replace(ours, processes=there)) == []


def test_a_mailing_that_nobody_sends_accuses_no_relay() -> None:
    silence = Silence(
        mailing_id=4, newsletter_id=1, subject="十一月号", since=now() - timedelta(seconds=12)
    )
    alone = [one for one in well().processes if one.process.kind is not ProcessKind.WORKER]
    found = find_alarms(replace(well(), processes=(*alone,), silent=(silence,)))
    assert [one.kind for one in found] == ["no-worker", "mailing-silent"]
    assert "No relay" not in str(found[1].what)
    assert str(found[1].remedy).startswith("Start a worker first")


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"processes": well().processes[:1]}, "Start a worker first"),
        ({"broker": BrokerHealth(problem="refused")}, "Restore Redis first"),
        ({}, "Email is being sent, 10 a minute"),
    ],
)
def test_mail_that_waits_is_said_to_leave_only_where_something_can_send_it(
    change: dict[str, Any], remedy: str
) -> None:
    work = Backlog(due=3, leased=1, oldest_due_at=now() - timedelta(minutes=4))
    found = find_alarms(replace(well(), backlog=work, **change))
    (waits,) = (one for one in found if one.kind == "mail-waits")
    assert str(waits.remedy).startswith(remedy)


def test_rounds_that_fail_send_nobody_to_start_the_worker_that_runs() -> None:
    (alarm,) = find_alarms(replace(well(), round_at=now() - timedelta(minutes=5)))
    assert alarm.kind == "no-rounds"
    assert str(alarm.remedy) == "The control worker runs, and its work fails: its log says why."


def test_what_waits_for_a_decision_stands_before_what_is_equally_grave() -> None:
    seen = replace(
        well(),
        broker=BrokerHealth(policy="allkeys-lru"),
        backlog=Backlog(overdue_leases=1),
        uncertain=(UnsettledMailing(mailing_id=1, newsletter_id=1, subject="", count=3),),
    )
    assert find_alarms(seen)[0].kind == "uncertain"


def test_processes_that_are_told_to_end_leave_no_alarm_behind(
    sqlite_url: str, redis_url: str, tmp_path: Path
) -> None:
    engine = open_engine(sqlite_url)
    upgrade(engine)

    def kinds() -> set[ProcessKind]:
        return {each.process.kind for each in look(engine, redis_url="").processes}

    with celery_workers(
        database_url=sqlite_url,
        redis_url=redis_url,
        smtp_url="smtp://127.0.0.1:1",
        folder=tmp_path / "data",
    ) as workers:
        both = {ProcessKind.BEAT, ProcessKind.WORKER}
        await_condition(lambda: kinds() == both, seconds=60, what="workers and beat")
        workers.stop()
    assert kinds() == set()
    engine.dispose()


def test_a_round_is_seen(engine: Engine) -> None:
    assert look(engine, redis_url="").round_at is None
    database_history.beat(engine)
    assert look(engine, redis_url="").round_at is not None


def test_a_held_domain_is_not_claimed_and_its_batch_waits(stage: Stage) -> None:
    mailing = _planned(stage)
    with transaction(stage.engine) as session:
        hold_domain(session, "held.jp", reason="they asked us to")
    claim = claim_batch(stage.engine, mailing, 1, token="t", lease_seconds=60)
    assert claim is not None
    assert sorted(one.address for one in claim.deliveries) == ["a@example.jp", "b@example.jp"]
    assert standing(stage.engine, claim).held_domains == {"held.jp"}
    with transaction(stage.engine) as session:
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.state == DeliveryState.SENDING)
            .values(state=DeliveryState.ACCEPTED)
        )
    close_batch(stage.engine, claim)
    with reading(stage.engine) as session:
        due_at = session.scalars(select(BatchRow.due_at)).one()
    assert timedelta(0) < due_at - now() <= timedelta(seconds=60)


def test_a_domain_that_is_let_go_gets_what_waited(stage: Stage) -> None:
    mailing = _planned(stage)
    with transaction(stage.engine) as session:
        hold_domain(session, "held.jp", reason="x")
    with transaction(stage.engine) as session:
        let_domain_go(session, "held.jp")
    claim = claim_batch(stage.engine, mailing, 1, token="t", lease_seconds=60)
    assert claim is not None
    assert "c@held.jp" in [one.address for one in claim.deliveries]


def test_old_tallies_become_one_sum_and_no_total_ever_shrinks(engine: Engine) -> None:
    outcome = Outcome(
        position=1, state=DeliveryState.ACCEPTED, transport=RELAY, domain="example.jp"
    )
    with transaction(engine) as session:
        tally(session, [outcome, outcome])
        session.execute(update(TallyRow).values(at=now() - timedelta(days=3)))
    with transaction(engine) as session:
        tally(session, [outcome])
    condense(engine)
    condense(engine)
    with reading(engine) as session:
        assert totals(session) == [(RELAY, DeliveryState.ACCEPTED, 3)]
        assert [one.day for one in relay_tallies(session)] == [{DeliveryState.ACCEPTED: 1}]
        domains = select(TallyRow.count).where(TallyRow.scope == TallyScope.DOMAIN)
        assert session.scalars(domains).all() == [1]


def test_each_relay_fault_is_told_in_plain_words_with_its_remedy() -> None:
    for fault in RelayFault:
        what, remedy = worded_fault(RELAY, fault, "535 5.7.8 no")
        for language in Language:
            assert RELAY in what.in_language(language)
            assert "535 5.7.8 no" in remedy.in_language(language)


def test_what_a_connection_knew_of_a_fault_comes_to_the_alarm(stage: Stage) -> None:
    relay_failed(stage.engine, RELAY, kept_fault(RelayFault.CERTIFICATE_EXPIRED, "verify failed"))
    (found,) = _relay_alarms(stage)
    assert str(found.what) == f"The TLS certificate of the relay {RELAY} has expired"
    assert "(The response was: verify failed)" in str(found.remedy)


def test_a_relay_that_is_just_being_tried_again_stays_in_view(stage: Stage) -> None:
    relay_failed(stage.engine, RELAY, kept_fault(RelayFault.NO_ANSWER, "timed out"))
    with transaction(stage.engine) as session:
        session.execute(update(RelayRow).values(retry_at=now() - timedelta(seconds=20)))
    assert [one.kind for one in _relay_alarms(stage)] == ["relay-stuck"]
    assert resting_relays(stage.engine) == []


def _relay_alarms(stage: Stage) -> list[Alarm]:
    seen = look(stage.engine, redis_url="", relays=(RELAY,))
    return [one for one in find_alarms(seen) if one.section == "relays"]


@pytest.mark.parametrize(
    ("disk", "kind"),
    [
        (DiskHealth(free=0, fault=DiskFault.FULL), "disk-unwritable"),
        (DiskHealth(free=10**12, fault=DiskFault.DENIED), "disk-unwritable"),
        (DiskHealth(free=10**7), "disk-low"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_by_whoever_cannot_write(
    stage: Stage, disk: DiskHealth, kind: str
) -> None:
    worker = Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=7)
    heartbeats.beat(stage.engine, worker, Activity(disk=disk))
    found = find_alarms(look(stage.engine, redis_url=""))
    assert [one.kind for one in found if one.where == "one"] == [kind]


def test_a_folder_that_takes_no_file_has_a_fault(tmp_path: Path) -> None:
    assert look_at_disk(tmp_path).fault is None
    assert look_at_disk(tmp_path / "still" / "to be made").fault is None
    assert look_at_disk(Path("/proc/self")).fault is not None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://news.example.jp", True),
        ("https://news.example.jp", False),
        ("http://127.0.0.1:8000", False),
    ],
)
@on_one_database("sqlite")
def test_a_public_address_without_tls_is_told(engine: Engine, url: str, told: bool) -> None:  # noqa: FBT001 - a case
    settings = Settings(_env_file=None, public_url=url)
    kinds = {alarm.kind for alarm in find_alarms(overview_source(settings, engine)())}
    assert ("public-url-plain" in kinds) is told
