"""The hour that a newsletter is usually sent at, to begin a form with."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind

#: Of a newsletter that was never scheduled.
_FIRST = time(9, 0)


def propose_hour(session: Session, newsletter: NewsletterRow, day: date) -> datetime:
    """Return when an issue would go out as its newsletter usually does, on the newsletter's clock.

    That is on its day at the hour of the newest mailing that was scheduled; where this has passed,
    on the next day that is still to come.
    """
    zone = ZoneInfo(newsletter.time_zone)
    newest = session.scalars(
        select(MailingRow)
        .where(
            MailingRow.newsletter_id == newsletter.id,
            MailingRow.kind == MailingKind.ISSUE,
            MailingRow.scheduled_at.is_not(None),
        )
        .order_by(MailingRow.id.desc())
        .limit(1)
    ).one_or_none()
    hour = _FIRST
    if newest is not None and newest.local_hour:
        hour = datetime.fromisoformat(newest.local_hour).time()
    elif newest is not None and newest.scheduled_at is not None:
        hour = newest.scheduled_at.astimezone(zone).time()
    moment = now().astimezone(zone).replace(tzinfo=None)
    today = datetime.combine(moment.date(), hour)
    return max(datetime.combine(day, hour), today if today > moment else today + timedelta(days=1))
