"""Judge new bounces and carry out the decisions of the policy.

Two processes can run this at the same time: rows are locked in the order of their ids, so the
second process waits, and then finds the rows judged. If a process is killed, nothing was written,
because each chunk is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BounceDecisionRow,
    BounceRow,
    IncidentRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BounceKind,
    FeedbackAction,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.feedback.attribution import Attribution, Keys, attribute, find_owners
from newsletter.feedback.policy import Case, FeedbackPolicy, count_streaks, decide, load_policies
from newsletter.feedback.waves import WaveRule, find_waves, in_wave
from subscribers.leaving import unsubscribe
from subscribers.suppression import erased_among, lift_suppressions, suppress

_CHUNK = 500
_REASONS = {
    BounceKind.HARD: SuppressionReason.HARD_BOUNCE,
    BounceKind.SOFT: SuppressionReason.SOFT_BOUNCES,
    BounceKind.COMPLAINT: SuppressionReason.COMPLAINT,
}


def act_on_new_bounces(engine: Engine, keys: Keys, *, rule: WaveRule | None = None) -> int:
    """Judge a bounded number of bounces in one transaction; return how many were new.

    The search for their subscribers runs before the transaction, which would block other writers.
    """
    new = select(BounceRow).where(BounceRow.judged_at.is_(None)).order_by(BounceRow.id)
    with reading(engine) as session:
        found = session.scalars(new.limit(_CHUNK)).all()
        owners = find_owners(session, found, keys)
    if not found:
        return 0
    with transaction(engine) as session:
        seen = [row.id for row in found]
        rows = session.scalars(new.where(BounceRow.id.in_(seen)).with_for_update()).all()
        _judge(session, rows, keys, owners, rule or WaveRule())
    return len(rows)


def _judge(
    session: Session,
    rows: Sequence[BounceRow],
    keys: Keys,
    owners: Mapping[int, int],
    rule: WaveRule,
) -> None:
    attributions = attribute(session, rows, keys, owners)
    _store_attributions(session, rows, attributions)
    _forget_erased(session, rows, keys)
    # Unproven bounces can be written by anybody, so they are left out of the detection of waves.
    held, opened = find_waves(session, [row for row in rows if row.proven], rule)
    for incident in opened:
        _lift_for_wave(session, incident, rule)
    decide_rows(session, rows, attributions, held)


def decide_rows(
    session: Session,
    rows: Sequence[BounceRow],
    attributions: dict[int, Attribution],
    held: dict[int, int],
) -> None:
    """Decide on rows with a known attribution; rows in ``held`` wait for an operator."""
    subscribers = {row.subscriber_id for row in rows if row.subscriber_id is not None}
    newsletters = {row.newsletter_id for row in rows if row.newsletter_id is not None}
    policies = load_policies(session, sorted(newsletters))
    keys: dict[int, str] = {
        subscriber_id: key
        for subscriber_id, key in session.execute(
            select(SubscriberRow.id, SubscriberRow.address_key).where(
                SubscriberRow.id.in_(subscribers)
            )
        )
        if key is not None
    }
    for row in rows:
        policy = policies.get(row.newsletter_id or 0, FeedbackPolicy())
        _Verdict(
            session=session,
            row=row,
            attribution=attributions[row.id],
            policy=policy,
            address_key=keys.get(row.subscriber_id or 0),
            incident_id=held.get(row.id),
        ).carry_out()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verdict:
    session: Session
    row: BounceRow
    attribution: Attribution
    policy: FeedbackPolicy
    address_key: str | None
    incident_id: int | None

    def carry_out(self) -> None:
        row = self.row
        evidence: dict[str, object] = {"proof": self.attribution.proof.value}
        case = Case(
            kind=row.kind,
            reason=row.reason,
            proof=self.attribution.proof,
            known=self.address_key is not None,
            streak=self._streak(evidence),
        )
        action = FeedbackAction.HELD if self.incident_id else decide(case, self.policy)
        decision = BounceDecisionRow(
            bounce_id=row.id, action=action, evidence=evidence, incident_id=self.incident_id
        )
        if action is FeedbackAction.SUPPRESSED:
            self._suppress(decision)
        if action is FeedbackAction.UNSUBSCRIBED:
            decision.unsubscribed = self._unsubscribe(UnsubscribeWay.PROVIDER)
        row.judged_at = now()
        self.session.add(decision)

    def _streak(self, evidence: dict[str, object]) -> int:
        subscriber_id = self.row.subscriber_id
        if subscriber_id is None or not self.row.proven or self.row.kind is not BounceKind.SOFT:
            return 0
        self.session.flush()
        streak = count_streaks(self.session, subscriber_id, self.policy.soft_days)
        evidence |= {
            "in_a_row": streak,
            "limit": self.policy.soft_limit,
            "days": self.policy.soft_days,
        }
        return streak

    def _suppress(self, decision: BounceDecisionRow) -> None:
        row, key = self.row, self.address_key
        if key is None:
            return
        complaint = row.kind is BounceKind.COMPLAINT
        scope = row.newsletter_id if complaint and not self.policy.complaint_everywhere else None
        reason = _REASONS[row.kind]
        decision.suppression_id = suppress(
            self.session,
            address_key=key,
            reason=reason,
            newsletter_id=scope,
            evidence=f"bounce {row.id}: {row.status} {row.reply}".strip()[:500],
        )
        # This runs second: `suppress` locks all their subscriptions, in the order of the
        # newsletters.
        if complaint:
            decision.unsubscribed = self._unsubscribe(UnsubscribeWay.COMPLAINT)

    def _unsubscribe(self, way: UnsubscribeWay) -> bool:
        row = self.row
        if row.newsletter_id is None or row.subscriber_id is None:
            return False
        return unsubscribe(
            self.session,
            newsletter_id=row.newsletter_id,
            subscriber_id=row.subscriber_id,
            mailing_id=row.mailing_id,
            way=way,
        )


def _store_attributions(
    session: Session, rows: Sequence[BounceRow], attributions: dict[int, Attribution]
) -> None:
    """Store the attribution in the log, so that bounces can be searched and counted by it.

    A proven bounce is counted for the subscriber's own domain, whatever address the report names.
    """
    real = set(session.scalars(select(NewsletterRow.id)))
    people = {one.subscriber_id for one in attributions.values() if one.proof.holds}
    own = select(SubscriberRow.id, SubscriberRow.domain).where(SubscriberRow.id.in_(people))
    domains: dict[int, str] = {row[0]: row[1] for row in session.execute(own)}
    for row in rows:
        attribution = attributions[row.id]
        row.newsletter_id = attribution.newsletter_id if attribution.newsletter_id in real else None
        row.mailing_id, row.subscriber_id = attribution.mailing_id, attribution.subscriber_id
        row.proven = attribution.proof.holds and attribution.subscriber_id is not None
        own_domain = domains.get(attribution.subscriber_id or 0) if row.proven else None
        row.domain = own_domain or row.domain or row.address.rpartition("@")[2].lower()[:255]
    session.flush()


def _forget_erased(session: Session, rows: Sequence[BounceRow], keys: Keys) -> None:
    """Remove the address from a report that arrives after its owner was erased."""
    ids = {row.subscriber_id for row in rows if row.subscriber_id is not None}
    erased = set(
        session.scalars(
            select(SubscriberRow.id).where(
                SubscriberRow.id.in_(ids), SubscriberRow.address_key.is_(None)
            )
        )
    )
    addresses = {row.address.lower() for row in rows if row.address}
    known = erased_among(session, addresses, keys.signer.pseudonyms)
    for row in rows:
        if row.subscriber_id in erased or row.address.lower() in known:
            row.address = row.domain = row.reply = row.raw = ""
    session.flush()


def _lift_for_wave(session: Session, incident: IncidentRow, rule: WaveRule) -> None:
    """Undo the consequences of a wave's first bounces, which were judged before its detection."""
    decisions = session.scalars(
        select(BounceDecisionRow).where(
            BounceDecisionRow.bounce_id.in_(list(in_wave(session, incident, rule))),
            BounceDecisionRow.action.in_((FeedbackAction.SUPPRESSED, FeedbackAction.COUNTED)),
            BounceDecisionRow.undone_at.is_(None),
        )
    ).all()
    lift_suppressions(session, decisions, because=f"part of incident {incident.id}")
    for decision in decisions:
        session.add(
            BounceDecisionRow(
                bounce_id=decision.bounce_id,
                action=FeedbackAction.HELD,
                evidence=decision.evidence,
                incident_id=incident.id,
            )
        )


def decide_again(session: Session, incident: IncidentRow, keys: Keys) -> int:
    """Judge the bounces held by an incident one by one; return how many there were."""
    rows = session.scalars(
        select(BounceRow)
        .join(BounceDecisionRow, BounceDecisionRow.bounce_id == BounceRow.id)
        .where(
            BounceDecisionRow.incident_id == incident.id,
            BounceDecisionRow.action == FeedbackAction.HELD,
            BounceDecisionRow.undone_at.is_(None),
        )
        .order_by(BounceRow.id)
    ).all()
    session.execute(
        update(BounceDecisionRow)
        .where(
            BounceDecisionRow.incident_id == incident.id,
            BounceDecisionRow.action == FeedbackAction.HELD,
            BounceDecisionRow.undone_at.is_(None),
        )
        .values(undone_at=now(), undone_because="the incident was closed as genuine")
    )
    # Each row has stored its subscriber since it was held.
    decide_rows(session, rows, attribute(session, rows, keys, {}), {})
    return len(rows)
