"""Alarms of workers and beat."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.database.vocabulary import ProcessKind
from newsletter.operations.alarms.model import Alarm, Severity, alarm
from newsletter.operations.heartbeats import ProcessState
from newsletter.operations.overview import Overview

#: Seconds without a round before that is worth a word.
_ROUND_LATE = 30


def of_processes(seen: Overview) -> Iterator[Alarm]:
    """Return what is wrong with workers and beat."""
    if not _start_by_themselves(seen):
        yield from _of_missing(seen)
    yield from _of_those_there(seen)


def _start_by_themselves(seen: Overview) -> bool:
    """Whether nothing is to be done, and a command to send starts what it needs (no REDIS_URL)."""
    work = seen.backlog
    return seen.broker is None and not (work.due or work.leased or work.later)


def _alive(seen: Overview, kind: ProcessKind) -> list[ProcessState]:
    return [each for each in seen.processes if each.alive and each.process.kind is kind]


def _of_missing(seen: Overview) -> Iterator[Alarm]:
    sending = [
        each
        for each in _alive(seen, ProcessKind.WORKER)
        if not each.draining and not each.process.node.startswith("control@")
    ]
    start = (
        "newsletter workerを起動してください（docker compose up -d worker）。",
        "Start it: newsletter worker (docker compose up -d worker).",
    )
    if not sending:
        yield alarm(
            Severity.CRITICAL,
            "no-worker",
            (
                "号を送るワーカーが動いていません",
                "No worker that sends mailings is running",
            ),
            start,
            section="workers",
        )
    if not _alive(seen, ProcessKind.BEAT):
        yield alarm(
            Severity.CRITICAL,
            "no-beat",
            ("beatが動いていません", "Beat is not running"),
            (
                "newsletter workerか、newsletter beatを起動してください。",
                "Start newsletter worker, or newsletter beat.",
            ),
            section="workers",
        )
    elif seen.round_at is None or ((seen.taken_at - seen.round_at).total_seconds() > _ROUND_LATE):
        yield alarm(
            Severity.CRITICAL,
            "no-rounds",
            (
                "配信台帳の定期処理が停止しています",
                "The ledger is not being looked at: no round runs",
            ),
            (
                "controlワーカーを起動してください（newsletter worker）。",
                "Start the control worker: newsletter worker.",
            ),
            section="workers",
        )


def _of_those_there(seen: Overview) -> Iterator[Alarm]:
    workers = _alive(seen, ProcessKind.WORKER)
    yield from _of_lost(seen)
    for node in sorted({each.process.node for each in workers if each.draining}):
        yield alarm(
            Severity.NOTE,
            "worker-drained",
            (f"{node}は新しいバッチを受け付けません", f"{node} takes no new batch"),
            (
                "作業が終わったら再開させるか、止めてください。",
                "Let it go on, or stop it, when you are done.",
            ),
            where=node,
            section="workers",
        )
    versions = sorted({each.process.version for each in workers})
    if len(versions) > 1:
        shown = ", ".join(versions)
        yield alarm(
            Severity.WARNING,
            "mixed-versions",
            (
                f"ワーカーのバージョンが揃っていません：{shown}",
                f"Workers of several versions run: {shown}",
            ),
            ("古いワーカーを更新してください。", "Replace the old ones."),
            section="workers",
        )


def _of_lost(seen: Overview) -> Iterator[Alarm]:
    """Return which workers lost processes that nothing took the place of, one alarm a worker.

    A pool starts another process for one that was killed, and a supervisor another worker: then
    the loss is repaired, and nobody has to do anything.
    """
    lost: dict[tuple[ProcessKind, str, str], list[ProcessState]] = {}
    for each in seen.processes:
        if each.lost:
            lost.setdefault(_place(each), []).append(each)
    for place, gone in lost.items():
        came_after = [
            each
            for each in seen.processes
            if each.alive
            and _place(each) == place
            and each.process.started_at > min(one.seen_at for one in gone)
        ]
        if len(came_after) >= len(gone):
            continue
        kind, node, _ = place
        name = node or kind.value
        count = len(gone) - len(came_after)
        pids = ", ".join(str(one.process.pid) for one in gone)
        yield alarm(
            Severity.WARNING,
            "worker-lost",
            (
                f"{name}のプロセスが予期せず終了しました（{count}個、pid {pids}）",
                f"{name} lost {count} {'process' if count == 1 else 'processes'} (pid {pids})",
            ),
            (
                "ログとメモリー不足（OOM）を確かめてください。送り残しは引き継がれます。",
                "See its log, and whether memory ran out. Others take up what it left.",
            ),
            where=name,
            section="workers",
        )


def _place(each: ProcessState) -> tuple[ProcessKind, str, str]:
    return each.process.kind, each.process.node, each.process.host
