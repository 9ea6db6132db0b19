"""Results by variant: by subject of a trial, and by the parts that readers were shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow
from newsletter.database.vocabulary import BatchState, DeliveryState
from newsletter.mailings.ledger.tallies import StateCounts
from newsletter.mailings.planning.content import planned_conditions
from newsletter.mailings.planning.variants import (
    VariantName,
    differ_by_language,
    met_in,
    subject_in,
    with_subject,
)
from newsletter.mailings.trials.subjects import LETTERS, find_trial
from subscribers.fields.store import list_fields
from subscribers.segments.wording import labels_of


@dataclass(frozen=True, kw_only=True, slots=True)
class VariantReport:
    """The results of a mailing's variants.

    Attributes:
        by_subject: Counts by the subject's letter and title, in order; the last entry, without a
            name, is for readers who wait for the decision. Empty without a trial.
        by_parts: Counts by the conditions that readers meet, the largest first; empty if all
            readers get the same parts.
    """

    by_subject: Sequence[tuple[str, StateCounts]]
    by_parts: Sequence[tuple[VariantName, StateCounts]]


def report_variants(session: Session, mailing_id: int) -> VariantReport:
    """Count the results of a mailing by variant."""
    trial, conditions = find_trial(session, mailing_id), planned_conditions(session, mailing_id)
    if trial is None and not conditions:
        return VariantReport(by_subject=(), by_parts=())
    # Joined by batch: the deliveries of a batch have consecutive positions.
    counted = session.execute(
        select(BatchRow.variant, BatchRow.state, DeliveryRow.state, func.count())
        .join(
            DeliveryRow,
            (DeliveryRow.mailing_id == BatchRow.mailing_id)
            & DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
        )
        .where(BatchRow.mailing_id == mailing_id)
        .group_by(BatchRow.variant, BatchRow.state, DeliveryRow.state)
    )
    subjects: dict[int, Counter[DeliveryState]] = {}
    parts: dict[int, Counter[DeliveryState]] = {}
    waiting = len(LETTERS)
    for variant, batch, state, count in counted:
        subject = waiting if batch is BatchState.HELD else subject_in(variant)
        subjects.setdefault(subject, Counter())[state] += count
        parts.setdefault(with_subject(variant, 0), Counter())[state] += count
    titles = [subject["title"] for subject in trial.subjects] if trial else []
    by_subject = [
        (f"{letter} {title}", subjects.get(place, Counter()))
        for place, (letter, title) in enumerate(zip(LETTERS, titles, strict=False))
    ]
    if trial and waiting in subjects:
        by_subject.append(("", subjects[waiting]))
    mailing = session.get_one(MailingRow, mailing_id)
    labels = labels_of(list_fields(session, mailing.newsletter_id)) if conditions else ()
    largest = sorted(parts.items(), key=lambda each: (-each[1].total(), each[0]))
    return VariantReport(
        by_subject=by_subject,
        by_parts=[
            (
                VariantName(met_in(conditions, number), labels, differ_by_language(conditions)),
                counts,
            )
            for number, counts in largest
            if conditions
        ],
    )
