"""Relays: which of them take mail now; one that takes nothing is left alone, longer each time.

One that refuses one message after another is not left alone, since it may take another sender's
mail; it is noted, for people to see.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import RelayRow
from newsletter.database.types import now
from newsletter.errors import ConflictError, OrderError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.relay_faults import RelayFault, kept_fault, read_fault

#: Seconds that a relay is left alone after it took nothing; twice as long each further time.
_FIRST_REST = 5
_LONGEST_REST = 300
#: A relay that an operator holds is looked at again after so many seconds.
_HELD_REST = 5
#: For so long after its rest a relay that was not heard to work is shown as before.
_TRIED = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayState:
    """A relay that takes no mail now; ``retry_at`` is when it is asked again.

    Attributes:
        reason: In its own words, or the operator's.
        failures: How often in a row it took nothing.
        fault: What these words mean, where that is known.
    """

    name: str
    reason: str
    held: bool
    retry_at: datetime
    failures: int = 0
    fault: RelayFault | None = None


def resting_relays(engine: Engine) -> Sequence[RelayState]:
    """Return the relays that are asked for nothing now, by what they said or an operator's word."""
    relays = _relays_at(engine, now())
    return [relay for relay in relays if relay.fault is not RelayFault.REFUSES_MAIL]


def troubled_relays(engine: Engine) -> Sequence[RelayState]:
    """Return the resting relays, those that are just being tried again, and those that refuse.

    To be refused may take as long as a connection may take to open; were a relay shown only while
    it rests, its alarm would come and go. For people to see.
    """
    return _relays_at(engine, now() - _TRIED)


def refuses_all(engine: Engine, name: str) -> bool:
    """Return whether a relay is known to refuse one message after another."""
    return any(
        relay.name == name and relay.fault is RelayFault.REFUSES_MAIL
        for relay in troubled_relays(engine)
    )


def _relays_at(engine: Engine, moment: datetime) -> Sequence[RelayState]:
    with reading(engine) as session:
        rows = session.scalars(select(RelayRow).order_by(RelayRow.name)).all()
    return [
        _state(row, retry_at) for row in rows if (retry_at := _retry_at(row, moment)) is not None
    ]


def _state(row: RelayRow, retry_at: datetime) -> RelayState:
    fault, reason = (None, row.reason) if row.held else read_fault(row.reason)
    return RelayState(
        name=row.name,
        reason=reason,
        held=row.held,
        retry_at=retry_at,
        failures=row.failures,
        fault=fault,
    )


def _retry_at(row: RelayRow, moment: datetime) -> datetime | None:
    if row.held:
        return moment + timedelta(seconds=_HELD_REST)
    return row.retry_at if _rests(row, moment) else None


def _refuses(row: RelayRow) -> bool:
    return not row.held and read_fault(row.reason)[0] is RelayFault.REFUSES_MAIL


def _rests(row: RelayRow, moment: datetime) -> bool:
    # Nothing rests longer than the longest: beyond it, the clock was set back.
    latest = now() + timedelta(seconds=_LONGEST_REST)
    return row.retry_at is not None and moment < row.retry_at <= latest


def relay_failed(engine: Engine, name: str, reason: str) -> datetime:
    """Note that a relay took nothing; return when it is to be asked again.

    Args:
        engine: The database.
        name: The relay's.
        reason: Why, as `kept_fault` returns it, or its words alone.
    """
    moment = now()
    with transaction(engine) as session:
        insert_missing(session, RelayRow, [{"name": name, "failures": 0, "held": False}])
        row = session.get_one(RelayRow, name, with_for_update=True)
        # Workers that failed together count as one failure.
        retry_at = row.retry_at
        if retry_at is None or _refuses(row) or not _rests(row, moment):
            row.failures += 1
            rest = min(_FIRST_REST * 2 ** min(row.failures - 1, 10), _LONGEST_REST)
            row.retry_at = retry_at = moment + timedelta(seconds=rest)
        row.reason = row.reason if row.held else reason
        return retry_at


def relay_refuses(engine: Engine, name: str, words: str, *, again: timedelta) -> None:
    """Note that a relay refuses one message after another, until it takes one.

    Args:
        engine: The database.
        name: The relay's.
        words: What it says to all.
        again: In what time it is asked again.
    """
    moment = now()
    with transaction(engine) as session:
        insert_missing(session, RelayRow, [{"name": name, "failures": 0, "held": False}])
        row = session.get_one(RelayRow, name, with_for_update=True)
        if row.held or (_rests(row, moment) and not _refuses(row)):
            return
        row.reason, row.retry_at = kept_fault(RelayFault.REFUSES_MAIL, words), moment + again


def relay_works(engine: Engine, name: str) -> None:
    """Forget a relay's failures."""
    with reading(engine) as session:
        if session.scalar(select(RelayRow.name).where(RelayRow.name == name)) is None:
            return
    with transaction(engine) as session:
        session.execute(delete(RelayRow).where(RelayRow.name == name, RelayRow.held.is_(False)))


def hold_relay(session: Session, name: str, *, reason: str, known: Collection[str]) -> None:
    """Send nothing by a relay until it is let go; workers stop within two seconds.

    Args:
        session: Within the transaction of the order.
        name: Such as ``smtp:mail.example.jp:587``.
        reason: Why.
        known: The relays that MAIL_TRANSPORTS names.

    Raises:
        OrderError: It is none of them.
    """
    if name not in known:
        raise OrderError(
            msg("There is no relay “{name}”.", name=name),
            remedy=msg("MAIL_TRANSPORTS has: {names}.", names=", ".join(sorted(known)) or "–"),
        )
    session.merge(RelayRow(name=name, failures=0, reason=reason, retry_at=None, held=True))


def let_relay_go(session: Session, name: str) -> None:
    """Send by a relay again, at once.

    Raises:
        ConflictError: It neither is held nor rests.
    """
    released = session.scalar(
        delete(RelayRow).where(RelayRow.name == name).returning(RelayRow.name)
    )
    if released is None:
        raise ConflictError(msg("The relay {name} is not on hold.", name=name))
