"""Search the bounce log: bounces by address, mailing and reason, with their consequences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, defer

from newsletter.addresses import as_kept
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    SubscriberRow,
    SuppressionRow,
)
from newsletter.database.vocabulary import BounceKind, FeedbackAction
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
