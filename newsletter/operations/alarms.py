"""Alarms: what of an overview is wrong, the gravest first, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from newsletter.database.vocabulary import DeliveryState, ProcessKind
from newsletter.operations.attention import MOST
from newsletter.operations.overview import Overview

#: Seconds without a round, and for which due mail may wait, before that is worth a word.
_ROUND_LATE, _DUE_LATE, _DUE_STUCK = 30, 120, 600
#: Redis is nearly full, an answer is slow, from here on.
_FULL, _SLOW_MILLISECONDS = 0.8, 250
#: So many attempts, and this share of them put off, is more than a few unlucky ones.
_RELAY_ATTEMPTS, _RELAY_SHARE = 50, 0.3
_DOMAIN_ATTEMPTS, _DOMAIN_SHARE = 20, 0.5


class Severity(StrEnum):
    """How much an alarm weighs."""

    #: Mail stands still, or will.
    CRITICAL = "critical"
    #: Somebody must look at it today.
    WARNING = "warning"
    #: As an operator wanted it; said so that it is not forgotten.
    NOTE = "note"


_WEIGHT = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The same in both languages."""

    ja: str
    en: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Something wrong.

    Attributes:
        kind: What it is, for machines.
        where: The relay, domain, worker or mailing; empty for the whole.
        section: Which part of the overview shows more of it.
    """

    severity: Severity
    kind: str
    what: Words
    remedy: Words
    where: str = ""
    section: str = ""


def judge(seen: Overview) -> Sequence[Alarm]:
    """Return what is wrong, the gravest first."""
    found = [
        *_of_broker(seen),
        *_of_processes(seen),
        *_of_backlog(seen),
        *_of_relays(seen),
        *_of_domains(seen),
        *_of_deliveries(seen),
        *_of_mailings(seen),
    ]
    return sorted(found, key=lambda alarm: _WEIGHT[alarm.severity])


def _alarm(
    severity: Severity,
    kind: str,
    what: tuple[str, str],
    remedy: tuple[str, str],
    *,
    where: str = "",
    section: str = "",
) -> Alarm:
    return Alarm(
        severity=severity,
        kind=kind,
        what=Words(ja=what[0], en=what[1]),
        remedy=Words(ja=remedy[0], en=remedy[1]),
        where=where,
        section=section,
    )


def _minutes(seen: Overview, since: datetime) -> int:
    return max(1, round((seen.taken_at - since).total_seconds() / 60))


def _of_broker(seen: Overview) -> Iterator[Alarm]:
    slow = seen.database.milliseconds
    if slow > _SLOW_MILLISECONDS:
        yield _alarm(
            Severity.WARNING,
            "database-slow",
            (
                f"データベースの応答が遅い（{slow:.0f}ミリ秒）",
                f"The database is slow ({slow:.0f} ms)",
            ),
            ("データベースの負荷を見てください。", "See what burdens the database."),
            section="servers",
        )
    broker = seen.broker
    if broker is None:
        return
    if broker.problem:
        yield _alarm(
            Severity.CRITICAL,
            "redis-down",
            ("Redisが応答しない", "Redis does not answer"),
            (
                "Redisを起動し、REDIS_URLを確かめてください。配信は台帳から自動で再開します。",
                "Start Redis and see REDIS_URL. Sending goes on by itself from the ledger.",
            ),
            section="servers",
        )
        return
    if broker.policy and broker.policy != "noeviction":
        yield _alarm(
            Severity.WARNING,
            "redis-policy",
            (
                f"Redisが鍵を捨てる設定になっている（{broker.policy}）",
                f"Redis may throw tasks away ({broker.policy})",
            ),
            (
                "maxmemory-policyをnoevictionにしてください。",
                "Set maxmemory-policy noeviction.",
            ),
            section="servers",
        )
    if broker.fullness > _FULL:
        yield _alarm(
            Severity.WARNING,
            "redis-full",
            (
                f"Redisのメモリーが残り少ない（{broker.fullness:.0%}使用）",
                f"Redis is nearly full ({broker.fullness:.0%} of its memory)",
            ),
            ("maxmemoryを増やしてください。", "Raise maxmemory."),
            section="servers",
        )


def _of_processes(seen: Overview) -> Iterator[Alarm]:
    alive = [each for each in seen.processes if each.alive]
    workers = [each for each in alive if each.process.kind is ProcessKind.WORKER]
    sending = [
        each
        for each in workers
        if not each.draining and not each.process.node.startswith("control@")
    ]
    start = (
        "newsletter workerを起動してください（docker compose up -d worker）。",
        "Start it: newsletter worker (docker compose up -d worker).",
    )
    if not sending:
        yield _alarm(
            Severity.CRITICAL,
            "no-worker",
            (
                "号を送るワーカーが動いていない",
                "No worker that sends mailings is running",
            ),
            start,
            section="workers",
        )
    if not any(each.process.kind is ProcessKind.BEAT for each in alive):
        yield _alarm(
            Severity.CRITICAL,
            "no-beat",
            ("beatが動いていない", "Beat is not running"),
            (
                "newsletter workerか、composeのbeatを起動してください。",
                "Start newsletter worker, or beat of the compose file.",
            ),
            section="workers",
        )
    elif seen.round_at is None or ((seen.taken_at - seen.round_at).total_seconds() > _ROUND_LATE):
        yield _alarm(
            Severity.CRITICAL,
            "no-rounds",
            (
                "台帳の見回りが止まっている",
                "The ledger is not being looked at: no round runs",
            ),
            (
                "controlワーカーを起動してください（newsletter worker）。",
                "Start the control worker: newsletter worker.",
            ),
            section="workers",
        )
    for each in seen.processes:
        if each.lost:
            name = f"{each.process.node or each.process.kind.value} ({each.process.pid})"
            yield _alarm(
                Severity.WARNING,
                "worker-lost",
                (
                    f"プロセスが断りなく止まった: {name}",
                    f"A process ended without a word: {name}",
                ),
                (
                    "ログとメモリー不足（OOM）を確かめてください。送り残しは引き継がれます。",
                    "See its log, and whether memory ran out. Others take up what it left.",
                ),
                where=name,
                section="workers",
            )
    for node in sorted({each.process.node for each in workers if each.draining}):
        yield _alarm(
            Severity.NOTE,
            "worker-drained",
            (f"{node}は新しい束を取らない", f"{node} takes no new batch"),
            (
                "用が済んだら再開させるか、止めてください。",
                "Let it go on, or stop it, when you are done.",
            ),
            where=node,
            section="workers",
        )
    versions = sorted({each.process.version for each in workers})
    if len(versions) > 1:
        shown = ", ".join(versions)
        yield _alarm(
            Severity.WARNING,
            "mixed-versions",
            (f"ワーカーの版が揃っていない: {shown}", f"Workers of several versions run: {shown}"),
            ("古いワーカーを入れ替えてください。", "Replace the old ones."),
            section="workers",
        )


def _of_backlog(seen: Overview) -> Iterator[Alarm]:
    work = seen.backlog
    for kind, since, name in (
        ("urgent-waits", work.oldest_urgent_at, ("確認メール", "Confirmation mail")),
        ("mail-waits", work.oldest_due_at, ("送るべき号", "Mail that is due")),
    ):
        if since is None or (age := (seen.taken_at - since).total_seconds()) < _DUE_LATE:
            continue
        minutes = _minutes(seen, since)
        answered = any(relay.tally.lately for relay in seen.relays)
        if work.leased and not answered:
            remedy = (
                "ワーカーは束を持っているが、中継サーバーの答えがない。中継サーバーを見てください。",
                "Workers hold batches, and no relay answers. See the relays.",
            )
        else:
            remedy = (
                "ワーカーと中継サーバーを見て、足りなければワーカーを増やしてください。",
                "See workers and relays; add workers if they cannot keep up.",
            )
        flows = answered and kind == "mail-waits"
        yield _alarm(
            Severity.CRITICAL if age > _DUE_STUCK and not flows else Severity.WARNING,
            kind,
            (f"{name[0]}が{minutes}分待っている", f"{name[1]} has waited for {minutes} min"),
            remedy,
            section="queues",
        )
    if work.overdue_leases:
        yield _alarm(
            Severity.WARNING,
            "lease-overdue",
            (
                f"{work.overdue_leases}束の持ち主から便りがない",
                f"{work.overdue_leases} batches are held by workers that fell silent",
            ),
            (
                "次の見回りが引き取ります。続くならcontrolワーカーを見てください。",
                "The next round takes them up; if this stays, see the control worker.",
            ),
            section="queues",
        )


def _of_relays(seen: Overview) -> Iterator[Alarm]:
    working = [relay for relay in seen.relays if relay.resting is None]
    for relay in seen.relays:
        resting = relay.resting
        if resting is not None and resting.held:
            yield _alarm(
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-held",
                (
                    f"中継サーバー{relay.name}は止めてある",
                    f"The relay {relay.name} is held",
                ),
                (
                    f"用が済んだら再開してください。（{resting.reason}）",
                    f"Let it go when you are done. ({resting.reason})",
                ),
                where=relay.name,
                section="relays",
            )
        elif resting is not None:
            yield _alarm(
                Severity.WARNING if working else Severity.CRITICAL,
                "relay-stuck",
                (
                    f"中継サーバー{relay.name}が受け取らない（続けて{resting.failures}回）",
                    f"The relay {relay.name} takes nothing ({resting.failures} times in a row)",
                ),
                (
                    f"自動で再試行します。言い分: {resting.reason}",
                    f"It is tried again by itself. It said: {resting.reason}",
                ),
                where=relay.name,
                section="relays",
            )
        elif (
            sum(relay.tally.lately.values()) >= _RELAY_ATTEMPTS
            and (share := relay.tally.share(DeliveryState.DEFERRED)) >= _RELAY_SHARE
        ):
            yield _alarm(
                Severity.WARNING,
                "relay-defers",
                (
                    f"中継サーバー{relay.name}が{share:.0%}を後回しにしている",
                    f"The relay {relay.name} puts {share:.0%} off",
                ),
                ("後回しの理由を見てください。", "See why, under what is deferred."),
                where=relay.name,
                section="deferred",
            )


def _of_domains(seen: Overview) -> Iterator[Alarm]:
    for domain in seen.domains:
        if domain.held is not None:
            yield _alarm(
                Severity.NOTE,
                "domain-held",
                (f"{domain.name}宛ては止めてある", f"Mail to {domain.name} is held"),
                (
                    f"用が済んだら再開してください。（{domain.held.reason}）",
                    f"Let it go when you are done. ({domain.held.reason})",
                ),
                where=domain.name,
                section="domains",
            )
            continue
        share = domain.tally.share(DeliveryState.DEFERRED)
        if sum(domain.tally.lately.values()) >= _DOMAIN_ATTEMPTS and share >= _DOMAIN_SHARE:
            yield _alarm(
                Severity.WARNING,
                "domain-defers",
                (
                    f"{domain.name}が{share:.0%}を後回しにしている",
                    f"{domain.name} puts {share:.0%} off",
                ),
                (
                    "DOMAIN_RATESで速さを抑えるか、このドメインを一時止めてください。",
                    "Slow down by DOMAIN_RATES, or hold the domain for a while.",
                ),
                where=domain.name,
                section="domains",
            )


def _of_deliveries(seen: Overview) -> Iterator[Alarm]:
    uncertain = sum(mailing.count for mailing in seen.uncertain)
    if uncertain:
        count = _count(uncertain)
        yield _alarm(
            Severity.WARNING,
            "uncertain",
            (
                f"届いたか不明な{count}通が判断を待っている",
                f"{count} deliveries are in doubt and wait for a decision",
            ),
            (
                "もう一度送るか、届いたとみなすかを決めてください。",
                "Decide whether to send them again or to take them as arrived.",
            ),
            section="unsettled",
        )
    failed = sum(mailing.count for mailing in seen.failed)
    if failed:
        count = _count(failed)
        yield _alarm(
            Severity.WARNING,
            "failed",
            (f"{count}通を諦めた", f"{count} deliveries were given up"),
            (
                "理由を見て、直したらもう一度送ってください。",
                "See why; retry them when the cause is mended.",
            ),
            section="unsettled",
        )


def _of_mailings(seen: Overview) -> Iterator[Alarm]:
    for mailing in seen.halted:
        yield _alarm(
            Severity.WARNING,
            "mailing-halted",
            (
                f"配信{mailing.mailing_id}「{mailing.subject}」が止まっている",
                f"Mailing {mailing.mailing_id}, {mailing.subject}, is paused",
            ),
            (
                mailing.reason or "再開するか中止してください。",
                mailing.reason or "Resume or cancel it.",
            ),
            where=f"mailing {mailing.mailing_id}",
            section="unsettled",
        )
    for incident in seen.incidents:
        yield _alarm(
            Severity.WARNING,
            "incident",
            (
                f"不達の波: {incident.subject}（{incident.bounced:,}件）",
                f"A wave of bounces: {incident.subject} ({incident.bounced:,})",
            ),
            (
                "障害か本物かを不達のページで判断してください。",
                "Say on the page of bounces whether it was an outage or genuine.",
            ),
            where=incident.subject,
            section="bounces",
        )


def _count(number: int) -> str:
    return f"{number:,}" + ("+" if number >= MOST else "")
