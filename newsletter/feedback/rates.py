"""Bounce rates: the share of sent mail that bounced, by mailing and by domain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import BounceRow, DeliveryRow, MailingRow, SubscriberRow
from newsletter.database.vocabulary import EDITIONS, BounceKind, DeliveryState
from newsletter.feedback.search import BounceFilter, conditions

#: States of mail that can bounce: the relay gave a final reply.
_MAILED = (DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.FAILED)
_BAD = (BounceKind.HARD, BounceKind.SOFT, BounceKind.COMPLAINT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How much mail of a mailing, or to a domain, bounced: mails are counted, not reports.

    Attributes:
        name: A mailing's number, or a domain.
        title: The display name: a mailing's subject, or the domain again.
    """

    name: str
    title: str
    mailed: int
    hard: int
    soft: int
    complaints: int

    def share(self, count: int) -> float:
        """Return a count as a percentage of the sent mail."""
        return 100 * count / self.mailed if self.mailed else 0.0


def rates_by_mailing(
    session: Session, *, newsletter_ids: Collection[int] | None = None, limit: int = 20
) -> list[Rate]:
    """Return the rates of the newest issues that were sent, without notices and tests."""
    query = select(MailingRow.id, MailingRow.title).where(
        MailingRow.started_at.is_not(None), MailingRow.kind.in_(EDITIONS)
    )
    if newsletter_ids is not None:
        query = query.where(MailingRow.newsletter_id.in_(newsletter_ids))
    rows = session.execute(query.order_by(MailingRow.id.desc()).limit(limit)).all()
    titles: dict[int, str] = {number: title or str(number) for number, title in rows}
    ids = list(titles)
    sent = (
        select(DeliveryRow.mailing_id, func.count())
        .where(DeliveryRow.mailing_id.in_(ids), DeliveryRow.state.in_(_MAILED))
        .group_by(DeliveryRow.mailing_id)
    )
    mailed: dict[int, int] = {row[0]: row[1] for row in session.execute(sent)}
    counts: dict[tuple[int | None, BounceKind], int] = {
        (mailing_id, kind): count
        for mailing_id, kind, count in session.execute(
            select(BounceRow.mailing_id, BounceRow.kind, _mails())
            .where(BounceRow.mailing_id.in_(ids))
            .group_by(BounceRow.mailing_id, BounceRow.kind)
        )
    }
    return [
        _rate(
            str(one),
            title,
            mailed.get(one, 0),
            {kind: counts.get((one, kind), 0) for kind in _BAD},
        )
        for one, title in titles.items()
    ]


def rates_by_domain(
    session: Session,
    *,
    since: datetime,
    newsletter_ids: Collection[int] | None = None,
    limit: int = 20,
) -> list[Rate]:
    """Return the rates of the domains with the most bounces."""
    bounced = select(BounceRow.domain, func.count()).where(
        BounceRow.domain != "",
        *conditions(BounceFilter(since=since, newsletter_ids=newsletter_ids)),
        BounceRow.kind.in_(_BAD),
    )
    top = session.execute(
        bounced.group_by(BounceRow.domain)
        .order_by(func.count().desc(), BounceRow.domain)
        .limit(limit)
    )
    domains: list[str] = [domain for domain, _ in top]
    sent = (
        select(SubscriberRow.domain, func.count())
        .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
        .where(
            SubscriberRow.domain.in_(domains),
            DeliveryRow.state.in_(_MAILED),
            DeliveryRow.settled_at >= since,
        )
    )
    if newsletter_ids is not None:
        sent = sent.join(MailingRow, MailingRow.id == DeliveryRow.mailing_id).where(
            MailingRow.newsletter_id.in_(newsletter_ids)
        )
    by_domain = sent.group_by(SubscriberRow.domain)
    mailed: dict[str, int] = {row[0]: row[1] for row in session.execute(by_domain)}
    counts: dict[tuple[str, BounceKind], int] = {
        (domain, kind): count
        for domain, kind, count in session.execute(
            select(BounceRow.domain, BounceRow.kind, _mails())
            .where(
                BounceRow.domain.in_(domains),
                *conditions(BounceFilter(since=since, newsletter_ids=newsletter_ids)),
            )
            .group_by(BounceRow.domain, BounceRow.kind)
        )
    }
    return [
        _rate(one, one, mailed.get(one, 0), {kind: counts.get((one, kind), 0) for kind in _BAD})
        for one in domains
    ]


def _mails() -> ColumnElement[int]:
    """Return the number of bounced mails: a mail is a person and a mailing, as in a delivery."""
    person = func.coalesce(cast(BounceRow.subscriber_id, String), BounceRow.address)
    mailing = cast(func.coalesce(BounceRow.mailing_id, 0), String)
    return func.count(func.distinct(mailing + " " + person))


def _rate(name: str, title: str, mailed: int, counts: dict[BounceKind, int]) -> Rate:
    return Rate(
        name=name,
        title=title,
        mailed=mailed,
        hard=counts[BounceKind.HARD],
        soft=counts[BounceKind.SOFT],
        complaints=counts[BounceKind.COMPLAINT],
    )
