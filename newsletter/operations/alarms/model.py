"""What an alarm is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.i18n.messages import Message


class AlarmSeverity(StrEnum):
    """How much an alarm weighs."""

    #: Mail stands still, or will.
    CRITICAL = "critical"
    #: Somebody must look at it today.
    WARNING = "warning"
    #: As an operator wanted it; said so that it is not forgotten.
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Something wrong.

    Attributes:
        kind: What it is, for machines.
        where: The relay, domain, worker or mailing; empty for the whole.
        section: Which part of the overview shows more of it.
    """

    severity: AlarmSeverity
    kind: str
    what: Message
    remedy: Message
    where: str = ""
    section: str = ""


def places_of(alarms: Iterable[Alarm]) -> frozenset[tuple[str, str]]:
    """Return kind and place of each alarm: what is shown of a place says the same as its alarm."""
    return frozenset((each.kind, each.where) for each in alarms)


def alarm(
    severity: AlarmSeverity,
    kind: str,
    what: Message,
    remedy: Message,
    *,
    where: str = "",
    section: str = "",
) -> Alarm:
    """Return an alarm."""
    return Alarm(
        severity=severity,
        kind=kind,
        what=what,
        remedy=remedy,
        where=where,
        section=section,
    )
