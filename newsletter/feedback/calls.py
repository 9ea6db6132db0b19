"""Calls: what a provider's webhook told, written into the bounce log in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Engine

from newsletter.bounces.webhooks import ProviderEvent, RefusedCallError
from newsletter.database.engine import transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import CallTokenRow
from newsletter.database.vocabulary import BounceSource
from newsletter.feedback.log import FeedbackEvent, log_events
from newsletter.i18n.messages import msg

#: Databases bound how many values a statement may carry.
_AT_ONCE = 500


def take_call(
    engine: Engine, events: Sequence[ProviderEvent], *, once: tuple[str, str] | None = None
) -> int:
    """Log a call's events; return how many rows were news. All are committed, or none.

    Args:
        engine: The database.
        events: What the call told.
        once: A token that may stand for one content only, and that content.

    Raises:
        RefusedCallError: The token came with another content before.
    """
    count = 0
    with transaction(engine) as session:
        if once is not None:
            token, content = once
            key = hashlib.sha256(token.encode()).hexdigest()
            insert_missing(session, CallTokenRow, [{"token": key, "content": content}])
            if session.get_one(CallTokenRow, key).content != content:
                raise RefusedCallError(msg("The signature was used before, for another event."))
        for start in range(0, len(events), _AT_ONCE):
            chunk = events[start : start + _AT_ONCE]
            count += log_events(session, [_event(one) for one in chunk])
    return count


def _event(provided: ProviderEvent) -> FeedbackEvent:
    return FeedbackEvent(
        event_id=provided.event_id,
        source=BounceSource.WEBHOOK,
        report=provided.report,
        raw=provided.raw,
        unsubscribed=provided.unsubscribed,
        occurred_at=provided.occurred_at,
    )
