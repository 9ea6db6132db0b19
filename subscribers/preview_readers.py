"""Finding people for previews: by the beginning of address or name, or by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from newsletter.addresses import as_kept
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState
from subscribers.search import begins_with


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundReader:
    """A person for a preview."""

    subscriber_id: int
    name: str
    address: str
    language: str


def find_readers(
    session: Session, newsletter_id: int, text: str, *, limit: int
) -> Sequence[FoundReader]:
    """Return confirmed subscribers by the beginning of address or name; exact matches first."""
    rows = session.execute(
        _readers(newsletter_id)
        .where(
            SubscriptionRow.state == SubscriptionState.CONFIRMED,
            begins_with(text),
        )
        .order_by(SubscriberRow.address_key != as_kept(text), SubscriberRow.address_key)
        .limit(limit)
    )
    return [_found_reader(*row) for row in rows]


def find_reader(session: Session, newsletter_id: int, subscriber_id: int) -> FoundReader | None:
    """Return a person of a newsletter; None for others and for erased people."""
    row = session.execute(
        _readers(newsletter_id).where(SubscriberRow.id == subscriber_id)
    ).one_or_none()
    return None if row is None else _found_reader(*row)


def find_reader_by_key(
    session: Session, newsletter_id: int, address_key: str
) -> FoundReader | None:
    """Return the person on a list with an address; None if there is none."""
    row = session.execute(
        _readers(newsletter_id).where(SubscriberRow.address_key == address_key)
    ).one_or_none()
    return None if row is None else _found_reader(*row)


def _readers(newsletter_id: int) -> Select[int, str, str | None, str]:
    return (
        select(
            SubscriberRow.id, SubscriptionRow.name, SubscriberRow.address, SubscriptionRow.language
        )
        .join_from(SubscriptionRow, SubscriberRow)
        .where(SubscriptionRow.newsletter_id == newsletter_id, SubscriberRow.address.is_not(None))
    )


def _found_reader(subscriber_id: int, name: str, address: str | None, language: str) -> FoundReader:
    return FoundReader(
        subscriber_id=subscriber_id, name=name, address=address or "", language=language
    )


def name_and_address(session: Session, newsletter_id: int, subscriber_id: int) -> tuple[str, str]:
    """Return the name and address of a person in a newsletter; unknown ones are empty."""
    person = session.get(SubscriberRow, subscriber_id)
    relation = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    return (relation.name if relation else "", (person.address or "") if person else "")
