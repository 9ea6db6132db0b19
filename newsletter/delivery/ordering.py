"""Orders: what a person decided on the sending page becomes one mailing, however often it is sent.

The mailing, who ordered it and the audit entry are one transaction; the order's key is unique.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow, MailingOrderRow, NewsletterRow
from newsletter.delivery.approving import content_digest, demand_approval
from newsletter.delivery.mailings import create_mailing
from newsletter.delivery.schedule import AT_ONCE, Schedule
from newsletter.errors import ConflictError
from newsletter.rendering.model import RenderedIssue


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One decision to send.

    Attributes:
        key: Made with the confirmation page; the same key is the same mailing.
        digest: Of the content that the page showed.
        segment: A query; empty for everybody.
    """

    key: str
    digest: str
    segment: str = ""
    schedule: Schedule = AT_ONCE


def place_order(
    engine: Engine,
    actor: Actor,
    newsletter_id: int,
    issue_id: int,
    rendered: RenderedIssue,
    order: Order,
    *,
    batch_size: int,
) -> int:
    """Make the mailing, or return the one that this order made already.

    Raises:
        ConflictError: The content is not what was confirmed, or lacks approval.
    """
    if (known := _find(engine, order.key)) is not None:
        return known
    try:
        with transaction(engine) as session:
            newsletter = session.get_one(NewsletterRow, newsletter_id)
            issue = session.get_one(IssueRow, issue_id)
            digest = content_digest(newsletter, rendered)
            if digest != order.digest:
                raise ConflictError(
                    "The issue changed since you looked at it.", remedy="Look again, then send it."
                )
            demand_approval(session, newsletter, issue, digest)
            mailing_id = create_mailing(
                session,
                newsletter,
                issue,
                rendered,
                batch_size=batch_size,
                segment=order.segment,
                schedule=order.schedule,
            )
            session.add(
                MailingOrderRow(key=order.key, mailing_id=mailing_id, ordered_by=actor.account_id)
            )
            record_event(
                session,
                actor,
                "mailing.order",
                object=f"mailing {mailing_id}",
                newsletter_id=newsletter_id,
                details=_described(issue, order),
            )
            return mailing_id
    except IntegrityError:
        # The same form was sent twice at once, and the other was first.
        if (known := _find(engine, order.key)) is None:
            raise
        return known


def order_of(session: Session, key: str) -> int | None:
    """Return the mailing that an order made, if it did."""
    return session.scalar(select(MailingOrderRow.mailing_id).where(MailingOrderRow.key == key))


def _find(engine: Engine, key: str) -> int | None:
    with reading(engine) as session:
        return order_of(session, key)


def _described(issue: IssueRow, order: Order) -> dict[str, object]:
    hour = order.schedule.hour
    return {
        "issue": issue.slug,
        "segment": order.segment,
        "at": hour.isoformat() if hour else "now",
        "everywhere": order.schedule.everywhere,
        "spread_seconds": int(order.schedule.spread.total_seconds()),
        "digest": order.digest,
    }
