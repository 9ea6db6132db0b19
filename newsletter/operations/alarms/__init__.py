"""Alarms: the faults in an overview, the most severe first, each with a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from newsletter.operations.acknowledgements import RESTORED
from newsletter.operations.alarms.mail import of_backlog, of_deliveries, of_mailings
from newsletter.operations.alarms.model import Alarm, AlarmSeverity
from newsletter.operations.alarms.processes import of_journals, of_processes, of_restores
from newsletter.operations.alarms.routes import of_domains, of_relays, of_silence
from newsletter.operations.alarms.servers import of_disks, of_servers
from newsletter.operations.overview import Overview

#: Alarms that do not end by themselves: a person must decide.
_DECISIONS = frozenset(
    {"uncertain", "failed", "mailing-halted", "incident", "reader-mail", RESTORED}
)
_WEIGHT = {severity: place for place, severity in enumerate(AlarmSeverity)}


def find_alarms(seen: Overview) -> Sequence[Alarm]:
    """Return all alarms: unacknowledged ones first, by severity, and decisions first."""
    alarms = [
        *of_servers(seen),
        *of_disks(seen),
        *of_restores(seen),
        *of_processes(seen),
        *of_backlog(seen),
        *of_relays(seen),
        *of_silence(seen),
        *of_domains(seen),
        *of_deliveries(seen),
        *of_mailings(seen),
        *of_journals(seen),
    ]
    alarms = [_with_acknowledgement(alarm, seen) for alarm in alarms]
    return sorted(
        alarms,
        key=lambda alarm: (
            alarm.acknowledgement is not None,
            _WEIGHT[alarm.severity],
            alarm.kind not in _DECISIONS,
        ),
    )


def _with_acknowledgement(alarm: Alarm, seen: Overview) -> Alarm:
    """Return an alarm with its acknowledgement, unless its severity or count has grown since."""
    known = seen.acknowledgements.get(alarm.place)
    if known is None or alarm.size > known.size:
        return alarm
    if _WEIGHT[alarm.severity] < _WEIGHT[AlarmSeverity(known.severity)]:
        return alarm
    return replace(alarm, acknowledgement=known)


def find_flow_alarms(seen: Overview) -> Sequence[Alarm]:
    """Return the alarms that explain why a mailing makes no progress; see `look_at_flow`."""
    alarms = [
        *of_servers(seen),
        *of_disks(seen),
        *of_processes(seen),
        *of_relays(seen),
        *of_silence(seen),
    ]
    return [alarm for alarm in alarms if alarm.severity is AlarmSeverity.CRITICAL]
