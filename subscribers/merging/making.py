"""Merging two people in one transaction, which applies the outcome that was shown, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.tables import (
    NewsletterRow,
    NoteRow,
    PersonMergeRow,
    SeriesRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    GrowthCause,
    SubscriptionState,
    UnsubscribeWay,
)
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from subscribers.address_changes import copy_tags, move_waiting_issues
from subscribers.fields.store import hold_group, newsletters_of_group
from subscribers.growth import count_readers
from subscribers.growth_log import log_growth
from subscribers.leaving import end_as, unsubscribe
from subscribers.mail_under_way import hold_mail, move_mail
from subscribers.merging.outlook import FIELD, Effect, MergeOutlook, NewsletterMerge, foresee_merge
from subscribers.series.enrolment import unite_enrolments
from subscribers.subscription_columns import CHOSEN, WITH_CONSENT
from subscribers.suppression import suppress


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeOrder:
    """The person who is kept, the person who is merged into them, and the choices made.

    Attributes:
        take: The names of the choices for which the value of the merged person is taken.
        revision: The revision of the outlook that was shown; None to accept any.
    """

    kept_id: int
    merged_id: int
    take: frozenset[str] = frozenset()
    revision: str | None = None


def merge_people(
    session: Session, actor: Actor, newsletter_id: int, order: MergeOrder
) -> MergeOutlook:
    """Merge one person into another, in all newsletters that share their fields.

    A merge cannot be undone. The second of two concurrent calls is refused.

    Args:
        session: The database session, in a transaction.
        actor: The account or command that merges.
        newsletter_id: The newsletter whose list both are on.
        order: The two people and the choices.

    Raises:
        NotFoundError: A person is not on the list, or was erased.
        ConflictError: The two are merged already, or are the same person; the outlook changed since
            it was shown; the kept person has not confirmed yet; or mail to them is being sent.
        ForbiddenError: See `foresee_merge`.
    """
    _hold(session, newsletter_id, order)
    outlook = foresee_merge(
        session, actor, newsletter_id, kept_id=order.kept_id, merged_id=order.merged_id
    )
    _require_possible(outlook, order)
    order = replace(order, take=order.take & {choice.name for choice in outlook.choices})
    group_id = session.get_one(NewsletterRow, newsletter_id).group_id
    session.add(
        PersonMergeRow(
            group_id=group_id,
            kept_id=order.kept_id,
            merged_id=order.merged_id,
            merged_by=actor.name,
        )
    )
    values = outlook.united_values(order.take)
    # A date that starts a series for the merged person also starts it for the kept one, if the date
    # is taken over.
    same = {key for key, value in outlook.merged_values.items() if values.get(key) == value}
    for part in outlook.parts:
        _merge_in(session, part, order, same)
    for row in _kept_rows(session, newsletter_id, order.kept_id):
        row.attributes = dict(values)
        # Undoing an import removes people who were not changed since the import.
        row.changed_at = now()
    session.flush()
    for part in outlook.parts:
        if part.merged is not None:
            _record(session, actor, part, order)
    return outlook


def _hold(session: Session, newsletter_id: int, order: MergeOrder) -> None:
    """Lock all rows that are read and changed, in the common order, which avoids deadlocks."""
    newsletters = newsletters_of_group(session, newsletter_id)
    people = (order.merged_id, order.kept_id)
    # The series are locked first, as in the task that plans their steps.
    session.execute(
        select(SeriesRow.id)
        .where(SeriesRow.newsletter_id.in_(newsletters))
        .order_by(SeriesRow.newsletter_id, SeriesRow.id)
        .with_for_update(key_share=True)
    )
    hold_mail(session, newsletters, people)
    hold_group(session, newsletter_id)
    session.execute(
        select(SubscriberRow)
        .where(SubscriberRow.id.in_(people))
        .order_by(SubscriberRow.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    # The merged person is locked first, as in an unsubscription by the link of an old mail.
    for number in people:
        session.execute(
            select(SubscriptionRow)
            .where(
                SubscriptionRow.subscriber_id == number,
                SubscriptionRow.newsletter_id.in_(newsletters),
            )
            .order_by(SubscriptionRow.newsletter_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )


def _require_possible(outlook: MergeOutlook, order: MergeOrder) -> None:
    if outlook.done:
        raise ConflictError(msg("These two are merged already."))
    if order.revision is not None and order.revision != outlook.revision:
        raise ConflictError(
            msg("Something of these two people changed meanwhile; nothing was merged."),
            remedy=msg("Read what will happen once more, and confirm it."),
        )
    waiting = [part for part in outlook.parts if part.effect is Effect.WAITS]
    if waiting:
        raise ConflictError(
            msg(
                "{address} has not confirmed the subscription to {newsletter} yet.",
                address=outlook.kept.address or "",
                newsletter=waiting[0].newsletter.name,
            ),
            remedy=msg("Keep the other address, or wait for the confirmation."),
        )


def _merge_in(
    session: Session, part: NewsletterMerge, order: MergeOrder, same: Collection[str]
) -> None:
    """Merge the data that one newsletter holds about the two people."""
    if part.merged is None:
        return
    number, kept_id, merged_id = part.newsletter.id, order.kept_id, order.merged_id
    row = _subscription(session, part, kept_id)
    if row is not None:
        _take_known(row, part.merged, order.take)
        session.flush()
        copy_tags(session, number, merged_id, kept_id)
        session.execute(
            update(NoteRow)
            .where(NoteRow.id.in_(part.notes))
            .values(subscriber_id=kept_id)
            .execution_options(synchronize_session=False)
        )
    if part.goes_on:
        unite_enrolments(session, number, merged_id, kept_id, same_fields=same)
        move_waiting_issues(session, number, merged_id, kept_id)
        move_mail(session, number, merged_id, kept_id)
    if part.suppression is not None:
        own = part.suppression.newsletter_id == number
        suppress(
            session,
            address_key=session.get_one(SubscriberRow, kept_id).address_key or "",
            reason=part.suppression.reason,
            newsletter_id=number,
            # The reason for a suppression in all newsletters may be confidential to another one.
            evidence=part.suppression.evidence if own else "",
        )
    if part.merged.state is not SubscriptionState.UNSUBSCRIBED:
        unsubscribe(
            session,
            newsletter_id=number,
            subscriber_id=merged_id,
            mailing_id=None,
            way=UnsubscribeWay.MERGE,
        )


def _subscription(session: Session, part: NewsletterMerge, kept_id: int) -> SubscriptionRow | None:
    """Return the subscription of the kept person after the rule was applied; None if none."""
    theirs, row = part.merged, part.kept
    assert theirs is not None  # noqa: S101 - the caller has checked it
    number = part.newsletter.id
    if part.effect is Effect.STAYS:
        return row
    if part.effect is Effect.LEAVES and row is not None:
        left_at = theirs.unsubscribed_at or now()
        end_as(session, number, kept_id, theirs.subscriber_id, left_at=left_at)
        return row
    if row is None:
        row = SubscriptionRow(newsletter_id=number, subscriber_id=kept_id)
        session.add(row)
        for name in CHOSEN:
            setattr(row, name, getattr(theirs, name))
    for name in WITH_CONSENT:
        setattr(row, name, getattr(theirs, name))
    session.flush()
    log_growth(session, number, GrowthCause.MERGE, count_readers(session, number, [kept_id]))
    return row


def _take_known(row: SubscriptionRow, theirs: SubscriptionRow, take: Collection[str]) -> None:
    """Take over the other's name and preferences that were chosen or that the kept one lacks."""
    for name in CHOSEN:
        value = getattr(theirs, name)
        if value and (name in take or not getattr(row, name)):
            setattr(row, name, value)


def _kept_rows(session: Session, newsletter_id: int, kept_id: int) -> Sequence[SubscriptionRow]:
    return session.scalars(
        select(SubscriptionRow)
        .where(
            SubscriptionRow.subscriber_id == kept_id,
            SubscriptionRow.newsletter_id.in_(newsletters_of_group(session, newsletter_id)),
        )
        .order_by(SubscriptionRow.newsletter_id)
    ).all()


def _record(session: Session, actor: Actor, part: NewsletterMerge, order: MergeOrder) -> None:
    details: dict[Detail, object] = {"merged": order.merged_id}
    if part.after is not None:
        details["state"] = part.after.value
    if order.take:
        details["fields"] = sorted(name.removeprefix(FIELD) for name in order.take)
    record_event(
        session,
        actor,
        Action.SUBSCRIBER_MERGE,
        object=f"subscriber {order.kept_id}",
        newsletter_id=part.newsletter.id,
        details=details,
    )
