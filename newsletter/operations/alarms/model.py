"""The model of alarms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.i18n.messages import Message
from newsletter.operations.acknowledgements import Acknowledgement, AlarmPlace


class AlarmSeverity(StrEnum):
    """The severity of an alarm."""

    #: Mail is not being sent, or soon will not be.
    CRITICAL = "critical"
    #: An operator should look at it today.
    WARNING = "warning"
    #: The result of an operator's action, shown as a reminder.
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """An alarm.

    Attributes:
        kind: The kind, for programs.
        where: The relay, domain, worker or mailing; empty for the whole installation.
        section: The section of the overview with details.
        size: Its count, such as of deliveries; or 0.
        acknowledgement: Its acknowledgement, if any.
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
        """Kind and place, which identify the alarm."""
        return self.kind, self.where

    @property
    def key(self) -> str:
        """Kind and place as one text, for commands; a kind contains no spaces."""
        return f"{self.kind} {self.where}".strip()

    @property
    def is_open(self) -> bool:
        """Whether it needs attention: it is neither a note nor acknowledged."""
        return self.severity is not AlarmSeverity.NOTE and self.acknowledgement is None


def places_of(alarms: Iterable[Alarm]) -> frozenset[AlarmPlace]:
    """Return the places of alarms."""
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
