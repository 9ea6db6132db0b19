"""Giving a tag to many people, or taking it from them: at once for few, by workers for more.

A page of people is one transaction, which says how far it has come: a worker that is killed leaves
none half done, another goes on after it, and nobody is given a tag twice. Whom an order reaches is
as its search finds them when their turn comes; who joins after it was given is not reached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Engine, Select, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
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

#: So many are done within the transaction that orders it; more are left to the workers.
AT_ONCE = 500
#: How many may be named one by one.
_MOST_NAMED = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class TagChange:
    """What is to be done: a tag is given, or (``given`` is false) taken away."""

    tag: str
    given: bool = True


def read_tag(text: str) -> str:
    """Return a tag as it is kept.

    Raises:
        ListError: It is empty, too long, or has characters that cannot be printed.
    """
    tag = text.strip()
    if not is_tag(tag):
        raise ListError(NOT_A_TAG, place=Place(field="tag"))
    return tag


def count_people(session: Session, newsletter: NewsletterRow, criteria: PeopleFilter) -> int:
    """Return how many people a search finds, whose segment is a query or the name of a saved one.

    Raises:
        ListError: Its segment is none.
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
    """Give a tag to people, or take it from them; workers do what is not done at once.

    Args:
        session: Within the transaction that does it.
        actor: Who does it.
        newsletter_id: Whose people they are; nobody else is reached.
        change: Which tag.
        whom: All whom a search finds, or people by their numbers.

    Raises:
        ListError: The tag or the segment is none, or nobody was chosen.
        NotFoundError: There is no such newsletter.
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
        order.terms = {"chosen": sorted(_demand_chosen(whom))}
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


def _demand_chosen(chosen: Collection[int]) -> set[int]:
    if not 0 < len(chosen) <= _MOST_NAMED:
        raise ListError(
            msg("Nobody was chosen.")
            if not chosen
            else msg("At most {count} people can be chosen one by one.", count=_MOST_NAMED),
            remedy=msg("Choose people in the list, or all whom a search finds."),
        )
    return set(chosen)


def next_tagging(engine: Engine) -> int | None:
    """Return the order that workers are to go on with next."""
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
    """Go on with an order page by page; return whether it came to the end.

    Any number of processes may do so at once, and each may end at any moment.
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
    """Return an order of a newsletter; None where it has none of that number any more."""
    order = session.get(TaggingRow, order_id)
    return order if order is not None and order.newsletter_id == newsletter_id else None


def taggings_to_show(
    session: Session, newsletter_id: int, ordered: int | None
) -> Sequence[TaggingRow]:
    """Return a newsletter's orders that workers are yet to finish, and the one just ordered."""
    return session.scalars(
        select(TaggingRow)
        .where(
            TaggingRow.newsletter_id == newsletter_id,
            or_(TaggingRow.finished_at.is_(None), TaggingRow.id == ordered),
        )
        .order_by(TaggingRow.id)
    ).all()


def list_tags(session: Session, newsletter_id: int, *, limit: int) -> Sequence[str]:
    """Return tags that a newsletter's people have, in their order, each found by one index seek."""
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
    """Select the numbers of those whom an order is yet to reach."""
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
    """Do the next page of an order that is held."""
    people = session.scalars(
        _found(session, newsletter, order)
        .order_by(SubscriptionRow.subscriber_id)
        .limit(AT_ONCE)
        # Whoever is being erased, changed, or taken off the list, is waited for.
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
        # What was searched for may be part of somebody's address.
        order.terms = {}
    session.flush()


def _give(session: Session, order: TaggingRow, people: Sequence[int]) -> Sequence[int]:
    """Give the tag; return who had it not, whose series begin."""
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
    """Return numbers of people as a page keeps them, so that a query finds one between commas."""
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
    """Write down who ordered it, for how many; not the words searched for, which may name one."""
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
