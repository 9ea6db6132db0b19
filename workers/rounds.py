"""The round that beat asks for every two seconds: from the ledger alone, what is to be done next.

A round may run twice at once, or not at all for a while; each of its steps is one transaction that
finds nothing to do the second time.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine

from newsletter.database.engine import transaction
from newsletter.delivery import pulse
from newsletter.delivery.dispatch import unplanned_mailings
from newsletter.delivery.feedback.attribution import Keys
from newsletter.delivery.feedback.judge import act_on_new_bounces
from newsletter.delivery.feedback.retention import forget_old_bounces
from newsletter.delivery.mailings import pause_mailing
from newsletter.delivery.planner import plan_mailing
from newsletter.delivery.schedule import start_due_mailings
from newsletter.delivery.settling import settle_by_policy
from newsletter.delivery.tallying import condense
from newsletter.errors import ConflictError, NewsletterError
from newsletter.operations.heartbeats import forget_the_gone
from workers import sweeper
from workers.composition import Services
from workers.journal import boot_id
from workers.steps import apart

_log = logging.getLogger(__name__)

#: About every ten minutes.
_RETENTION_ROUNDS = 300
_RETENTION_CHUNKS = 10
#: About every hour.
_TIDY_ROUNDS = 1800


def go(services: Services) -> None:
    """Take up what stalled, start what is due, plan, settle what has a policy, judge bounces."""
    look_back(services)
    rounds = pulse.beat(services.engine)
    _remember(services, rounds)
    with apart("the sweep"):
        sweeper.sweep(services)
    with apart("the start of what is due"):
        start_due_mailings(services.engine, grace=_grace(services))
    for mailing_id in unplanned_mailings(services.engine):
        with apart(f"the plan of mailing {mailing_id}"):
            _plan(services.engine, mailing_id)
    with apart("the settling by policy"):
        settle_by_policy(services.engine)
    with apart("the judgement of bounces"):
        _judge_bounces(services)
    if rounds % _RETENTION_ROUNDS == 0:
        with apart("the forgetting of old bounces"):
            _forget_old_bounces(services)
    if rounds % _TIDY_ROUNDS == 0:
        with apart("the summing up of tallies"):
            condense(services.engine)
            forget_the_gone(services.engine)


def _forget_old_bounces(services: Services) -> None:
    """Forget a bounded number, so that no round is held up by a large log."""
    settings = services.settings
    for _ in range(_RETENTION_CHUNKS):
        with transaction(services.engine) as session:
            if not forget_old_bounces(
                session,
                raw_days=settings.bounce_raw_days,
                row_days=settings.bounce_retention_days,
            ):
                return


def _plan(engine: Engine, mailing_id: int) -> None:
    try:
        plan_mailing(engine, mailing_id)
    except NewsletterError as error:
        # Such as a segment that can be read no more: somebody must look at it.
        with suppress(ConflictError), transaction(engine) as session:
            pause_mailing(session, mailing_id, reason=f"It cannot be planned. {error}")


def _judge_bounces(services: Services) -> None:
    keys = Keys(signer=services.signer, message_id_key=services.message_id_key)
    judged = 1
    while judged:
        with transaction(services.engine) as session:
            judged = act_on_new_bounces(session, keys)


def look_back(services: Services) -> None:
    """Hold what is under way when nobody can know what happened meanwhile.

    Done before each batch, too: its hint may have waited in the broker while a backup of the
    database was put in place, and may be read before the next round.
    """
    memory = _recall(services)
    grace = _grace(services)
    awake = (
        memory is not None
        and memory.boot == boot_id()
        and time.monotonic() - memory.seen_at < grace.total_seconds()
    )
    reason = pulse.hold_after_silence(
        services.engine,
        rounds_remembered=memory.rounds if memory else 0,
        awake=awake,
        grace=grace,
    )
    if reason:
        _log.warning("mailings under way are held: %s", reason)
        # Once is enough: what somebody lets go then stays so.
        known = pulse.beats(services.engine)
        _remember(services, known[0] if known else 0)


def _grace(services: Services) -> timedelta:
    return timedelta(minutes=services.settings.grace_minutes)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Memory:
    """What this host knows of the rounds; ``seen_at`` is on the boot's monotonic clock."""

    rounds: int
    boot: str
    seen_at: float


def _path(services: Services) -> Path:
    return services.settings.data_dir / "rounds"


def _recall(services: Services) -> _Memory | None:
    with suppress(OSError, ValueError):
        rounds, boot, seen_at = _path(services).read_text(encoding="ascii").split()
        return _Memory(rounds=int(rounds), boot=boot, seen_at=float(seen_at))
    return None


def _remember(services: Services, rounds: int) -> None:
    path = _path(services)
    draft = path.with_suffix(".part")
    # A full disk must not end the round; then this host knows a little less.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(f"{rounds} {boot_id()} {time.monotonic()}\n", encoding="ascii")
        draft.replace(path)
