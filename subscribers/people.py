"""People by address, with or without a subscription."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.addresses import Address
from newsletter.database.insert import insert_missing
from newsletter.database.tables import SubscriberRow, SubscriptionRow
from newsletter.database.types import now


def find_person(session: Session, address: Address) -> SubscriberRow | None:
    """Return who has an address, if somebody does."""
    return session.scalars(
        select(SubscriberRow).where(SubscriberRow.address_key == address.key)
    ).one_or_none()


def find_or_add_person(session: Session, address: Address) -> SubscriberRow:
    """Return who has an address, added if need be; of two at once, both find the same person.

    It waits for an erasure that is under way, and the next waits for this transaction. Whoever must
    not bring back the erased asks `subscribers.suppression.erased_among` after it.
    """
    held = (
        select(SubscriberRow)
        .where(SubscriberRow.address_key == address.key)
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    while True:
        insert_missing(
            session,
            SubscriberRow,
            [
                {
                    "address": address.address,
                    "address_key": address.key,
                    "domain": address.domain,
                    "created_at": now(),
                }
            ],
        )
        # Nobody has it any more where an erasure ended in between.
        if (person := session.scalars(held).one_or_none()) is not None:
            return person


def hold_person(session: Session, subscriber_id: int) -> SubscriberRow | None:
    """Return somebody who cannot be erased before this transaction ends; None if they were.

    Whoever writes about a person holds them first: an erasure that is under way is waited for.
    """
    return session.scalars(
        select(SubscriberRow)
        .where(SubscriberRow.id == subscriber_id, SubscriberRow.address_key.is_not(None))
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def mark_changed(session: Session, newsletter_id: int, people: Collection[int]) -> None:
    """Note that a newsletter knows something else of people now which lies in another table.

    Undoing an import takes away, or takes back, only whom nobody changed since.
    """
    session.execute(
        update(SubscriptionRow)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id.in_(people),
        )
        .values(changed_at=now())
    )


def is_time_zone(name: str) -> bool:
    """Return whether a text is the IANA name of a time zone, or empty for the newsletter's."""
    return not name or name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def clean_name(text: str) -> str:
    """Return a name as it may be kept: printable, one line, at most 200 characters.

    A blank of any kind, such as the ideographic one between family and given name, is a space.
    """
    if not text.isprintable():
        text = "".join(filter(str.isprintable, " ".join(text.split())))
    return text.strip()[:200]
