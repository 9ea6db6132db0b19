"""Actions of operators on relays, domains, workers, alarms and suppressions.

Each is one transaction, which includes the entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine

from newsletter.accounts.audit import Actor, audited, read_reason
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger import domain_holds, relays
from newsletter.operations import heartbeats
from newsletter.operations.acknowledgements import keep_acknowledgement, remove_acknowledgement
from newsletter.operations.alarms import find_alarms
from newsletter.operations.overview import Overview
from subscribers import suppression


def hold_relay(
    engine: Engine, actor: Actor, name: str, *, reason: str, known: Collection[str]
) -> None:
    """Put a relay on hold until it is released; workers stop using it within two seconds.

    Args:
        engine: The database.
        actor: The operator.
        name: The relay's name, such as ``smtp:mail.example.jp:587``.
        reason: The reason, which is shown with the relay.
        known: The relays in MAIL_TRANSPORTS.

    Raises:
        OrderError: The relay is not known, or the reason is missing or too long.
    """
    with audited(engine, actor, Action.RELAY_HOLD, on=f"relay {name}", reason=reason) as session:
        relays.hold_relay(session, name, reason=reason, known=known)


def release_relay(engine: Engine, actor: Actor, name: str, *, reason: str) -> None:
    """Release a relay from its hold or rest, so that it is used again at once.

    Raises:
        ConflictError: The relay is neither on hold nor resting.
        OrderError: The reason is missing or too long.
    """
    with audited(engine, actor, Action.RELAY_RELEASE, on=f"relay {name}", reason=reason) as session:
        relays.let_relay_go(session, name)


def hold_domain(engine: Engine, actor: Actor, domain: str, *, reason: str) -> None:
    """Put a recipient domain on hold until it is released; workers stop within two seconds.

    Raises:
        ListError: The text is not a domain.
        OrderError: The reason is missing or too long.
    """
    name = domain_holds.read_domain(domain)
    with audited(engine, actor, Action.DOMAIN_HOLD, on=f"domain {name}", reason=reason) as session:
        domain_holds.hold_domain(session, name, reason=reason)


def release_domain(engine: Engine, actor: Actor, domain: str, *, reason: str) -> None:
    """Release a recipient domain; its waiting deliveries are sent within a minute.

    Raises:
        ListError: The text is not a domain.
        ConflictError: The domain is not on hold.
        OrderError: The reason is missing or too long.
    """
    name = domain_holds.read_domain(domain)
    on = f"domain {name}"
    with audited(engine, actor, Action.DOMAIN_RELEASE, on=on, reason=reason) as session:
        domain_holds.let_domain_go(session, name)


def drain_worker(engine: Engine, actor: Actor, node: str, *, reason: str) -> None:
    """Drain a worker: it finishes the messages in flight and takes no new batch.

    Raises:
        NotFoundError: No worker with that name has reported recently.
        OrderError: The reason is missing or too long.
    """
    with audited(engine, actor, Action.WORKER_DRAIN, on=f"worker {node}", reason=reason) as session:
        heartbeats.drain_worker(session, node, reason=reason)


def undrain_worker(engine: Engine, actor: Actor, node: str, *, reason: str) -> None:
    """Let a drained worker take batches again.

    Raises:
        ConflictError: The worker is not drained.
        OrderError: The reason is missing or too long.
    """
    on = f"worker {node}"
    with audited(engine, actor, Action.WORKER_UNDRAIN, on=on, reason=reason) as session:
        heartbeats.undrain_worker(session, node)


def acknowledge_alarm(
    engine: Engine, actor: Actor, key: str, *, reason: str, seen: Overview
) -> None:
    """Acknowledge an alarm until it ends, gets more severe, or its count grows.

    Args:
        engine: The database.
        actor: The operator.
        key: The alarm's key; see `Alarm.key`.
        reason: What is being done about it, which is shown with the alarm.
        seen: The present overview.

    Raises:
        NotFoundError: The alarm is not active (any more).
        OrderError: The reason is missing or too long.
    """
    found = next((each for each in find_alarms(seen) if each.key == key), None)
    if found is None:
        raise NotFoundError(
            msg("There is no alarm “{key}” now.", key=key),
            command=msg("The present alarms are shown by: newsletter alarm list."),
        )
    on = f"alarm {key}"
    with audited(engine, actor, Action.ALARM_ACKNOWLEDGE, on=on, reason=reason) as session:
        keep_acknowledgement(
            session,
            found.place,
            actor=actor.name,
            reason=read_reason(reason),
            severity=found.severity.value,
            size=found.size,
        )


def reopen_alarm(engine: Engine, actor: Actor, key: str, *, reason: str) -> None:
    """Remove the acknowledgement of an alarm.

    Raises:
        ConflictError: The alarm is not acknowledged.
        OrderError: The reason is missing or too long.
    """
    kind, _, where = key.partition(" ")
    on = f"alarm {key}"
    with audited(engine, actor, Action.ALARM_REOPEN, on=on, reason=reason) as session:
        remove_acknowledgement(session, (kind, where))


def lift_suppression(engine: Engine, actor: Actor, number: int, *, reason: str) -> None:
    """Lift the suppression of an address.

    Raises:
        NotFoundError: The suppression does not exist (any more).
        ConflictError: The address was erased at its owner's request.
        OrderError: The reason is missing or too long.
    """
    with reading(engine) as session:
        newsletter_id = suppression.find_suppression_row(session, number).newsletter_id
    with audited(
        engine,
        actor,
        Action.SUPPRESSION_LIFT,
        on=f"suppression {number}",
        reason=reason,
        newsletter_id=newsletter_id,
    ) as session:
        suppression.lift_suppression(session, number, reason=reason)
