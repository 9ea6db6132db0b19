"""Orders: an operator's deed and its line in the audit log, both in one transaction, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Action, Actor, record_event
from newsletter.database.engine import transaction
from newsletter.errors import OrderError

_LONGEST_REASON = 500


@contextmanager
def order(
    engine: Engine,
    actor: Actor,
    action: Action,
    *,
    on: str,
    reason: str,
    newsletter_id: int | None = None,
    must_say: bool = True,
) -> Iterator[Session]:
    """Open the transaction of a deed; it is written down if the block ends well.

    Args:
        engine: The database.
        actor: Who does it.
        action: What it is.
        on: Kind and name, such as ``relay smtp:mail.example.jp:587``.
        reason: Why, for whoever looks next.
        newsletter_id: Which newsletter it is about, if about one.
        must_say: Whether there must be a reason.

    Raises:
        OrderError: There is no reason though there must be, or one of more than 500 characters.
    """
    why = "".join(filter(str.isprintable, reason)).strip()
    if len(why) > _LONGEST_REASON or (must_say and not why):
        raise OrderError("Say why, in at most 500 characters.")
    # Some touch each delivery of a mailing to everybody.
    with transaction(engine, long=True) as session:
        yield session
        record_event(session, actor, action, object=on, newsletter_id=newsletter_id, reason=why)
