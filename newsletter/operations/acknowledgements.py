"""Alarms that somebody is looking after: who, since when, why, and until when that holds.

An acknowledgement covers an alarm as it was: one that grew graver or larger counts as new again,
and so does one that returns after it ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, delete, false, or_, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.actors import colleagues_by_address, name_actor
from newsletter.database.engine import reading, server_now, transaction
from newsletter.database.insert import insert_or_hold
from newsletter.database.tables import AcknowledgedAlarmRow
from newsletter.errors import ConflictError
from newsletter.i18n.messages import Message, msg

#: An alarm that is away for less has not ended: some come and go with every attempt.
_ENDED = timedelta(minutes=5)

#: Kind and place of an alarm.
AlarmPlace = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """Who looks after an alarm.

    Attributes:
        severity: How grave it was then, by `AlarmSeverity`; ``size`` is what it counted.
    """

    by: Message
    since: datetime
    reason: str
    severity: str
    size: int


def read_acknowledgements(session: Session) -> Mapping[AlarmPlace, Acknowledgement]:
    """Return those that there are, by the places of their alarms."""
    rows = session.scalars(select(AcknowledgedAlarmRow)).all()
    colleagues = colleagues_by_address(session) if rows else {}
    return {
        (row.kind, row.place): Acknowledgement(
            by=name_actor(row.actor, colleagues),
            since=row.since,
            reason=row.reason,
            severity=row.severity,
            size=row.size,
        )
        for row in rows
    }


def keep_acknowledgement(
    session: Session, place: AlarmPlace, *, actor: str, reason: str, severity: str, size: int
) -> None:
    """Write down who looks after an alarm, in place of who did before.

    Args:
        session: A transaction.
        place: The alarm's.
        actor: See `Actor.name`.
        reason: Why it need not be looked at by others.
        severity: How grave it is.
        size: What it counts; 0 where it counts nothing.
    """
    kind, where = place
    row = {
        "kind": kind,
        "place": where,
        "actor": actor,
        "reason": reason,
        "severity": severity,
        "size": size,
        "since": server_now(session),
        "missing_since": None,
    }
    insert_or_hold(session, AcknowledgedAlarmRow, row)
    session.execute(update(AcknowledgedAlarmRow).where(_is(place)).values(**row))


def remove_acknowledgement(session: Session, place: AlarmPlace) -> None:
    """Let an alarm count as new again.

    Raises:
        ConflictError: Nobody looks after it.
    """
    removed = session.scalar(
        delete(AcknowledgedAlarmRow).where(_is(place)).returning(AcknowledgedAlarmRow.kind)
    )
    if removed is None:
        raise ConflictError(msg("This alarm is not acknowledged."))


def has_acknowledgements(engine: Engine) -> bool:
    """Tell whether there are any; else nobody need look for their end."""
    with reading(engine) as session:
        return session.scalar(select(AcknowledgedAlarmRow.kind).limit(1)) is not None


def forget_ended(engine: Engine, present: Collection[AlarmPlace]) -> None:
    """Remove the acknowledgements of alarms that have been away for some minutes.

    Args:
        engine: The database.
        present: The places of all alarms that there are.
    """
    here = or_(false(), *map(_is, present))
    with transaction(engine) as session:
        moment = server_now(session)
        session.execute(update(AcknowledgedAlarmRow).where(here).values(missing_since=None))
        session.execute(
            update(AcknowledgedAlarmRow)
            .where(~here, AcknowledgedAlarmRow.missing_since.is_(None))
            .values(missing_since=moment)
        )
        session.execute(
            delete(AcknowledgedAlarmRow).where(
                AcknowledgedAlarmRow.missing_since <= moment - _ENDED
            )
        )


def _is(place: AlarmPlace) -> ColumnElement[bool]:
    kind, where = place
    return and_(AcknowledgedAlarmRow.kind == kind, AcknowledgedAlarmRow.place == where)
