"""Standing mailings: what a version of a step sends, and the ledger whoever is due is added to.

Each is a mailing like any other, so limits, bounces, leaving and reports hold for it. It is
finished whenever nobody waits in it, and flows again when somebody is added.
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
    """Whom a step is due for, by their enrolment, and with which parts of it."""

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
    """Freeze a step's issue as it is rendered now, for whoever comes to the step from now on.

    Raises:
        ListError: A condition of its parts is none.
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
    """Return the standing mailings of a step's present version, in their order."""
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
    """Add people to a step's mailings; return by enrolment which mailing they are in.

    Whoever is in a part already, for an earlier event, is added to the next.

    Args:
        session: Within the transaction that moves their enrolments on.
        step: Which.
        people: Each subscriber once.
        held_because: Why nothing of it may be sent yet; None lets it flow.
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
    """Write people into the ledger behind those who are there, in batches of one variant each."""
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
                    # Long since: it stays due when the clock is set back.
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
    """Let a mailing that had nobody left flow again; one that is held stays so."""
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
    """Open another mailing of a version, which sends the same."""
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
