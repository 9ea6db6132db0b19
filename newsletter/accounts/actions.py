"""What every action has in common: a reason where one is asked for, and its audit entry."""

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
    """Return a reason as the audit log keeps it: printable, without space around it.

    Raises:
        OrderError: It is required and empty, or has more than 500 characters.
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
    """Open the transaction of an action; its audit entry is written if the block ends well.

    Whoever reads the log of a night learns there, too, what people ordered meanwhile.

    Args:
        engine: The database.
        actor: Who does it.
        action: What it is.
        on: Kind and name, such as ``relay smtp:mail.example.jp:587``.
        reason: Why, for whoever looks next.
        newsletter_id: Which newsletter it is about, if about one.
        reason_required: Whether there must be a reason.
        details: What the audit entry says besides.

    Raises:
        OrderError: There is no reason though there must be, or one of more than 500 characters.
    """
    why = read_reason(reason, required=reason_required)
    # Some touch each delivery of a mailing to everybody.
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
