"""The pulse: how a long silence, or a database that went back in time, is told before mail leaves.

Nothing is sent blindly hours late, and a restored backup sends no old mailing again by itself: what
was under way is held until somebody looks at it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import MailingRow, PulseRow
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingState

_ONLY = 1


def beat(engine: Engine) -> int:
    """Move the pulse on; return how many rounds there were."""
    with transaction(engine) as session:
        insert_missing(session, PulseRow, [{"id": _ONLY, "rounds": 0, "beat_at": now()}])
        return session.execute(
            update(PulseRow)
            .where(PulseRow.id == _ONLY)
            .values(rounds=PulseRow.rounds + 1, beat_at=now())
            .returning(PulseRow.rounds)
        ).scalar_one()


def hold_after_silence(
    engine: Engine, *, rounds_remembered: int, awake: bool, grace: timedelta
) -> str:
    """Hold what is under way if nobody can know what happened since; return why, or nothing.

    Args:
        engine: The database.
        rounds_remembered: How many rounds this host has seen; more than the database knows of
            means that it was restored from a backup.
        awake: Whether this host saw a round within ``grace`` by a clock that nobody can set.
        grace: How long a silence may last.
    """
    with reading(engine) as session:
        pulse = session.get(PulseRow, _ONLY)
    if pulse is None:
        return ""
    reason = _reason(pulse, rounds_remembered, awake=awake, grace=grace)
    if reason:
        _hold(engine, reason)
    return reason


def _reason(pulse: PulseRow, rounds_remembered: int, *, awake: bool, grace: timedelta) -> str:
    since = _in_words(pulse.beat_at)
    if pulse.rounds < rounds_remembered:
        return (
            f"The database was restored to its state of {since}; what was sent since then it does "
            "not know. Look whether this mailing was sent, then resume or cancel it."
        )
    if not awake and now() - pulse.beat_at > grace:
        return (
            f"No worker ran since {since}, longer than GRACE_MINUTES. Resume this mailing if it is "
            "still wanted, or cancel it."
        )
    return ""


def _in_words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _hold(engine: Engine, reason: str) -> None:
    under_way = [MailingState.PLANNING, MailingState.SENDING]
    overdue = (MailingRow.state == MailingState.SCHEDULED) & (MailingRow.scheduled_at <= now())
    with transaction(engine) as session:
        session.execute(
            update(MailingRow)
            .where(MailingRow.state.in_(under_way) | overdue)
            .where(MailingRow.priority <= 0)
            .values(state=MailingState.PAUSED, halt_reason=reason)
        )


def beats(engine: Engine) -> tuple[int, datetime] | None:
    """Return how many rounds there were and when the last was; None before the first."""
    with reading(engine) as session:
        row = session.execute(select(PulseRow.rounds, PulseRow.beat_at)).one_or_none()
    return None if row is None else (row[0], row[1])
