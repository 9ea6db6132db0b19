"""Relays: which of them accept mail now.

A relay that cannot be used rests before the next attempt, longer after each failure. A relay that
rejects every message does not rest, since it may accept the mail of another sender; its state is
recorded and shown.
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

#: Seconds that a relay rests after its first failure; doubled after each further failure.
_FIRST_REST = 5
_LONGEST_REST = 300
#: Seconds after which workers check again whether a relay is still on hold.
_HELD_REST = 5
#: How long a relay is still shown as failing after its rest, unless it has been seen to work.
_TRIED = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayState:
    """A relay that accepts no mail now.

    Attributes:
        reason: The relay's reply, a program's error, or the operator's reason for the hold.
        retry_at: When the relay is tried again.
        failures: The number of failures in a row.
        fault: The kind of fault, if known.
    """

    name: str
    reason: str
    held: bool
    retry_at: datetime
    failures: int = 0
    fault: RelayFault | None = None


def resting_relays(engine: Engine) -> Sequence[RelayState]:
    """Return the relays that are not to be used now, because they failed or are on hold."""
    relays = _relays_at(engine, now())
    return [relay for relay in relays if relay.fault is not RelayFault.REFUSES_MAIL]


def troubled_relays(engine: Engine) -> Sequence[RelayState]:
    """Return all relays with a fault, for display: resting, being tried again, or rejecting all.

    An attempt may take as long as opening a connection may take. If a relay were shown only while
    it rests, its alarm would be cleared during each attempt.
    """
    return _relays_at(engine, now() - _TRIED)


def refuses_all(engine: Engine, name: str) -> bool:
    """Return whether a relay is known to reject every message."""
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
    # A rest that ends later than the longest one would is left from before the clock was set back.
    latest = now() + timedelta(seconds=_LONGEST_REST)
    return row.retry_at is not None and moment < row.retry_at <= latest


def relay_failed(engine: Engine, name: str, reason: str) -> datetime:
    """Record that a relay could not be used; return when it is to be tried again.

    Args:
        engine: The database.
        name: The relay's name.
        reason: The fault as `kept_fault` returns it, or only the reply.
    """
    moment = now()
    with transaction(engine) as session:
        insert_missing(session, RelayRow, [{"name": name, "failures": 0, "held": False}])
        row = session.get_one(RelayRow, name, with_for_update=True)
        # Failures that several workers report during the same rest count as one.
        retry_at = row.retry_at
        if retry_at is None or _refuses(row) or not _rests(row, moment):
            row.failures += 1
            rest = min(_FIRST_REST * 2 ** min(row.failures - 1, 10), _LONGEST_REST)
            row.retry_at = retry_at = moment + timedelta(seconds=rest)
        row.reason = row.reason if row.held else reason
        return retry_at


def relay_refuses(engine: Engine, name: str, words: str, *, again: timedelta) -> None:
    """Record that a relay rejects every message, until it accepts one.

    Args:
        engine: The database.
        name: The relay's name.
        words: Its reply to all messages.
        again: The time until the next attempt.
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
    """Put a relay on hold until it is released; workers stop using it within two seconds.

    Args:
        session: The session of the order.
        name: The relay's name, such as ``smtp:mail.example.jp:587``.
        reason: The operator's reason.
        known: The relays in MAIL_TRANSPORTS.

    Raises:
        OrderError: The name is not among the known ones.
    """
    if name not in known:
        raise OrderError(
            msg("There is no relay “{name}”.", name=name),
            remedy=msg("MAIL_TRANSPORTS has: {names}.", names=", ".join(sorted(known)) or "–"),
        )
    session.merge(RelayRow(name=name, failures=0, reason=reason, retry_at=None, held=True))


def let_relay_go(session: Session, name: str) -> None:
    """Release a relay from its hold or rest, so that it is used again at once.

    Raises:
        ConflictError: The relay is neither on hold nor resting.
    """
    released = session.scalar(
        delete(RelayRow).where(RelayRow.name == name).returning(RelayRow.name)
    )
    if released is None:
        raise ConflictError(msg("The relay {name} is not on hold.", name=name))
