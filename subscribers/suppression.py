"""Suppression: addresses that never get mail again, why they do not, and how that is lifted."""

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

#: So many hashes are read rather than asked for.
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
        The new suppression's id; None where there was one already.
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
    """Return the newsletters, each once a reader, that some addresses get mail of.

    Their subscriptions are held before they are asked: whoever leaves at the same moment would else
    be counted twice.
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
    """Remove suppressions; whoever gets mail again by it counts as joined by the staff."""
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
    """Return a condition, for use within a query, that an address is suppressed."""
    return exists().where(
        SuppressionRow.address_key == address_key,
        or_(SuppressionRow.newsletter_id.is_(None), SuppressionRow.newsletter_id == newsletter_id),
    )


def may_be_suppressed(session: Session | Connection, address_keys: Iterable[str]) -> bool:
    """Tell whether any of many addresses may be suppressed; where few are, whether one is."""
    first = session.scalars(
        select(SuppressionRow.address_key)
        .where(SuppressionRow.address_key.is_not(None))
        .limit(_FEW)
    ).all()
    return len(first) == _FEW or not frozenset(first).isdisjoint(address_keys)


def is_anybody_erased(session: Session) -> bool:
    """Tell whether there is anybody whom `erased_among` could find."""
    return bool(session.scalar(select(exists().where(SuppressionRow.address_hash.is_not(None)))))


def erased_among(
    session: Session | Connection, address_keys: Iterable[str], pseudonyms: Pseudonyms
) -> frozenset[str]:
    """Return which of up to some thousand addresses were erased on their owner's wish.

    No query can compute the keyed hash, so whoever adds people asks here first.
    """
    return erased_by_hash(session, lambda: pseudonyms.by_hash(address_keys))


def erased_by_hash(
    session: Session | Connection, by_hash: Callable[[], Mapping[str, str]]
) -> frozenset[str]:
    """Return which addresses were erased, given what makes their hashes where anybody was.

    Where few were erased, reading all of their hashes costs less than asking for each address's.
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
        newsletter: The newsletter that it holds for; empty for all.
        reply: What the bounce said that led to it.
        liftable: Whether it may be lifted: an erasure is its owner's wish.
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
    """Return what suppresses an address, the newest first.

    Args:
        session: Open for reading.
        address: As it was typed.
        pseudonyms: By which erased addresses are known.
        newsletter_ids: The newsletters of whoever asks; None for all. Of other newsletters they
            learn nothing: of what holds for all, only that it does, and only of an address that is
            on one of their own lists.

    Raises:
        ListError: It is no address.
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
        NotFoundError: There is none of that number, any more.
        ConflictError: The address was erased on its owner's wish.
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
    """Let an address get mail again; the bounces that led to it are marked as undone.

    Raises:
        NotFoundError: There is none of that number, any more.
        ConflictError: The address was erased on its owner's wish.
    """
    row = find_suppression_row(session, suppression_id)
    decisions = session.scalars(
        select(BounceDecisionRow).where(BounceDecisionRow.suppression_id == row.id)
    ).all()
    lift_suppressions(session, decisions, because=reason)
    remove_suppressions(session, [suppression_id])


def demand_lifting(session: Session, rights: Rights, numbers: Iterable[int | None]) -> None:
    """Refuse unless an operator's role is held wherever these suppressions hold.

    Raises:
        ForbiddenError: One of them holds elsewhere, or for all newsletters.
    """
    scopes = select(SuppressionRow.newsletter_id).where(SuppressionRow.id.in_(list(numbers)))
    for newsletter_id in session.scalars(scopes):
        rights.demand(Permission.SEE_SUBSCRIBERS, newsletter_id)


def lift_suppressions(
    session: Session, decisions: Sequence[BounceDecisionRow], *, because: str
) -> None:
    """Mark decisions as undone and remove the suppressions they made."""
    suppressions = [one.suppression_id for one in decisions if one.suppression_id is not None]
    for decision in decisions:
        decision.undone_at, decision.undone_because = now(), because
        decision.suppression_id = None
    session.flush()
    remove_suppressions(session, suppressions)
