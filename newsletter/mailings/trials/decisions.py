"""Decisions between subjects: at the set time, or earlier by hand, and only once.

The numbers of clicks decide, by `decide`; it is not recorded who clicked. Storing the decision and
releasing the waiting batches is one transaction, so a round that is killed leaves both or neither,
and the next round continues.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_batches
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingOrderRow,
    MailingRow,
    SubjectTrialRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import BatchState, DeliveryState, MailingState, TrialVerdict
from newsletter.database.words import name_of
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.planning.variants import subject_in, with_subject
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.clicks import clicks_by_subject
from newsletter.mailings.trials.subjects import LETTERS, find_trial

#: The minimum probability for a decision by clicks.
CONFIDENCE = 0.95
#: The minimum average number of clicks per subject for a decision by clicks.
LEAST_CLICKS = 20
#: Steps of the numerical integral, and the standard deviations that it covers around each mean.
_STEPS = 2000
_DEVIATIONS = 9.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The recipients of a subject, and the clicks in their mails."""

    recipients: int
    clicks: int

    @property
    def rate(self) -> float:
        """Clicks per hundred recipients."""
        return 100 * self.clicks / self.recipients if self.recipients else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The index of the chosen subject, the reason, and each subject's probability."""

    chosen: int
    verdict: TrialVerdict
    probabilities: tuple[float, ...]


def decide(responses: Sequence[Response]) -> Decision:
    """Choose the subject whose probability reaches `CONFIDENCE`, or else the first."""
    probabilities = best_probabilities(responses)
    if sum(each.clicks for each in responses) < LEAST_CLICKS * len(responses):
        return Decision(chosen=0, verdict=TrialVerdict.FEW_CLICKS, probabilities=probabilities)
    best = max(range(len(responses)), key=probabilities.__getitem__)
    if probabilities[best] < CONFIDENCE:
        return Decision(chosen=0, verdict=TrialVerdict.NO_DIFFERENCE, probabilities=probabilities)
    return Decision(chosen=best, verdict=TrialVerdict.BEST, probabilities=probabilities)


def best_probabilities(responses: Sequence[Response]) -> tuple[float, ...]:
    """Return for each subject the probability that it has the highest rate; the sum is 1.

    Each rate has a beta distribution: uniform before the trial, and by Bayes' rule
    Beta(1 + clicks, 1 + recipients - clicks) after it.

    Clicks may exceed the number of recipients, for example if mail scanners follow links. They are
    capped at that number.
    """
    shapes = [(1 + clicks, 1 + people - clicks) for people, clicks in map(_bounded, responses)]
    low, high = _range(shapes)
    width = (high - low) / _STEPS
    places = [low + (step + 0.5) * width for step in range(_STEPS)]
    weights = [_weights(places, *shape) for shape in shapes]
    # Two rates within the same step: each is lower with probability 1/2.
    below = [
        [total - weight / 2 for total, weight in zip(accumulate(row), row, strict=True)]
        for row in weights
    ]
    probabilities = [
        math.fsum(
            weight * math.prod(row[step] for other, row in enumerate(below) if other != own)
            for step, weight in enumerate(weights[own])
        )
        for own in range(len(shapes))
    ]
    return tuple(each / math.fsum(probabilities) for each in probabilities)


def _bounded(response: Response) -> tuple[int, int]:
    return response.recipients, min(response.clicks, response.recipients)


def _range(shapes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the interval of rates that contains practically all of the distributions."""
    ends = []
    for a, b in shapes:
        mean = a / (a + b)
        reach = _DEVIATIONS * math.sqrt(mean * (1 - mean) / (a + b + 1))
        ends.append((mean - reach, mean + reach))
    return max(0.0, min(low for low, _ in ends)), min(1.0, max(high for _, high in ends))


def _weights(places: Sequence[float], a: int, b: int) -> list[float]:
    """Return the weight of Beta(a, b) at each step of the integral; the sum is 1."""
    logs = [(a - 1) * math.log(x) + (b - 1) * math.log1p(-x) for x in places]
    highest = max(logs)
    densities = [math.exp(each - highest) for each in logs]
    whole = math.fsum(densities)
    return [each / whole for each in densities]


def decide_due(engine: Engine) -> None:
    """Decide all due trials of mailings that are being sent."""
    with reading(engine) as session:
        due = session.scalars(
            select(SubjectTrialRow.mailing_id)
            .join(MailingRow, MailingRow.id == SubjectTrialRow.mailing_id)
            .where(_is_open(), SubjectTrialRow.decide_at <= now())
            .where(MailingRow.state == MailingState.SENDING)
        ).all()
    for mailing_id in due:
        with transaction(engine) as session:
            mailing = session.get_one(MailingRow, mailing_id, with_for_update=True)
            trial = session.get_one(SubjectTrialRow, mailing_id)
            if mailing.state is not MailingState.SENDING:
                continue
            responses = _responses(session, trial)
            decision = decide(responses)
            if _settle(session, mailing, trial, decision, responses):
                _record(session, mailing, decision)


def _is_open() -> ColumnElement[bool]:
    return SubjectTrialRow.decided_at.is_(None)


def choose_subject(session: Session, mailing_id: int, chosen: int, *, by: str) -> None:
    """Decide a trial by hand; the remaining messages are sent with the chosen subject at once.

    Args:
        session: The database session, in a transaction.
        mailing_id: The mailing's number.
        chosen: The index of the subject, from 0.
        by: The name of the person who decides.

    Raises:
        NotFoundError: The mailing has no trial, or no such subject.
        ConflictError: The trial is decided, was cancelled, or has not begun.
    """
    mailing = session.get(MailingRow, mailing_id, with_for_update=True)
    trial = find_trial(session, mailing_id)
    if mailing is None or trial is None:
        raise NotFoundError(msg("Mailing {mailing} compares no subjects.", mailing=mailing_id))
    if not 0 <= chosen < len(trial.subjects):
        raise NotFoundError(
            msg("Mailing {mailing} has no such subject.", mailing=mailing_id),
            remedy=msg("Choose one from A to {last}.", last=LETTERS[len(trial.subjects) - 1]),
        )
    if mailing.state not in {MailingState.SENDING, MailingState.PAUSED} or not mailing.started_at:
        raise ConflictError(
            msg(
                "Mailing {mailing} is “{state}”; its subject cannot be decided now.",
                mailing=mailing_id,
                state=name_of(mailing.state),
            )
        )
    responses = _responses(session, trial)
    decision = Decision(
        chosen=chosen,
        verdict=TrialVerdict.BY_HAND,
        probabilities=decide(responses).probabilities,
    )
    if not _settle(session, mailing, trial, decision, responses, by=by):
        raise ConflictError(
            msg("The subject of mailing {mailing} is decided already.", mailing=mailing_id)
        )


def _settle(
    session: Session,
    mailing: MailingRow,
    trial: SubjectTrialRow,
    decision: Decision,
    responses: Sequence[Response],
    *,
    by: str = "",
) -> bool:
    """Store a decision and release the waiting batches; return False if it was decided before."""
    moment = now()
    decided = session.scalar(
        update(SubjectTrialRow)
        .where(SubjectTrialRow.mailing_id == mailing.id, _is_open())
        .values(
            decided_at=moment,
            chosen=decision.chosen,
            verdict=decision.verdict,
            decided_by=by,
            results=[
                {"recipients": each.recipients, "clicks": each.clicks, "probability": probability}
                for each, probability in zip(responses, decision.probabilities, strict=True)
            ],
        )
        .returning(SubjectTrialRow.mailing_id)
        .execution_options(synchronize_session=False)
    )
    if decided is None:
        return False
    _release(session, mailing.id, decision.chosen, early=trial.decide_at - moment)
    if decision.chosen:
        subject = trial.subjects[decision.chosen]
        mailing.title = subject["title"]
        mailing.summary = subject["preheader"] or mailing.summary
    return True


def _release(session: Session, mailing_id: int, chosen: int, *, early: timedelta) -> None:
    """Release the waiting batches with a subject, ``early`` before their planned time."""
    held = (BatchRow.mailing_id == mailing_id) & (BatchRow.state == BatchState.HELD)
    if early > timedelta():
        # The batches of a distributed mailing have different due times.
        for due_at in session.scalars(select(BatchRow.due_at).where(held).distinct()).all():
            session.execute(
                update(BatchRow)
                .where(held, BatchRow.due_at == due_at)
                .values(due_at=due_at - early, dated_at=due_at - early)
                .execution_options(synchronize_session=False)
            )
    session.execute(
        moving_batches(BatchState.PENDING, sources={BatchState.HELD})
        .where(held)
        .values(variant=BatchRow.variant + with_subject(0, chosen))
        .execution_options(synchronize_session=False)
    )


def _record(session: Session, mailing: MailingRow, decision: Decision) -> None:
    """Write the decision into the audit log."""
    orderer = session.scalar(
        select(MailingOrderRow.orderer).where(MailingOrderRow.mailing_id == mailing.id)
    )
    record_event(
        session,
        Actor(account_id=None, name=orderer or "", door=""),
        Action.MAILING_DECIDE,
        object=f"mailing {mailing.id}",
        newsletter_id=mailing.newsletter_id,
        details={"subject": LETTERS[decision.chosen], "because": decision.verdict.value},
    )


def _responses(session: Session, trial: SubjectTrialRow) -> list[Response]:
    """Return recipients and clicks of each subject so far, within the trial."""
    size = func.count()
    # Joined by batch: the deliveries of a batch have consecutive positions.
    accepted = session.execute(
        select(BatchRow.variant, size)
        .join(
            DeliveryRow,
            (DeliveryRow.mailing_id == BatchRow.mailing_id)
            & DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
        )
        .where(BatchRow.mailing_id == trial.mailing_id, BatchRow.state != BatchState.HELD)
        .where(DeliveryRow.state == DeliveryState.ACCEPTED)
        .group_by(BatchRow.variant)
    )
    recipients: Counter[int] = Counter()
    for variant, count in accepted:
        recipients[subject_in(variant)] += count
    clicks = clicks_by_subject(session, trial.mailing_id)
    return [
        Response(recipients=recipients[subject], clicks=clicks.get(subject, 0))
        for subject in range(len(trial.subjects))
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedSubject:
    """A subject with its results.

    Attributes:
        response: Recipients and clicks within the trial, at the decision or until now.
        probability: The probability that it is the best; None before the decision.
        whole: Recipients and clicks in the whole mailing so far.
    """

    letter: str
    title: str
    preheader: str
    response: Response
    probability: float | None
    whole: Response


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialReport:
    """The state of a trial.

    Attributes:
        chosen: The index of the chosen subject; None before the decision.
    """

    share: int
    decide_at: datetime
    decided_at: datetime | None
    verdict: TrialVerdict | None
    decided_by: str
    chosen: ComparedSubject | None
    subjects: tuple[ComparedSubject, ...]


def report_trial(session: Session, mailing_id: int) -> TrialReport | None:
    """Return the state of a mailing's trial; None if it has none."""
    trial = find_trial(session, mailing_id)
    if trial is None:
        return None
    responses = _responses(session, trial)
    subjects = tuple(
        ComparedSubject(
            letter=LETTERS[place],
            title=subject["title"],
            preheader=subject["preheader"],
            response=_response_then(trial, place) or responses[place],
            probability=trial.results[place]["probability"] if trial.results else None,
            whole=responses[place],
        )
        for place, subject in enumerate(trial.subjects)
    )
    return TrialReport(
        share=trial.share,
        decide_at=trial.decide_at,
        decided_at=trial.decided_at,
        verdict=trial.verdict,
        decided_by=trial.decided_by,
        chosen=None if trial.chosen is None else subjects[trial.chosen],
        subjects=subjects,
    )


def trial_figure(session: Session, mailing_id: int, figures: Figures) -> TrialReport | None:
    """Return the result of `report_trial` from the cache of figures."""
    trial = find_trial(session, mailing_id)
    if trial is None:
        return None
    key = ("trial", mailing_id, trial.decided_at)
    return figures.of(session, key, lambda counting: report_trial(counting, mailing_id)).value


def _response_then(trial: SubjectTrialRow, place: int) -> Response | None:
    if trial.results is None:
        return None
    result = trial.results[place]
    return Response(recipients=int(result["recipients"]), clicks=int(result["clicks"]))
