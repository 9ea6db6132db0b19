"""Actions on mailings, for pages and commands: pause, resume, cancel, settle, retry.

Each function is one transaction, which includes the entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.actors import words_for
from newsletter.accounts.audit import Actor, audited, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import EDITIONS, DeliveryState, TrialVerdict
from newsletter.i18n.messages import msg, written
from newsletter.mailings.ledger import evidence
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import bring_back
from newsletter.mailings.ledger.settlement import retry_failed, settle_uncertain
from newsletter.mailings.ledger.worker_hosts import WorkerHost, held_mailings, vouch
from newsletter.mailings.mailings import (
    cancel_mailing,
    find_mailing,
    pause_mailing,
    resume_mailing,
)
from newsletter.mailings.planning.content import no_such_mailing
from newsletter.mailings.reports.reports import missed_deliveries
from newsletter.mailings.trials.decisions import choose_subject
from newsletter.mailings.trials.subjects import LETTERS


def newsletter_of(engine: Engine, mailing_id: int) -> int:
    """Return the newsletter of a mailing; roles are checked in this newsletter.

    Raises:
        NotFoundError: There is no such mailing.
    """
    with reading(engine) as session:
        return find_mailing(session, mailing_id).newsletter_id


def pause(
    engine: Engine, actor: Actor, mailing_id: int, *, reason: str = "", within: int | None = None
) -> None:
    """Pause a mailing; workers stop within two seconds.

    Args:
        engine: The database.
        actor: The person or program that acts.
        mailing_id: The mailing's number.
        reason: The reason, which is shown with the mailing.
        within: The newsletter that the mailing must belong to; None for any mailing.

    Raises:
        NotFoundError: There is no such mailing.
        ConflictError: The mailing is not under way.
        OrderError: The reason is too long.
    """
    with _acting(engine, actor, Action.MAILING_PAUSE, mailing_id, reason, within) as session:
        own = written(reason.strip()) if reason.strip() else None
        by_whom = msg("Paused by {person}.", person=words_for(session, actor))
        pause_mailing(session, mailing_id, reason=own or by_whom)


def resume(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    *,
    reason: str = "",
    within: int | None = None,
    even_twice: bool = False,
) -> None:
    """Resume a paused mailing; arguments and errors as for `pause`.

    ``even_twice`` permits that people get the mailing twice, after the database was restored.
    """
    with _acting(engine, actor, Action.MAILING_RESUME, mailing_id, reason, within) as session:
        resume_mailing(session, mailing_id, even_twice=even_twice)


def cancel(
    engine: Engine, actor: Actor, mailing_id: int, *, reason: str = "", within: int | None = None
) -> None:
    """Cancel a mailing; queued deliveries are skipped. Arguments and errors as for `pause`."""
    with _acting(engine, actor, Action.MAILING_CANCEL, mailing_id, reason, within) as session:
        cancel_mailing(session, mailing_id)


def decide_subject(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    chosen: int,
    *,
    reason: str = "",
    within: int | None = None,
) -> None:
    """Choose a mailing's subject by hand; the remaining messages are sent with it at once.

    ``chosen`` is the subject's index from 0; other arguments as for `pause`.

    Raises:
        NotFoundError: There is no such mailing, or it has no trial or no such subject.
        ConflictError: The trial is decided already, was cancelled, or has not begun.
        OrderError: The reason is too long.
    """
    details: dict[Detail, object] = {
        "subject": LETTERS[chosen : chosen + 1],
        "because": TrialVerdict.BY_HAND.value,
    }
    with _acting(
        engine, actor, Action.MAILING_DECIDE, mailing_id, reason, within, details=details
    ) as session:
        choose_subject(session, mailing_id, chosen, by=actor.name)


def settle(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    *,
    resend: bool,
    reason: str,
    positions: Collection[int] | None = None,
) -> int:
    """Send uncertain deliveries again, or treat them as received; return how many there were.

    Args:
        engine: The database.
        actor: The person or program that decides.
        mailing_id: The mailing's number.
        resend: True to send again, False to treat as received.
        reason: The reason; required.
        positions: The deliveries; None for all uncertain ones.

    Raises:
        NotFoundError: There is no such mailing.
        ConflictError: The mailing was cancelled.
        OrderError: The reason is missing or too long.
    """
    action = Action.DELIVERY_RESEND if resend else Action.DELIVERY_LEAVE
    with _acting(engine, actor, action, mailing_id, reason, None, reason_required=True) as session:
        return settle_uncertain(session, mailing_id, resend=resend, positions=positions)


def settle_by_journals(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    read: Callable[[str], Iterable[Sequence[Outcome]]],
    *,
    reason: str,
    saved: Collection[WorkerHost] = (),
) -> int:
    """Settle deliveries by the journals of workers; return how many changed. Errors as `settle`.

    Args:
        engine: The database.
        actor: The person or program that acts.
        mailing_id: The mailing's number.
        read: Returns the outcomes in the journals for a mailing's identity.
        reason: The reason; required.
        saved: The hosts whose journals these are. Complete journals are restored for all paused
            mailings, so that these hosts are no longer missing.
    """
    with _acting(
        engine, actor, Action.DELIVERY_PROVE, mailing_id, reason, None, reason_required=True
    ) as session:
        is_all = any(host.whole for host in saved)
        for other in held_mailings(session) if is_all else ():
            if other != mailing_id:
                _settle_by_journals(session, other, read)
        count = _settle_by_journals(session, mailing_id, read)
        vouch(session, saved)
        return count


def _settle_by_journals(
    session: Session, mailing_id: int, read: Callable[[str], Iterable[Sequence[Outcome]]]
) -> int:
    identity = find_mailing(session, mailing_id).identity
    return sum(bring_back(session, mailing_id, identity, each) for each in read(identity))


def settle_by_log(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    lines: Iterable[bytes],
    *,
    key: bytes,
    reason: str,
) -> int:
    """Settle deliveries by a relay's log; return how many changed. Arguments as for `settle`.

    ``key`` is the secret from which Message-IDs are computed.

    Raises:
        OrderError: The file is not a relay's log, or names no message of this mailing.
    """
    with _acting(
        engine, actor, Action.DELIVERY_PROVE, mailing_id, reason, None, reason_required=True
    ) as session:
        return evidence.settle_by_log(session, mailing_id, key, lines)


def retry(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    *,
    reason: str,
    positions: Collection[int] | None = None,
) -> int:
    """Queue failed deliveries again; return how many there were. As for `settle`."""
    with _acting(
        engine, actor, Action.DELIVERY_RETRY, mailing_id, reason, None, reason_required=True
    ) as session:
        return retry_failed(session, mailing_id, positions=positions)


def export_missed(
    engine: Engine, actor: Actor, mailing_id: int, *, within: int
) -> Iterator[tuple[str, DeliveryState, datetime | None, str, str]]:
    """Return the deliveries that did not reach their recipient, and log the export.

    The rows are those of `missed_deliveries`.

    Raises:
        NotFoundError: The newsletter ``within`` has no such mailing.
    """
    _newsletter_within(engine, mailing_id, within)
    with transaction(engine) as session:
        record_event(
            session,
            actor,
            Action.MAILING_EXPORT,
            object=f"mailing {mailing_id}",
            newsletter_id=within,
        )
    return missed_deliveries(engine, mailing_id)


def _newsletter_within(engine: Engine, mailing_id: int, within: int | None) -> int:
    """Return the newsletter of a mailing, which must belong to ``within`` if that is given.

    Within a newsletter only mailings to its list can be named. A notice, such as a link for a new
    password, concerns one person: somebody who guessed its number could otherwise hold it back, or
    learn whose it is.
    """
    with reading(engine) as session:
        mailing = find_mailing(session, mailing_id)
        is_theirs = mailing.newsletter_id == within and mailing.kind in EDITIONS
        if within is not None and not is_theirs:
            raise no_such_mailing(mailing_id)
        return mailing.newsletter_id


@contextmanager
def _acting(
    engine: Engine,
    actor: Actor,
    action: Action,
    mailing_id: int,
    reason: str,
    within: int | None,
    *,
    reason_required: bool = False,
    details: Mapping[Detail, object] | None = None,
) -> Iterator[Session]:
    newsletter_id = _newsletter_within(engine, mailing_id, within)
    with audited(
        engine,
        actor,
        action,
        on=f"mailing {mailing_id}",
        reason=reason,
        newsletter_id=newsletter_id,
        reason_required=reason_required,
        details=details,
    ) as session:
        yield session
