"""What an alarm is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.i18n.messages import Message
from newsletter.operations.acknowledgements import Acknowledgement, AlarmPlace


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
        size: What it counts, such as deliveries; 0 where it counts nothing.
        acknowledgement: Who looks after it as it is now, if somebody does.
    """

    severity: AlarmSeverity
    kind: str
    what: Message
    remedy: Message
    where: str = ""
    section: str = ""
    size: int = 0
    acknowledgement: Acknowledgement | None = None

    @property
    def place(self) -> AlarmPlace:
        """What it is the same alarm by."""
        return self.kind, self.where

    @property
    def key(self) -> str:
        """Its place in a line, by which people name it: a kind has no spaces."""
        return f"{self.kind} {self.where}".strip()

    @property
    def is_open(self) -> bool:
        """Whether it asks for somebody: a note does not, nor what somebody looks after."""
        return self.severity is not AlarmSeverity.NOTE and self.acknowledgement is None


def places_of(alarms: Iterable[Alarm]) -> frozenset[AlarmPlace]:
    """Return the place of each alarm: what is shown of a place says the same as its alarm."""
    return frozenset(each.place for each in alarms)


def alarm(
    severity: AlarmSeverity,
    kind: str,
    what: Message,
    remedy: Message,
    *,
    where: str = "",
    section: str = "",
    size: int = 0,
) -> Alarm:
    """Return an alarm."""
    return Alarm(
        severity=severity,
        kind=kind,
        what=what,
        remedy=remedy,
        where=where,
        section=section,
        size=size,
    )
