"""Alarms of the database, Redis, and the disks of DATA_DIR."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.database.engine import REFUSAL_REMEDY
from newsletter.disk import DiskFault
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Number, Percent, Size
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.broker import BrokerHealth
from newsletter.operations.overview import Overview

#: Thresholds for the used share of Redis's memory, and for the round-trip time of a query.
_FULL, _SLOW_MILLISECONDS = 0.8, 250


def of_servers(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of the database and Redis."""
    slow = seen.database.milliseconds
    if slow > _SLOW_MILLISECONDS:
        yield alarm(
            AlarmSeverity.WARNING,
            "database-slow",
            msg("The database is responding slowly ({slow} ms)", slow=Number(round(slow))),
            msg("Check the load of the database."),
            section="servers",
        )
    if seen.database.refusal:
        yield alarm(
            AlarmSeverity.CRITICAL,
            "database-refuses",
            msg("The database accepts no changes: {reason}", reason=seen.database.refusal),
            REFUSAL_REMEDY,
            section="servers",
        )
    if seen.database.unsafe:
        names = ", ".join(seen.database.unsafe)
        yield alarm(
            AlarmSeverity.WARNING,
            "database-unsafe",
            msg(
                "The database may lose confirmed data in a power failure ({names} off)",
                names=names,
            ),
            msg("Set it to on in PostgreSQL: of what is lost, people may get a second copy."),
            section="servers",
        )
    if seen.public_url_is_plain:
        yield alarm(
            AlarmSeverity.WARNING,
            "public-url-plain",
            msg("PUBLIC_URL is not https: passwords and readers’ links travel unencrypted"),
            msg(
                "Put a proxy with TLS in front, set PUBLIC_URL to its https:// address, and restart"
                " web and workers."
            ),
            section="servers",
        )
    broker = seen.broker
    if broker is None:
        return
    if broker.problem:
        yield _of_silent_broker(broker)
        return
    if broker.policy and broker.policy != "noeviction":
        yield alarm(
            AlarmSeverity.WARNING,
            "redis-policy",
            msg("Redis may throw tasks away ({policy})", policy=broker.policy),
            msg("Set maxmemory-policy noeviction."),
            section="servers",
        )
    if broker.takes_nothing:
        yield alarm(
            AlarmSeverity.CRITICAL,
            "redis-out-of-memory",
            msg("Redis is full and takes no new tasks"),
            msg("Raise maxmemory. Nothing is lost; sending goes on by itself from the ledger."),
            section="servers",
        )
    elif broker.fullness > _FULL:
        yield alarm(
            AlarmSeverity.WARNING,
            "redis-full",
            msg(
                "Redis is nearly full ({fullness} of its memory)",
                fullness=Percent(100 * broker.fullness, 0),
            ),
            msg("Raise maxmemory."),
            section="servers",
        )


def _of_silent_broker(broker: BrokerHealth) -> Alarm:
    if broker.refuses:
        return alarm(
            AlarmSeverity.CRITICAL,
            "redis-refuses",
            msg("Redis rejects the user name or password"),
            msg(
                "Correct REDIS_URL, then restart web, worker and beat. Sending resumes"
                " automatically from the ledger."
            ),
            section="servers",
        )
    return alarm(
        AlarmSeverity.CRITICAL,
        "redis-down",
        msg("Redis is not responding"),
        msg("Start Redis and check REDIS_URL. Sending resumes automatically from the ledger."),
        section="servers",
    )


#: The free bytes below which a disk has an alarm: the journals of some hundred thousand messages.
_LOW = 256 * 1024 * 1024

_FAULTS = {
    DiskFault.FULL: msg("The disk of {host} is full; DATA_DIR cannot be written"),
    DiskFault.DENIED: msg("{host} has no permission to write to its DATA_DIR"),
    DiskFault.FAILED: msg("{host} cannot write to its DATA_DIR (disk error)"),
}
_REMEDIES = {
    DiskFault.FULL: msg(
        "Free up space. Until then, nothing is sent from there; sending then continues"
        " automatically."
    ),
    DiskFault.DENIED: msg(
        "Correct the owner and the mount options of the folder. Until then, nothing is sent from"
        " there; sending then continues automatically."
    ),
    DiskFault.FAILED: msg(
        "Check the disk and the system log of this host. Until then, nothing is sent from there."
    ),
}


def of_disks(seen: Overview) -> Iterator[Alarm]:
    """Yield alarms of hosts whose disk is full, or nearly so."""
    for host, disk in sorted(seen.disks.items()):
        if disk.fault is not None:
            yield alarm(
                AlarmSeverity.CRITICAL,
                "disk-unwritable",
                _FAULTS[disk.fault].having(host=host),
                _REMEDIES[disk.fault],
                where=host,
                section="workers",
            )
        elif disk.free < _LOW:
            yield alarm(
                AlarmSeverity.WARNING,
                "disk-low",
                msg("{host} has only {free} left for DATA_DIR", host=host, free=Size(disk.free)),
                msg("Free up space before the disk is full: then nothing is sent from there."),
                where=host,
                section="workers",
            )
