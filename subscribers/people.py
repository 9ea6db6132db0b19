"""People: subscriber rows by address, and a person's record in a newsletter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.roles import Rights
from newsletter.addresses import Address
from newsletter.database.insert import insert_missing
from newsletter.database.tables import (
    BounceDecisionRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.errors import ListError, Place
from newsletter.i18n.messages import msg
from subscribers.suppression import lift_suppressions, remove_suppressions, require_lifting

#: How many characters a tag, and the basis of a consent, have at most, as their columns do.
LONGEST_TAG = LONGEST_BASIS = 64
NOT_A_TAG = msg("A tag has between 1 and {count} printable characters.", count=LONGEST_TAG)


def find_person(session: Session, address: Address) -> SubscriberRow | None:
    """Return the person with an address; None if there is none."""
    return session.scalars(
        select(SubscriberRow).where(SubscriberRow.address_key == address.key)
    ).one_or_none()


def find_or_add_person(session: Session, address: Address) -> SubscriberRow:
    """Return the person with an address, added if necessary; concurrent calls return the same one.

    This waits for erasures that run at the same time, and later erasures wait for this transaction.
    Callers must then check `subscribers.suppression.erased_among` if erased people are not to be
    added again.
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
        # The row may have lost its address by an erasure in between.
        if (person := session.scalars(held).one_or_none()) is not None:
            return person


def hold_person(session: Session, subscriber_id: int) -> SubscriberRow | None:
    """Lock and return a person, so that they cannot be erased meanwhile; None if they were erased.

    Transactions that write data about a person lock the person first, which waits for erasures.
    """
    return session.scalars(
        select(SubscriberRow)
        .where(SubscriberRow.id == subscriber_id, SubscriberRow.address_key.is_not(None))
        .with_for_update(read=True, key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def mark_changed(session: Session, newsletter_id: int, people: Collection[int]) -> None:
    """Update ``changed_at`` of people's subscriptions after a change in another table.

    Undoing an import affects only people who were not changed since.
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


def is_tag(text: str) -> bool:
    """Return whether a text may be a tag."""
    return 0 < len(text) <= LONGEST_TAG and text.isprintable()


def require_basis(basis: str) -> None:
    """Refuse a basis of consent that says nothing, or more than is kept.

    Raises:
        ListError: It is so; the place names its field.
    """
    if not basis.strip() or len(basis) > LONGEST_BASIS:
        raise ListError(
            msg("State the basis of consent, in up to {count} characters.", count=LONGEST_BASIS),
            place=Place(field="basis"),
            command=msg("State it with --basis."),
        )


def clean_name(text: str) -> str:
    """Return a name in the form for storing: printable, one line, at most 200 characters.

    All kinds of spaces, such as the ideographic one between family and given name, become a space.
    """
    if not text.isprintable():
        text = "".join(filter(str.isprintable, " ".join(text.split())))
    return text.strip()[:200]


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRecord:
    """The data about a person in one newsletter."""

    person: SubscriberRow
    subscription: SubscriptionRow
    tags: Sequence[str]
    suppressions: Sequence[SuppressionRow]


def standing_of(session: Session, newsletter_id: int, subscriber_id: int) -> PersonRecord | None:
    """Return a person's record in a newsletter; None if they are not on the list or were erased."""
    person = session.get(SubscriberRow, subscriber_id)
    relation = session.get(SubscriptionRow, (newsletter_id, subscriber_id))
    if person is None or relation is None or person.address_key is None:
        return None
    return PersonRecord(
        person=person,
        subscription=relation,
        tags=session.scalars(
            select(TagRow.tag)
            .where(TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == subscriber_id)
            .order_by(TagRow.tag)
        ).all(),
        suppressions=session.scalars(
            select(SuppressionRow).where(
                SuppressionRow.address_key == person.address_key,
                or_(
                    SuppressionRow.newsletter_id.is_(None),
                    SuppressionRow.newsletter_id == newsletter_id,
                ),
            )
        ).all(),
    )


def lift_from(session: Session, standing: PersonRecord, *, because: str, rights: Rights) -> None:
    """Lift a person's suppressions, and mark the decisions that caused them as undone.

    Raises:
        ForbiddenError: A suppression concerns newsletters that these rights do not include.
    """
    numbers = [row.id for row in standing.suppressions]
    require_lifting(session, rights, numbers)
    decisions = session.scalars(
        select(BounceDecisionRow).where(BounceDecisionRow.suppression_id.in_(numbers))
    ).all()
    lift_suppressions(session, decisions, because=because)
    remove_suppressions(session, numbers)
