"""Alarms of the database and Redis."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.operations.alarms.model import Alarm, Severity, alarm
from newsletter.operations.overview import Overview

#: Redis is nearly full, an answer is slow, from here on.
_FULL, _SLOW_MILLISECONDS = 0.8, 250


def of_servers(seen: Overview) -> Iterator[Alarm]:
    """Return what is wrong with the database and Redis."""
    slow = seen.database.milliseconds
    if slow > _SLOW_MILLISECONDS:
        yield alarm(
            Severity.WARNING,
            "database-slow",
            (
                f"データベースの応答が遅くなっています（{slow:.0f}ミリ秒）",
                f"The database is slow ({slow:.0f} ms)",
            ),
            ("データベースの負荷を確認してください。", "See what burdens the database."),
            section="servers",
        )
    if seen.database.unsafe:
        names = ", ".join(seen.database.unsafe)
        yield alarm(
            Severity.WARNING,
            "database-unsafe",
            (
                f"データベースが停電で記録を失う設定になっています（{names}）",
                f"The database may lose at a power cut what it said it has ({names} off)",
            ),
            (
                "PostgreSQLでonにしてください。失われた記録の分は、二重に届くことがあります。",
                "Set it to on in PostgreSQL: of what is lost, people may get a second copy.",
            ),
            section="servers",
        )
    broker = seen.broker
    if broker is None:
        return
    if broker.problem:
        yield alarm(
            Severity.CRITICAL,
            "redis-down",
            ("Redisが応答しません", "Redis does not answer"),
            (
                "Redisを起動し、REDIS_URLを確かめてください。配信は台帳から自動で再開します。",
                "Start Redis and see REDIS_URL. Sending goes on by itself from the ledger.",
            ),
            section="servers",
        )
        return
    if broker.policy and broker.policy != "noeviction":
        yield alarm(
            Severity.WARNING,
            "redis-policy",
            (
                f"Redisがキーを破棄する設定になっています（{broker.policy}）",
                f"Redis may throw tasks away ({broker.policy})",
            ),
            (
                "maxmemory-policyをnoevictionにしてください。",
                "Set maxmemory-policy noeviction.",
            ),
            section="servers",
        )
    if broker.fullness > _FULL:
        yield alarm(
            Severity.WARNING,
            "redis-full",
            (
                f"Redisのメモリーが残り少なくなっています（{broker.fullness:.0%}使用）",
                f"Redis is nearly full ({broker.fullness:.0%} of its memory)",
            ),
            ("maxmemoryを増やしてください。", "Raise maxmemory."),
            section="servers",
        )
