"""The bounce log: searched by address, mailing and reason, and summed up as rates of bounces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.orm import Session, defer

from newsletter.addresses import as_kept
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    DeliveryRow,
    MailingRow,
    SubscriberRow,
    SuppressionRow,
)
from newsletter.database.vocabulary import EDITIONS, BounceKind, DeliveryState, FeedbackAction
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.message.identifiers import without_return_paths

#: Decisions with a consequence that can be undone.
UNDOABLE = frozenset(
    {FeedbackAction.SUPPRESSED, FeedbackAction.UNSUBSCRIBED, FeedbackAction.COUNTED}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BounceFilter:
    """The conditions of a search; an empty field sets no condition.

    Attributes:
        address: A part of the address, in any case.
        newsletter_ids: Only bounces of these newsletters; None for all, even without a newsletter.
    """

    address: str = ""
    domain: str = ""
    mailing_id: int | None = None
    kind: BounceKind | None = None
    reason: str = ""
    since: datetime | None = None
    newsletter_ids: Collection[int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedBounce:
    """A bounce and its decisions, the newest first; the first that is not undone applies."""

    row: BounceRow
    decisions: Sequence[BounceDecisionRow]

    @property
    def return_path(self) -> str:
        """The return path for operators, without its token."""
        return without_return_paths(self.row.return_path)

    @property
    def standing(self) -> BounceDecisionRow | None:
        """The decision that applies; None before the first, and if all were undone."""
        return next((one for one in self.decisions if one.undone_at is None), None)

    @property
    def is_undoable(self) -> bool:
        """Whether the bounce has a consequence that can be undone."""
        return self.standing is not None and self.standing.action in UNDOABLE


def list_bounces(
    session: Session, criteria: BounceFilter, *, before: int | None = None, limit: int = 50
) -> list[LoggedBounce]:
    """Return bounces without raw reports, the newest first; ``before`` continues below an id."""
    query = select(BounceRow).options(defer(BounceRow.raw, raiseload=True))
    query = query.where(*conditions(criteria)).order_by(BounceRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(BounceRow.id < before)
    return _with_decisions(session, session.scalars(query).all())


def find_bounce(
    session: Session, bounce_id: int, *, newsletter_ids: Collection[int] | None = None
) -> LoggedBounce:
    """Return a bounce with its raw report.

    Raises:
        NotFoundError: There is no such bounce, or it is another newsletter's.
    """
    criteria = BounceFilter(newsletter_ids=newsletter_ids)
    row = session.scalar(select(BounceRow).where(BounceRow.id == bounce_id, *conditions(criteria)))
    if row is None:
        raise NotFoundError(msg("There is no bounce {bounce}.", bounce=bounce_id))
    return _with_decisions(session, [row])[0]


def suppressions_of(
    session: Session, row: BounceRow, newsletter_ids: Sequence[int] | None = None
) -> Sequence[SuppressionRow]:
    """Return the suppressions of the person that a bounce is about, whatever their cause.

    If ``newsletter_ids`` is given, suppressions of other newsletters are left out, but those for
    all newsletters are included.
    """
    query = (
        select(SuppressionRow)
        .join(SubscriberRow, SubscriberRow.address_key == SuppressionRow.address_key)
        .where(SubscriberRow.id == row.subscriber_id)
        .order_by(SuppressionRow.id)
    )
    if newsletter_ids is not None:
        scope = SuppressionRow.newsletter_id
        query = query.where(scope.is_(None) | scope.in_(newsletter_ids))
    return session.scalars(query).all()


def conditions(criteria: BounceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of a query."""
    filters: list[ColumnElement[bool]] = []
    if criteria.address:
        # The address is searched as the remote system wrote it, and as it is stored.
        texts = {criteria.address.strip().lower(), as_kept(criteria.address)}
        filters.append(or_(*(BounceRow.address.icontains(one, autoescape=True) for one in texts)))
    if criteria.domain:
        written = criteria.domain.strip().lower()
        names = {one.removeprefix("@") for one in (written, as_kept(criteria.domain))}
        filters.append(BounceRow.domain.in_(names))
    if criteria.mailing_id is not None:
        filters.append(BounceRow.mailing_id == criteria.mailing_id)
    if criteria.kind is not None:
        filters.append(BounceRow.kind == criteria.kind)
    if criteria.reason:
        filters.append(BounceRow.reason == criteria.reason)
    if criteria.since is not None:
        filters.append(BounceRow.occurred_at >= criteria.since)
    if criteria.newsletter_ids is not None:
        filters.append(BounceRow.newsletter_id.in_(criteria.newsletter_ids))
    return filters


def _with_decisions(session: Session, rows: Sequence[BounceRow]) -> list[LoggedBounce]:
    by_bounce: dict[int, list[BounceDecisionRow]] = {row.id: [] for row in rows}
    decisions = session.scalars(
        select(BounceDecisionRow)
        .where(BounceDecisionRow.bounce_id.in_(by_bounce))
        .order_by(BounceDecisionRow.id.desc())
    )
    for decision in decisions:
        by_bounce[decision.bounce_id].append(decision)
    return [LoggedBounce(row=row, decisions=by_bounce[row.id]) for row in rows]


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
