"""What operators do to relays, domains, workers, alarms and suppressions, by any door.

Each is one transaction with its entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine

from newsletter.accounts.actions import audited, read_reason
from newsletter.accounts.audit import Actor
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
    """Send nothing by a relay until it is released; workers stop within two seconds.

    Args:
        engine: The database.
        actor: Who does it.
        name: Such as ``smtp:mail.example.jp:587``.
        reason: Why; shown with the relay.
        known: The relays that MAIL_TRANSPORTS names.

    Raises:
        OrderError: It is none of them; or there is no reason, or one that is too long.
    """
    with audited(engine, actor, Action.RELAY_HOLD, on=f"relay {name}", reason=reason) as session:
        relays.hold_relay(session, name, reason=reason, known=known)


def release_relay(engine: Engine, actor: Actor, name: str, *, reason: str) -> None:
    """Send by a relay again, at once.

    Raises:
        ConflictError: It neither is held nor rests.
        OrderError: There is no reason, or one that is too long.
    """
    with audited(engine, actor, Action.RELAY_RELEASE, on=f"relay {name}", reason=reason) as session:
        relays.let_relay_go(session, name)


def hold_domain(engine: Engine, actor: Actor, domain: str, *, reason: str) -> None:
    """Send nothing to a recipient domain until it is released; workers stop within two seconds.

    Raises:
        ListError: It is no domain.
        OrderError: There is no reason, or one that is too long.
    """
    name = domain_holds.read_domain(domain)
    with audited(engine, actor, Action.DOMAIN_HOLD, on=f"domain {name}", reason=reason) as session:
        domain_holds.hold_domain(session, name, reason=reason)


def release_domain(engine: Engine, actor: Actor, domain: str, *, reason: str) -> None:
    """Send to a recipient domain again; what waited for it goes on within a minute.

    Raises:
        ListError: It is no domain.
        ConflictError: It is not held.
        OrderError: There is no reason, or one that is too long.
    """
    name = domain_holds.read_domain(domain)
    on = f"domain {name}"
    with audited(engine, actor, Action.DOMAIN_RELEASE, on=on, reason=reason) as session:
        domain_holds.let_domain_go(session, name)


def drain_worker(engine: Engine, actor: Actor, node: str, *, reason: str) -> None:
    """Let a worker finish its messages in flight and take no new batch.

    Raises:
        NotFoundError: No worker of that name was heard of lately.
        OrderError: There is no reason, or one that is too long.
    """
    with audited(engine, actor, Action.WORKER_DRAIN, on=f"worker {node}", reason=reason) as session:
        heartbeats.drain_worker(session, node, reason=reason)


def undrain_worker(engine: Engine, actor: Actor, node: str, *, reason: str) -> None:
    """Let a worker take batches again.

    Raises:
        ConflictError: It was not drained.
        OrderError: There is no reason, or one that is too long.
    """
    on = f"worker {node}"
    with audited(engine, actor, Action.WORKER_UNDRAIN, on=on, reason=reason) as session:
        heartbeats.undrain_worker(session, node)


def acknowledge_alarm(
    engine: Engine, actor: Actor, key: str, *, reason: str, seen: Overview
) -> None:
    """Let an alarm count as looked after, until it ends, grows graver or counts more.

    Args:
        engine: The database.
        actor: Who looks after it.
        key: See `Alarm.key`.
        reason: What is being done about it; shown with the alarm.
        seen: What is wrong now.

    Raises:
        NotFoundError: There is no such alarm, any more.
        OrderError: There is no reason, or one that is too long.
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
    """Let an alarm that somebody looked after count as new again.

    Raises:
        ConflictError: Nobody looks after it.
        OrderError: There is no reason, or one that is too long.
    """
    kind, _, where = key.partition(" ")
    on = f"alarm {key}"
    with audited(engine, actor, Action.ALARM_REOPEN, on=on, reason=reason) as session:
        remove_acknowledgement(session, (kind, where))


def lift_suppression(engine: Engine, actor: Actor, number: int, *, reason: str) -> None:
    """Let a suppressed address get mail again.

    Raises:
        NotFoundError: There is none of that number, any more.
        ConflictError: The address was erased on its owner's wish.
        OrderError: There is no reason, or one that is too long.
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
