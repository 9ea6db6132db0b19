"""Suppression: addresses that never get mail again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.tables import SuppressionRow
from newsletter.database.vocabulary import SuppressionReason
from newsletter.tokens import Pseudonyms


def suppress(
    session: Session,
    *,
    address_key: str,
    reason: SuppressionReason,
    newsletter_id: int | None = None,
    evidence: str = "",
) -> bool:
    """Suppress an address for one newsletter or (None) for all; return whether that was news."""
    query = select(SuppressionRow.id).where(
        SuppressionRow.address_key == address_key,
        SuppressionRow.newsletter_id.is_(None)
        if newsletter_id is None
        else SuppressionRow.newsletter_id == newsletter_id,
    )
    if session.scalar(query) is not None:
        return False
    session.add(
        SuppressionRow(
            address_key=address_key, reason=reason, newsletter_id=newsletter_id, evidence=evidence
        )
    )
    session.flush()
    return True


def is_suppressed(
    address_key: str | InstrumentedAttribute[str | None], newsletter_id: int
) -> ColumnElement[bool]:
    """Return a condition, for use within a query, that an address is suppressed."""
    return exists().where(
        SuppressionRow.address_key == address_key,
        or_(SuppressionRow.newsletter_id.is_(None), SuppressionRow.newsletter_id == newsletter_id),
    )


def erased_among(
    session: Session | Connection, address_keys: Iterable[str], pseudonyms: Pseudonyms
) -> frozenset[str]:
    """Return which of up to some thousand addresses were erased on their owner's wish.

    No query can compute the keyed hash, so whoever adds people asks here first.
    """
    by_hash = {hashed: key for key in address_keys for hashed in pseudonyms.all_of(key)}
    found = session.scalars(
        select(SuppressionRow.address_hash).where(SuppressionRow.address_hash.in_(by_hash))
    )
    return frozenset(by_hash[hashed] for hashed in found if hashed is not None)


def find_suppression(session: Session, address_key: str, newsletter_id: int | None) -> int | None:
    """Return the id of an address's suppression for one newsletter or (None) for all."""
    scope = (
        SuppressionRow.newsletter_id.is_(None)
        if newsletter_id is None
        else SuppressionRow.newsletter_id == newsletter_id
    )
    return session.scalar(
        select(SuppressionRow.id).where(SuppressionRow.address_key == address_key, scope)
    )
