"""Common parts of actions: the reason, and the transaction with its audit entry."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
from newsletter.database.engine import transaction
from newsletter.errors import OrderError
from newsletter.i18n.messages import msg

_log = logging.getLogger(__name__)

_LONGEST_REASON = 500


def read_reason(text: str, *, required: bool = True) -> str:
    """Return a reason in the form for the audit log: printable, without surrounding spaces.

    Raises:
        OrderError: The reason is required and empty, or has more than 500 characters.
    """
    reason = "".join(filter(str.isprintable, text)).strip()
    if len(reason) > _LONGEST_REASON or (required and not reason):
        raise OrderError(msg("Give the reason in at most 500 characters."))
    return reason


@contextmanager
def audited(
    engine: Engine,
    actor: Actor,
    action: Action,
    *,
    on: str,
    reason: str,
    newsletter_id: int | None = None,
    reason_required: bool = True,
    details: Mapping[Detail, object] | None = None,
) -> Iterator[Session]:
    """Open the transaction of an action; the audit entry is written at the end of the block.

    The action is also written to the log, among the lines of what happened at that time.

    Args:
        engine: The database.
        actor: The person or program that acts.
        action: The action.
        on: Kind and name of the object, such as ``relay smtp:mail.example.jp:587``.
        reason: The reason.
        newsletter_id: The newsletter concerned, if any.
        reason_required: Whether a reason is required.
        details: Further details for the audit entry.

    Raises:
        OrderError: The reason is missing although required, or has more than 500 characters.
    """
    why = read_reason(reason, required=reason_required)
    # Some actions change every delivery of a large mailing.
    with transaction(engine, long=True) as session:
        yield session
        record_event(
            session,
            actor,
            action,
            object=on,
            newsletter_id=newsletter_id,
            reason=why,
            details=details,
        )
    who = actor.name if actor.account_id is None else f"account {actor.account_id}"
    _log.info("%s by %s: %s%s", action.value, who, on, f" ({why})" if why else "")
