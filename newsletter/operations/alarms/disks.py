"""Alarms of the disks that DATA_DIR lies on: what cannot be written down is not sent."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.disk import DiskFault
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size
from newsletter.operations.alarms.model import Alarm, AlarmSeverity, alarm
from newsletter.operations.overview import Overview

#: Octets below which a disk is worth a word: the journals of some hundred thousand messages.
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
    """Return which hosts cannot write down what they would send, or soon cannot."""
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
