"""Standing mailings: each version of a step is a mailing, to which due readers are added.

Limits, bounces, unsubscribing and reports apply as for other mailings. A standing mailing is
finished while it has no waiting deliveries, and is reopened when a reader is added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from newsletter.database.states import moving_mailings
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    DraftRow,
    MailingLinkRow,
    MailingRow,
    MailingVariantRow,
    NewsletterRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingKind,
    MailingState,
    UncertainPolicy,
)
from newsletter.i18n.messages import Message
from newsletter.mailings.mailings import freeze_content
from newsletter.mailings.planning.content import load_content, load_recipe, save_content
from newsletter.mailings.planning.variants import queries_of
from newsletter.message.identifiers import feedback_id
from newsletter.rendering.model import RenderedIssue


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRecipient:
    """A reader for whom a step is due, with their enrolment and variant."""

    enrolment_id: int
    subscriber_id: int
    variant: int


def open_version(
    session: Session,
    newsletter: NewsletterRow,
    series: SeriesRow,
    step: SeriesStepRow,
    rendered: RenderedIssue,
    *,
    batch_size: int,
) -> int:
    """Store a step's rendered issue as a new version, for readers who reach it from now on.

    Raises:
        ListError: The condition of a part is not valid.
    """
    draft = session.get_one(DraftRow, step.draft_id)
    mailing = _add_mailing(
        session,
        newsletter.id,
        title=str(draft.content.get("title") or series.name),
        summary=str(draft.content.get("preheader") or ""),
        conditions=queries_of(session, newsletter.id, rendered.variants.conditions)
        if rendered.variants
        else None,
        batch_size=batch_size,
    )
    freeze_content(session, mailing.id, newsletter, rendered, date=now(), kind=MailingKind.SERIES)
    step.version += 1
    step.draft_revision = draft.revision
    session.add(
        SeriesMailingRow(step_id=step.id, version=step.version, part=0, mailing_id=mailing.id)
    )
    session.flush()
    return mailing.id


def _add_mailing(
    session: Session,
    newsletter_id: int,
    *,
    title: str,
    summary: str,
    conditions: list[str] | None,
    batch_size: int,
) -> MailingRow:
    moment = now()
    row = MailingRow(
        newsletter_id=newsletter_id,
        kind=MailingKind.SERIES,
        state=MailingState.FINISHED,
        uncertain_policy=UncertainPolicy.ASK,
        title=title,
        summary=summary,
        conditions=conditions,
        batch_size=batch_size,
        started_at=moment,
        finished_at=moment,
    )
    session.add(row)
    session.flush()
    return row


def parts_of(session: Session, step: SeriesStepRow) -> Sequence[MailingRow]:
    """Return the standing mailings of a step's present version, in order."""
    return session.scalars(
        select(MailingRow)
        .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
        .where(SeriesMailingRow.step_id == step.id, SeriesMailingRow.version == step.version)
        .order_by(SeriesMailingRow.part)
    ).all()


def add_to_step(
    session: Session,
    step: SeriesStepRow,
    people: Sequence[StepRecipient],
    *,
    held_because: Message | None = None,
) -> dict[int, int]:
    """Add readers to a step's mailings; return the mailing of each, by enrolment.

    A mailing has one delivery per subscriber. A reader who got the step for an earlier event is
    added to the next mailing of the same version.

    Args:
        session: The database session, in the transaction that advances the enrolments.
        step: The step.
        people: The readers, each subscriber once.
        held_because: The reason for pausing the mailing; None to send.
    """
    placed: dict[int, int] = {}
    left = list(people)
    parts = list(parts_of(session, step))
    number = 0
    while left:
        if number == len(parts):
            parts.append(_add_part(session, step, parts[0].id, number))
        mailing = session.get_one(
            MailingRow, parts[number].id, with_for_update=True, populate_existing=True
        )
        number += 1
        if mailing.state is MailingState.CANCELLED:
            continue
        there = _present(session, mailing.id, [each.subscriber_id for each in left])
        fresh = [each for each in left if each.subscriber_id not in there]
        if fresh:
            _append(session, mailing, fresh)
            _let_flow(session, mailing, held_because)
            placed |= {each.enrolment_id: mailing.id for each in fresh}
        left = [each for each in left if each.subscriber_id in there]
    return placed


def _present(session: Session, mailing_id: int, people: Collection[int]) -> frozenset[int]:
    return frozenset(
        session.scalars(
            select(DeliveryRow.subscriber_id).where(
                DeliveryRow.mailing_id == mailing_id, DeliveryRow.subscriber_id.in_(people)
            )
        )
    )


def _append(session: Session, mailing: MailingRow, people: Sequence[StepRecipient]) -> None:
    """Append deliveries to a mailing, in batches of one variant each."""
    people = sorted(people, key=lambda each: (each.variant, each.subscriber_id))
    first = mailing.planned + 1
    session.execute(
        insert(DeliveryRow),
        [
            {
                "mailing_id": mailing.id,
                "position": first + place,
                "subscriber_id": each.subscriber_id,
                "state": DeliveryState.QUEUED,
            }
            for place, each in enumerate(people)
        ],
    )
    last_number = session.scalar(
        select(func.coalesce(func.max(BatchRow.number), 0)).where(BatchRow.mailing_id == mailing.id)
    )
    batches = []
    number = last_number or 0
    moment = now()
    for variant, size in sorted(Counter(each.variant for each in people).items()):
        for start in range(first, first + size, mailing.batch_size):
            number += 1
            batches.append(
                {
                    "mailing_id": mailing.id,
                    "number": number,
                    "first_position": start,
                    "last_position": min(start + mailing.batch_size, first + size) - 1,
                    "state": BatchState.PENDING,
                    # A time in the past, so that it stays due if the clock is set back.
                    "due_at": mailing.started_at or moment,
                    "dated_at": moment,
                    "variant": variant,
                }
            )
        first += size
    session.execute(insert(BatchRow), batches)
    mailing.planned += len(people)
    session.flush()


def _let_flow(session: Session, mailing: MailingRow, held_because: Message | None) -> None:
    """Reopen a finished mailing; a paused one stays paused."""
    finished = mailing.state is MailingState.FINISHED
    if finished:
        session.execute(
            moving_mailings(MailingState.SENDING, sources={MailingState.FINISHED})
            .where(MailingRow.id == mailing.id)
            .values(finished_at=None)
        )
    if finished and held_because is not None:
        session.execute(
            moving_mailings(MailingState.PAUSED, sources={MailingState.SENDING})
            .where(MailingRow.id == mailing.id)
            .values(halt_reason=held_because, restored=True)
        )
    session.refresh(mailing)


def _add_part(session: Session, step: SeriesStepRow, source_id: int, part: int) -> MailingRow:
    """Create another mailing of a version, with the same content."""
    source = session.get_one(MailingRow, source_id)
    mailing = _add_mailing(
        session,
        source.newsletter_id,
        title=source.title,
        summary=source.summary,
        conditions=source.conditions,
        batch_size=source.batch_size,
    )
    content = load_content(session, source_id)
    newsletter = session.get_one(NewsletterRow, source.newsletter_id)
    own_id = feedback_id(
        mailing=str(mailing.id),
        newsletter=newsletter.slug,
        kind="issue",
        domain=content.message_id_domain,
    )
    save_content(
        session,
        mailing.id,
        replace(content, identity=replace(content.identity, feedback_id=own_id)),
        load_recipe(session, source_id),
    )
    for table, kept in (
        (MailingVariantRow, ("variant", "payload")),
        (MailingLinkRow, ("number", "url")),
    ):
        columns = [getattr(table, name) for name in kept]
        rows = select(literal(mailing.id), *columns).where(table.mailing_id == source_id)
        session.execute(
            insert(table).from_select(["mailing_id", *kept], rows, include_defaults=False)
        )
    session.add(
        SeriesMailingRow(step_id=step.id, version=step.version, part=part, mailing_id=mailing.id)
    )
    session.flush()
    return mailing
