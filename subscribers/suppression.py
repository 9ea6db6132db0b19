"""Suppression: addresses that get no mail, the reasons for it, and how it is lifted."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Text,
    and_,
    cast,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import Rights
from newsletter.addresses import parse_address
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause, SubscriptionState, SuppressionReason
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.tokens import Pseudonyms
from subscribers.growth_log import SUPPRESSING, log_growth

#: If at most this many hashes are stored, all are read instead of querying for some.
_FEW = 1000


def suppress(
    session: Session,
    *,
    address_key: str,
    reason: SuppressionReason,
    newsletter_id: int | None = None,
    evidence: str = "",
) -> int | None:
    """Suppress an address for one newsletter or (None) for all.

    Returns:
        The id of the new suppression; None if the address was suppressed already.
    """
    scope = (
        SuppressionRow.newsletter_id.is_(None)
        if newsletter_id is None
        else SuppressionRow.newsletter_id == newsletter_id
    )
    query = select(SuppressionRow.id).where(SuppressionRow.address_key == address_key, scope)
    if session.scalar(query) is not None:
        return None
    lost = _readers(session, [(address_key, newsletter_id)])
    row = SuppressionRow(
        address_key=address_key, reason=reason, newsletter_id=newsletter_id, evidence=evidence
    )
    session.add(row)
    session.flush()
    for number in lost:
        log_growth(session, number, SUPPRESSING[reason], -1)
    return row.id


def _readers(session: Session, scopes: Sequence[tuple[str, int | None]]) -> Sequence[int]:
    """Return the newsletters that the addresses get mail from, one entry for each reader.

    The subscriptions are locked before they are read; otherwise a reader who unsubscribes at the
    same moment would be counted twice.
    """
    theirs = [
        and_(
            SubscriberRow.address_key == key,
            true() if number is None else SubscriptionRow.newsletter_id == number,
        )
        for key, number in scopes
    ]
    pairs = session.execute(
        select(SubscriptionRow.newsletter_id, SubscriberRow.address_key)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(or_(false(), *theirs), SubscriptionRow.state == SubscriptionState.CONFIRMED)
        .order_by(SubscriptionRow.newsletter_id, SubscriptionRow.subscriber_id)
        .with_for_update(of=SubscriptionRow)
    ).all()
    return [
        number
        for number, key in pairs
        if key is not None and session.scalar(select(~is_suppressed(key, number)))
    ]


def remove_suppressions(session: Session, numbers: Collection[int]) -> None:
    """Remove suppressions; readers who get mail again are counted as joined by the staff."""
    scopes = session.execute(
        select(SuppressionRow.address_key, SuppressionRow.newsletter_id).where(
            SuppressionRow.id.in_(numbers), SuppressionRow.address_key.is_not(None)
        )
    ).all()
    session.execute(delete(SuppressionRow).where(SuppressionRow.id.in_(numbers)))
    for number in _readers(session, [(key, scope) for key, scope in scopes if key is not None]):
        log_growth(session, number, GrowthCause.STAFF, 1)


def is_suppressed(
    address_key: str | InstrumentedAttribute[str | None],
    newsletter_id: int | InstrumentedAttribute[int],
) -> ColumnElement[bool]:
    """Return the SQL condition that an address is suppressed."""
    return exists().where(
        SuppressionRow.address_key == address_key,
        or_(SuppressionRow.newsletter_id.is_(None), SuppressionRow.newsletter_id == newsletter_id),
    )


def may_be_suppressed(session: Session | Connection, address_keys: Iterable[str]) -> bool:
    """Return whether any of the addresses may be suppressed; the result is exact for few ones."""
    first = session.scalars(
        select(SuppressionRow.address_key)
        .where(SuppressionRow.address_key.is_not(None))
        .limit(_FEW)
    ).all()
    return len(first) == _FEW or not frozenset(first).isdisjoint(address_keys)


def is_anybody_erased(session: Session) -> bool:
    """Return whether anybody was erased at all; otherwise `erased_among` finds nobody."""
    return bool(session.scalar(select(exists().where(SuppressionRow.address_hash.is_not(None)))))


def erased_among(
    session: Session | Connection, address_keys: Iterable[str], pseudonyms: Pseudonyms
) -> frozenset[str]:
    """Return the addresses, of up to some thousand, that were erased at their owner's request.

    Code that adds people must call this first, since no query can compute the keyed hash.
    """
    return erased_by_hash(session, lambda: pseudonyms.by_hash(address_keys))


def erased_by_hash(
    session: Session | Connection, by_hash: Callable[[], Mapping[str, str]]
) -> frozenset[str]:
    """Return which addresses were erased; ``by_hash`` is called only if anybody was erased.

    If few people were erased, reading all of their hashes is faster than a query for each address.
    """
    erased = SuppressionRow.address_hash.is_not(None)
    first = session.scalars(select(SuppressionRow.address_hash).where(erased).limit(_FEW)).all()
    if not first:
        return frozenset()
    hashed = by_hash()
    if len(first) < _FEW:
        return frozenset(hashed[one] for one in first if one is not None and one in hashed)
    connection = session.connection() if isinstance(session, Session) else session
    asked = (
        select(func.json_each(json.dumps([*hashed])).table_valued("value").c.value)
        if connection.dialect.name == "sqlite"
        else select(func.unnest(cast([*hashed], ARRAY(Text))))
    )
    found = session.scalars(
        select(SuppressionRow.address_hash).where(SuppressionRow.address_hash.in_(asked))
    )
    return frozenset(hashed[one] for one in found if one is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionView:
    """One suppression of an address.

    Attributes:
        newsletter: The newsletter that it applies to; empty for all.
        reply: The text of the bounce that led to it.
        liftable: Whether it may be lifted; an erasure may not, since the owner requested it.
    """

    suppression_id: int
    newsletter_id: int | None
    newsletter: str
    reason: SuppressionReason
    evidence: str
    reply: str
    since: datetime
    liftable: bool


def find_suppressions(
    session: Session,
    address: str,
    pseudonyms: Pseudonyms,
    *,
    newsletter_ids: Sequence[int] | None = None,
) -> Sequence[SuppressionView]:
    """Return the suppressions of an address, the newest first.

    Args:
        session: The database session.
        address: The address as it was typed.
        pseudonyms: Compute the keyed hash, which finds erased addresses.
        newsletter_ids: The newsletters that the account may see; None for all. Suppressions of
            other newsletters are not returned. Those for all newsletters are returned without
            details, and only for an address on a list that the account may see.

    Raises:
        ListError: The text is not an address.
    """
    key = parse_address(address.strip()).key
    rows = session.execute(
        select(SuppressionRow, NewsletterRow.name)
        .outerjoin(NewsletterRow, NewsletterRow.id == SuppressionRow.newsletter_id)
        .where(
            or_(
                SuppressionRow.address_key == key,
                SuppressionRow.address_hash.in_(pseudonyms.all_of(key)),
            )
        )
        .order_by(SuppressionRow.id.desc())
    ).all()
    if newsletter_ids is not None:
        scopes = {*newsletter_ids, *([None] if _is_listed(session, key, newsletter_ids) else [])}
        rows = [pair for pair in rows if pair[0].newsletter_id in scopes]
    hidden = newsletter_ids is not None
    return [
        SuppressionView(
            suppression_id=row.id,
            newsletter_id=row.newsletter_id,
            newsletter=name or "",
            reason=row.reason,
            evidence="" if hidden and row.newsletter_id is None else row.evidence,
            reply="" if hidden and row.newsletter_id is None else _reply(session, row.id),
            since=row.created_at,
            liftable=_is_liftable(row) and not (hidden and row.newsletter_id is None),
        )
        for row, name in rows
    ]


def _is_listed(session: Session, key: str, newsletter_ids: Sequence[int]) -> bool:
    listed = (
        select(SubscriptionRow.subscriber_id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(SubscriberRow.address_key == key, SubscriptionRow.newsletter_id.in_(newsletter_ids))
    )
    return session.scalar(listed.limit(1)) is not None


def _is_liftable(row: SuppressionRow) -> bool:
    return row.address_key is not None and row.reason is not SuppressionReason.ERASED


def _reply(session: Session, suppression_id: int) -> str:
    reply = session.scalar(
        select(BounceRow.reply)
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(BounceDecisionRow.suppression_id == suppression_id)
        .limit(1)
    )
    return reply or ""


def find_suppression_row(session: Session, suppression_id: int) -> SuppressionRow:
    """Return a suppression that may be lifted.

    Raises:
        NotFoundError: No suppression has this id.
        ConflictError: The address was erased at its owner's request.
    """
    row = session.get(SuppressionRow, suppression_id)
    if row is None:
        raise NotFoundError(msg("This suppression no longer exists."))
    if not _is_liftable(row):
        raise ConflictError(
            msg("The person asked for this address to be erased; only they can subscribe again.")
        )
    return row


def lift_suppression(session: Session, suppression_id: int, *, reason: str) -> None:
    """Lift a suppression; the decisions about bounces that led to it are marked as undone.

    Raises:
        NotFoundError: No suppression has this id.
        ConflictError: The address was erased at its owner's request.
    """
    row = find_suppression_row(session, suppression_id)
    decisions = session.scalars(
        select(BounceDecisionRow).where(BounceDecisionRow.suppression_id == row.id)
    ).all()
    lift_suppressions(session, decisions, because=reason)
    remove_suppressions(session, [suppression_id])


def require_lifting(session: Session, rights: Rights, numbers: Iterable[int | None]) -> None:
    """Require the operator's role for the newsletters of suppressions.

    Raises:
        ForbiddenError: A suppression applies to a newsletter without this role, or to all.
    """
    scopes = select(SuppressionRow.newsletter_id).where(SuppressionRow.id.in_(list(numbers)))
    for newsletter_id in session.scalars(scopes):
        rights.require(Permission.SEE_SUBSCRIBERS, newsletter_id)


def lift_suppressions(
    session: Session, decisions: Sequence[BounceDecisionRow], *, because: str
) -> None:
    """Mark decisions as undone and remove the suppressions that they created."""
    suppressions = [one.suppression_id for one in decisions if one.suppression_id is not None]
    for decision in decisions:
        decision.undone_at, decision.undone_because = now(), because
        decision.suppression_id = None
    session.flush()
    remove_suppressions(session, suppressions)
