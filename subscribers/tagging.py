"""Adding a tag to people or removing it: at once for few people, by workers for more.

Workers handle one page of people in one transaction, which also stores the progress. If a worker is
killed, another continues after the last page, and nobody is tagged twice. The search of an order is
evaluated page by page; people who join after the order was given are not included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Engine, Select, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    TaggingPageRow,
    TaggingRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from subscribers.people import NOT_A_TAG, is_tag, mark_changed
from subscribers.search import MatchedBy, PeopleFilter, find_match, matching_people
from subscribers.segments import saved
from subscribers.series.enrolment import note_tags

#: People tagged in the transaction of the order; workers handle larger orders.
AT_ONCE = 500
#: The largest number of people that an order can list by id.
_MOST_NAMED = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class TagChange:
    """A change of tags: a tag is added or, if ``given`` is false, removed."""

    tag: str
    given: bool = True


def read_tag(text: str) -> str:
    """Return a tag in the form in which it is stored.

    Raises:
        ListError: The tag is empty, too long, or has characters that cannot be printed.
    """
    tag = text.strip()
    if not is_tag(tag):
        raise ListError(NOT_A_TAG, place=Place(field="tag"))
    return tag


def count_people(session: Session, newsletter: NewsletterRow, criteria: PeopleFilter) -> int:
    """Return the number of people that a search finds; its segment is a query or a saved name.

    Raises:
        ListError: The segment is invalid.
    """
    query = saved.segment_text(session, newsletter.id, criteria.segment)
    criteria = replace(criteria, segment=query)
    found = matching_people(
        session, newsletter, criteria, find_match(session, newsletter, criteria)
    )
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def tag_people(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    change: TagChange,
    whom: PeopleFilter | Collection[int],
) -> TaggingRow:
    """Add a tag to people or remove it, at once or, for larger orders, by workers.

    Args:
        session: The database session, in a transaction.
        actor: The account or command that orders it.
        newsletter_id: The newsletter; people of other newsletters are ignored.
        change: The tag, and whether it is added.
        whom: A search, or the ids of people.

    Raises:
        ListError: The tag or the segment is invalid, or nobody was chosen.
        NotFoundError: The newsletter does not exist.
    """
    newsletter = session.get(NewsletterRow, newsletter_id)
    if newsletter is None:
        raise NotFoundError(msg("There is no such newsletter."))
    order = TaggingRow(
        newsletter_id=newsletter_id,
        tag=read_tag(change.tag),
        given=change.given,
        ordered_by=actor.name,
        last=session.scalar(select(func.max(SubscriberRow.id))) or 0,
    )
    if isinstance(whom, PeopleFilter):
        query = saved.segment_text(session, newsletter_id, whom.segment)
        settled = replace(whom, text=whom.text.strip(), tag=whom.tag.strip(), segment=query)
        match = find_match(session, newsletter, settled)
        order.terms = {**asdict(settled), "match": match.value}
    else:
        order.terms = {"chosen": sorted(_require_chosen(whom))}
    session.add(order)
    session.flush()
    whole = _found(session, newsletter, order)
    order.people = session.scalar(select(func.count()).select_from(whole.subquery())) or 0
    _record(session, actor, order)
    if order.people <= AT_ONCE:
        while order.finished_at is None:
            _go_on(session, newsletter, order)
    session.flush()
    return order


def _require_chosen(chosen: Collection[int]) -> set[int]:
    if not 0 < len(chosen) <= _MOST_NAMED:
        raise ListError(
            msg("Nobody was chosen.")
            if not chosen
            else msg("At most {count} people can be chosen one by one.", count=_MOST_NAMED),
            remedy=msg("Choose people in the list, or all whom a search finds."),
        )
    return set(chosen)


def next_tagging(engine: Engine) -> int | None:
    """Return the order that workers should continue next."""
    with reading(engine) as session:
        return session.scalar(
            select(TaggingRow.id)
            .where(TaggingRow.finished_at.is_(None))
            .order_by(TaggingRow.id)
            .limit(1)
        )


def run_tagging(
    engine: Engine, order_id: int, *, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Continue an order page by page; return whether it is finished.

    Any number of processes may call this at once, and each may be killed at any moment.
    """
    while not stopping():
        with transaction(engine) as session:
            order = session.scalars(
                select(TaggingRow)
                .where(TaggingRow.id == order_id, TaggingRow.finished_at.is_(None))
                .with_for_update()
            ).one_or_none()
            if order is None:
                return True
            newsletter = session.get_one(NewsletterRow, order.newsletter_id)
            _go_on(session, newsletter, order)
            if order.finished_at is not None:
                return True
    return False


def find_tagging(session: Session, newsletter_id: int, order_id: int) -> TaggingRow | None:
    """Return an order of a newsletter; None if the newsletter has no order of this id."""
    order = session.get(TaggingRow, order_id)
    return order if order is not None and order.newsletter_id == newsletter_id else None


def taggings_to_show(
    session: Session, newsletter_id: int, ordered: int | None
) -> Sequence[TaggingRow]:
    """Return a newsletter's unfinished orders, and the order that was just given."""
    return session.scalars(
        select(TaggingRow)
        .where(
            TaggingRow.newsletter_id == newsletter_id,
            or_(TaggingRow.finished_at.is_(None), TaggingRow.id == ordered),
        )
        .order_by(TaggingRow.id)
    ).all()


def list_tags(session: Session, newsletter_id: int, *, limit: int) -> Sequence[str]:
    """Return the first tags of a newsletter's people in order; each is found by one index seek."""
    found: list[str] = []
    while len(found) < limit:
        query = select(func.min(TagRow.tag)).where(TagRow.newsletter_id == newsletter_id)
        if found:
            query = query.where(TagRow.tag > found[-1])
        tag = session.scalar(query)
        if tag is None:
            break
        found.append(tag)
    return found


def _found(session: Session, newsletter: NewsletterRow, order: TaggingRow) -> Select[int]:
    """Select the ids of the people whom an order has not handled yet."""
    terms: dict[str, Any] = dict(order.terms)
    if "chosen" in terms:
        query = (
            select(SubscriptionRow.subscriber_id)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(
                SubscriptionRow.newsletter_id == newsletter.id,
                SubscriberRow.address_key.is_not(None),
                SubscriptionRow.subscriber_id.in_(terms["chosen"]),
            )
        )
    else:
        match = MatchedBy(terms.pop("match"))
        state = terms.pop("state")
        criteria = PeopleFilter(**terms, state=SubscriptionState(state) if state else None)
        query = matching_people(session, newsletter, criteria, match)
    return query.where(SubscriptionRow.subscriber_id.between(order.after + 1, order.last))


def _go_on(session: Session, newsletter: NewsletterRow, order: TaggingRow) -> None:
    """Handle the next page of an order whose row is locked."""
    people = session.scalars(
        _found(session, newsletter, order)
        .order_by(SubscriptionRow.subscriber_id)
        .limit(AT_ONCE)
        # This waits for transactions that erase or change these people.
        .with_for_update(key_share=True, of=(SubscriberRow, SubscriptionRow))
    ).all()
    if people:
        changed = (_give if order.given else _take)(session, order, people)
        order.changed += len(changed)
        if changed:
            mark_changed(session, order.newsletter_id, changed)
            session.add(
                TaggingPageRow(
                    tagging_id=order.id, last=people[-1], people=written_numbers(changed)
                )
            )
        order.done += len(people)
        order.after = people[-1]
    if len(people) < AT_ONCE:
        order.finished_at = now()
        # The searched text may be part of an address, so it is not kept.
        order.terms = {}
    session.flush()


def _give(session: Session, order: TaggingRow, people: Sequence[int]) -> Sequence[int]:
    """Add the tag; return the people who did not have it, whose series start."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(TagRow).values(
        [
            {"newsletter_id": order.newsletter_id, "subscriber_id": number, "tag": order.tag}
            for number in people
        ]
    )
    new = session.scalars(statement.on_conflict_do_nothing().returning(TagRow.subscriber_id)).all()
    note_tags(session, order.newsletter_id, new, [order.tag])
    return new


def written_numbers(people: Collection[int]) -> str:
    """Return ids of people as text for a row, each between commas so that a query can find it."""
    return f",{','.join(map(str, people))},"


def _take(session: Session, order: TaggingRow, people: Sequence[int]) -> Sequence[int]:
    return session.scalars(
        delete(TagRow)
        .where(
            TagRow.newsletter_id == order.newsletter_id,
            TagRow.tag == order.tag,
            TagRow.subscriber_id.in_(people),
        )
        .returning(TagRow.subscriber_id)
        .execution_options(synchronize_session=False)
    ).all()


def _record(session: Session, actor: Actor, order: TaggingRow) -> None:
    """Write the order to the audit log, without the searched text, which may name a person."""
    details: dict[Detail, object] = {"tags": [order.tag], "readers": order.people}
    if order.terms.get("segment"):
        details["segment"] = order.terms["segment"]
    if order.terms.get("state"):
        details["state"] = order.terms["state"]
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_TAG if order.given else Action.SUBSCRIBER_UNTAG,
        newsletter_id=order.newsletter_id,
        details=details,
    )
