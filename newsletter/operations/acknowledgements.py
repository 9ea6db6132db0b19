"""Acknowledgements of alarms: by whom, when and why.

An acknowledgement becomes void when its alarm gets more severe or its count grows, and when the
alarm returns after it has ended.
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

#: An alarm has ended after it has been cleared for this long: some are cleared during each attempt.
_ENDED = timedelta(minutes=5)

#: The kind of alarm about a database that was set back. It ends by its acknowledgement, which
#: therefore lasts.
RESTORED = "database-restored"

#: Kind and place of an alarm.
AlarmPlace = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """The acknowledgement of an alarm.

    Attributes:
        severity: The alarm's `AlarmSeverity` at that time.
        size: The alarm's count at that time.
    """

    by: Message
    since: datetime
    reason: str
    severity: str
    size: int


def read_acknowledgements(session: Session) -> Mapping[AlarmPlace, Acknowledgement]:
    """Return all acknowledgements, by the places of their alarms."""
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
    """Store the acknowledgement of an alarm, replacing an earlier one.

    Args:
        session: The database session, in a transaction.
        place: The alarm's place.
        actor: The person; see `Actor.name`.
        reason: The reason.
        severity: The alarm's severity.
        size: The alarm's count, or 0.
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
    """Remove an acknowledgement.

    Raises:
        ConflictError: The alarm is not acknowledged.
    """
    removed = session.scalar(
        delete(AcknowledgedAlarmRow).where(_is(place)).returning(AcknowledgedAlarmRow.kind)
    )
    if removed is None:
        raise ConflictError(msg("This alarm is not acknowledged."))


def has_acknowledgements(engine: Engine) -> bool:
    """Return whether there are any acknowledgements."""
    with reading(engine) as session:
        return session.scalar(select(AcknowledgedAlarmRow.kind).limit(1)) is not None


def forget_ended(engine: Engine, present: Collection[AlarmPlace]) -> None:
    """Remove the acknowledgements of alarms that have ended.

    Args:
        engine: The database.
        present: The places of all active alarms.
    """
    here = or_(false(), *map(_is, present))
    with transaction(engine) as session:
        moment = server_now(session)
        session.execute(update(AcknowledgedAlarmRow).where(here).values(missing_since=None))
        session.execute(
            update(AcknowledgedAlarmRow)
            .where(
                ~here,
                AcknowledgedAlarmRow.missing_since.is_(None),
                AcknowledgedAlarmRow.kind != RESTORED,
            )
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
