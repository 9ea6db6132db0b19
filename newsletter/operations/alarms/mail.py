"""Alarms of what is to be sent: what waits, is in doubt, was given up, or stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from newsletter.operations.alarms.model import Alarm, Severity, alarm
from newsletter.operations.attention import MOST
from newsletter.operations.overview import Overview

#: Seconds for which due mail may wait, before that is worth a word.
_DUE_LATE, _DUE_STUCK = 120, 600

_UNKNOWN_JA = (
    "古いバックアップから復元した場合、これらは送信済みです。同じ号を送り直す前に確かめ、"
    "済んだらDATA_DIR/journals/unknownのファイルを移してください。"
)
_UNKNOWN_EN = (
    "If an older backup was restored, these were sent. Look before you send the same issue again; "
    "then move the files out of DATA_DIR/journals/unknown."
)


def of_backlog(seen: Overview) -> Iterator[Alarm]:
    """Return what waits for too long."""
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
                "ワーカーは処理中ですが、中継サーバーの応答がありません。中継サーバーを確認してください。",
                "Workers hold batches, and no relay answers. See the relays.",
            )
        else:
            remedy = (
                "ワーカーと中継サーバーを確認し、不足していればワーカーを増やしてください。",
                "See workers and relays; add workers if they cannot keep up.",
            )
        flows = answered and kind == "mail-waits"
        yield alarm(
            Severity.CRITICAL if age > _DUE_STUCK and not flows else Severity.WARNING,
            kind,
            (f"{name[0]}が{minutes}分待っています", f"{name[1]} has waited for {minutes} min"),
            remedy,
            section="queues",
        )
    if work.overdue_leases:
        yield alarm(
            Severity.WARNING,
            "lease-overdue",
            (
                f"{work.overdue_leases}個のバッチで、担当ワーカーの応答がありません",
                f"{work.overdue_leases} batches are held by workers that fell silent",
            ),
            (
                "次の定期処理が引き継ぎます。続く場合はcontrolワーカーを確認してください。",
                "The next round takes them up; if this stays, see the control worker.",
            ),
            section="queues",
        )


def of_deliveries(seen: Overview) -> Iterator[Alarm]:
    """Return what waits for a decision."""
    uncertain = sum(mailing.count for mailing in seen.uncertain)
    if uncertain:
        count = _count(uncertain)
        yield alarm(
            Severity.WARNING,
            "uncertain",
            (
                f"到達が不明な{count}通の確認が必要です",
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
        yield alarm(
            Severity.WARNING,
            "failed",
            (f"{count}通を配信できませんでした", f"{count} deliveries were given up"),
            (
                "理由を確認し、解消してから再送してください。",
                "See why; retry them when the cause is mended.",
            ),
            section="unsettled",
        )


def of_mailings(seen: Overview) -> Iterator[Alarm]:
    """Return which mailings stand still, and the waves of bounces."""
    for mailing in seen.halted:
        yield alarm(
            Severity.WARNING,
            "mailing-halted",
            (
                f"配信{mailing.mailing_id}「{mailing.subject}」が停止しています",
                f"Mailing {mailing.mailing_id}, {mailing.subject}, is paused",
            ),
            (
                mailing.reason or "再開するか中止してください。",
                mailing.reason or "Resume or cancel it.",
            ),
            where=f"mailing {mailing.mailing_id}",
            section="unsettled",
        )
    for host in seen.unknown_journals:
        files, accepted = host.files, f"{host.accepted:,}"
        yield alarm(
            Severity.WARNING,
            "unknown-journals",
            (
                f"{host.host}に、未知の配信の送信記録があります（{files}件、受理済み{accepted}通）",
                f"{host.host} keeps {files} journals of unknown mailings ({accepted} accepted)",
            ),
            (_UNKNOWN_JA, _UNKNOWN_EN),
            where=host.host,
            section="unsettled",
        )
    for incident in seen.incidents:
        yield alarm(
            Severity.WARNING,
            "incident",
            (
                f"不達の集中：{incident.subject}（{incident.bounced:,}件）",
                f"A wave of bounces: {incident.subject} ({incident.bounced:,})",
            ),
            (
                "受信側の障害か実際の不達かを、不達のページで判断してください。",
                "Say on the page of bounces whether it was an outage or genuine.",
            ),
            where=incident.subject,
            section="bounces",
        )


def _minutes(seen: Overview, since: datetime) -> int:
    return max(1, round((seen.taken_at - since).total_seconds() / 60))


def _count(number: int) -> str:
    return f"{number:,}" + ("+" if number >= MOST else "")
