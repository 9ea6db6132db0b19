"""The policy: when a newsletter stops sending to an address, and the count of bounces in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import assert_never

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, details_of
from newsletter.bounces.model import SENDER_FAULTS
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    DeliveryRow,
    FeedbackPolicyRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import EDITIONS, BounceKind, DeliveryState, FeedbackAction
from newsletter.edit_conflicts import merge_changes
from newsletter.errors import ListError, Place
from newsletter.feedback.attribution import AttributionProof
from newsletter.i18n.messages import Message, msg

#: Maximum values of a policy.
MOST_SOFT, MOST_DAYS = 100, 730


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackPolicy:
    """When a newsletter stops sending; see `FeedbackPolicyRow` for the fields."""

    soft_limit: int = 5
    soft_days: int = 60
    complaint_everywhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The input of the policy.

    Attributes:
        known: Whether the subscriber is known and not erased.
        streak: Number of mailings in a row with a soft bounce, including this one.
    """

    kind: BounceKind
    reason: str
    proof: AttributionProof
    known: bool
    streak: int = 0


def decide(case: Case, policy: FeedbackPolicy) -> FeedbackAction:
    """Return the consequence of one bounce that is not part of a wave.

    An unproven bounce can be written by anybody: it is displayed and has no consequence. A
    reader's own mail waits for an operator.
    """
    is_forged = case.proof is AttributionProof.FORGED
    is_readers = case.kind in {BounceKind.REQUEST, BounceKind.ANSWER}
    if not is_readers and (is_forged or not case.known):
        return FeedbackAction.FORGED if is_forged else FeedbackAction.UNMATCHED
    if case.kind is BounceKind.REQUEST or case.kind is BounceKind.ANSWER or not case.proof.holds:
        return FeedbackAction.ASKED if is_readers else FeedbackAction.NOTED
    match case.kind:
        case BounceKind.HARD | BounceKind.COMPLAINT:
            return FeedbackAction.SUPPRESSED
        case BounceKind.UNSUBSCRIBE:
            return FeedbackAction.UNSUBSCRIBED
        case BounceKind.SOFT if counts_towards_limit(case.reason):
            full = case.streak >= policy.soft_limit
            return FeedbackAction.SUPPRESSED if full else FeedbackAction.COUNTED
        case BounceKind.SOFT | BounceKind.DELAY | BounceKind.AUTO_REPLY | BounceKind.UNKNOWN:
            return FeedbackAction.NOTED
        case _:
            assert_never(case.kind)


def counts_towards_limit(reason: str) -> bool:
    """Return whether a soft bounce for this reason counts towards the limit."""
    return reason not in SENDER_FAULTS


def load_policies(session: Session, newsletter_ids: Sequence[int]) -> dict[int, FeedbackPolicy]:
    """Return the stored policies by newsletter."""
    rows = session.scalars(
        select(FeedbackPolicyRow).where(FeedbackPolicyRow.newsletter_id.in_(newsletter_ids))
    )
    return {row.newsletter_id: _policy(row) for row in rows}


def load_policy(session: Session, newsletter_id: int) -> FeedbackPolicy:
    """Return a newsletter's policy, or the default."""
    row = session.get(FeedbackPolicyRow, newsletter_id)
    return FeedbackPolicy() if row is None else _policy(row)


def set_policy(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    policy: FeedbackPolicy,
    *,
    shown: str = "",
) -> None:
    """Set a newsletter's policy; a change is recorded in the audit log.

    ``shown`` is the state that the form displayed; see `newsletter.edit_conflicts`.

    Raises:
        ListError: A number is out of range.
        EditConflictError: Somebody else changed the same field.
    """
    # The policy may have no row yet, so concurrent changes are serialised by the newsletter's row.
    # That row is selected here because ``newsletter`` may belong to another session.
    waited_for = select(NewsletterRow.id).where(NewsletterRow.id == newsletter.id)
    session.execute(waited_for.with_for_update(key_share=True)).one()
    kept = load_policy(session, newsletter.id)
    policy = merge_changes(shown, policy, kept).require()
    if policy == kept:
        return
    save_policy(session, newsletter.id, policy)
    record_event(
        session,
        actor,
        Action.POLICY_SET,
        object=f"newsletter {newsletter.slug}",
        newsletter_id=newsletter.id,
        details=details_of(asdict(policy)),
    )


def find_policy_faults(policy: FeedbackPolicy) -> dict[str, Message]:
    """Return what is wrong with a policy, by field."""
    return {
        field: msg("It must be between 1 and {most}.", most=most)
        for field, value, most in (
            ("soft_limit", policy.soft_limit, MOST_SOFT),
            ("soft_days", policy.soft_days, MOST_DAYS),
        )
        if not 1 <= value <= most
    }


def save_policy(session: Session, newsletter_id: int, policy: FeedbackPolicy) -> None:
    """Store a newsletter's policy.

    Raises:
        ListError: A number is out of range.
    """
    for field, fault in find_policy_faults(policy).items():
        raise ListError(fault, place=Place(field=field))
    session.merge(
        FeedbackPolicyRow(
            newsletter_id=newsletter_id,
            soft_limit=policy.soft_limit,
            soft_days=policy.soft_days,
            complaint_everywhere=policy.complaint_everywhere,
        )
    )


def _policy(row: FeedbackPolicyRow) -> FeedbackPolicy:
    return FeedbackPolicy(
        soft_limit=row.soft_limit,
        soft_days=row.soft_days,
        complaint_everywhere=row.complaint_everywhere,
    )


#: Days for which a relay may retry. Before that, the absence of a bounce does not prove arrival.
_GRACE_DAYS = 5


def count_streaks(session: Session, subscriber_id: int, days: int) -> int:
    """Return the number of issues within ``days`` that bounced since the last one that arrived.

    Only proven bounces of issues count, because anybody can have a notice sent to an address.
    Bounces that an operator excused or undid, or that are the sender's fault, do not count.
    """
    since = now() - timedelta(days=days)
    arrived = session.scalar(
        select(func.max(DeliveryRow.mailing_id)).where(
            DeliveryRow.subscriber_id == subscriber_id,
            DeliveryRow.state == DeliveryState.ACCEPTED,
            DeliveryRow.settled_at < now() - timedelta(days=_GRACE_DAYS),
            ~exists().where(
                BounceRow.subscriber_id == subscriber_id,
                BounceRow.mailing_id == DeliveryRow.mailing_id,
                BounceRow.proven,
                BounceRow.kind.in_((BounceKind.HARD, BounceKind.SOFT)),
            ),
        )
    )
    spared = exists().where(
        BounceDecisionRow.bounce_id == BounceRow.id,
        BounceDecisionRow.undone_at.is_not(None)
        | BounceDecisionRow.action.in_((FeedbackAction.EXCUSED, FeedbackAction.HELD)),
    )
    count = session.scalar(
        select(func.count(func.distinct(BounceRow.mailing_id)))
        .join(MailingRow, MailingRow.id == BounceRow.mailing_id)
        .where(
            MailingRow.kind.in_(EDITIONS),
            BounceRow.subscriber_id == subscriber_id,
            BounceRow.proven,
            BounceRow.kind.in_((BounceKind.HARD, BounceKind.SOFT)),
            BounceRow.reason.not_in([reason.value for reason in SENDER_FAULTS]),
            BounceRow.occurred_at >= since,
            BounceRow.mailing_id > (arrived or 0),
            ~spared,
        )
    )
    return count or 0
