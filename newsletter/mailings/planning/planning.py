"""Planning: write a mailing's audience into the ledger, in one transaction and only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    case,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.states import moving_mailings
from newsletter.database.tables import (
    BatchRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SubjectTrialRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    BatchState,
    DeliveryState,
    MailingKind,
    MailingState,
)
from newsletter.errors import NewsletterError
from newsletter.mailings.corrections.copies import uncorrected_leave
from newsletter.mailings.digests.entries import set_aside
from newsletter.mailings.ledger.schedule import due_in
from newsletter.mailings.planning.audience import audience
from newsletter.mailings.planning.content import COMMON
from newsletter.mailings.planning.variants import (
    MOST_IN_DIGEST,
    MOST_VARIANTS,
    VariantsMissingError,
    clause_beside_queries,
    missing_variants,
    render_missing,
    require_few,
    variant_column,
)
from newsletter.mailings.trials.subjects import (
    UNDECIDED,
    find_trial,
    frames_of,
    trial_column,
)
from subscribers.segments.saved import require_fields

#: The SQLSTATE of PostgreSQL's serialization failures.
_SERIALIZATION_FAILURE = "40001"
#: Seconds between two batches of a mailing that is distributed over time.
_SPREAD_STEP_SECONDS = 30
#: The number of batches of a small mailing, so that several workers can share it.
_SHARES = 8
_SMALLEST_BATCH = 50


def plan_mailing(engine: Engine, mailing_id: int) -> int:
    """Write the audience into the ledger and start the mailing; return the number of deliveries.

    If the process is killed, nothing is written; running it again, or twice at the same time, has
    no further effect. People are counted and inserted by several statements, which read one
    snapshot of the database: a person who joined in between would be in no batch.

    Raises:
        ListError: The segment is not valid, or uses a field that was deleted.
    """
    try:
        return _plan(engine, mailing_id, MailingState.PLANNING)
    except DBAPIError as error:
        # Another transaction planned, paused or cancelled the mailing before our lock.
        if getattr(error.orig, "sqlstate", None) != _SERIALIZATION_FAILURE:
            raise
        return 0


def plan_restored(engine: Engine) -> None:
    """Plan the mailings that were due when the database was set back, and keep them paused.

    They may have been sent already. Journals are restored into deliveries, so these must exist.
    """
    with reading(engine) as session:
        unplanned = session.scalars(
            select(MailingRow.id).where(
                MailingRow.state == MailingState.PAUSED,
                MailingRow.restored,
                MailingRow.started_at.is_(None),
            )
        ).all()
    for mailing_id in unplanned:
        with suppress(NewsletterError):
            _plan(engine, mailing_id, MailingState.PAUSED)


def _plan(engine: Engine, mailing_id: int, state: MailingState) -> int:
    """Plan a mailing; before that, render the variants that its readers need.

    Rendering happens outside the snapshot. People who join or change meanwhile may need other
    variants, so the check is repeated inside the snapshot.
    """
    while True:
        try:
            return _plan_rendered(engine, mailing_id, state)
        except VariantsMissingError as missing:
            if not render_missing(engine, mailing_id, missing.numbers):
                return 0


def _plan_rendered(engine: Engine, mailing_id: int, state: MailingState) -> int:
    with transaction(engine, of_one_instant=True, long=True) as session:
        mailing = session.scalars(
            select(MailingRow)
            .where(MailingRow.id == mailing_id, MailingRow.state == state)
            .where(MailingRow.started_at.is_(None))
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if mailing is None:
            return 0
        if mailing.kind is MailingKind.CORRECTION and uncorrected_leave(session, mailing):
            # Some readers need a variant that is not rendered yet.
            return 0
        started_at = now()
        newsletter = session.get_one(NewsletterRow, mailing.newsletter_id)
        require_fields(session, newsletter.id, _queries(mailing))
        people = audience(mailing, time_zone=newsletter.time_zone)
        variant = None
        if mailing.conditions is not None:
            variant = variant_column(
                mailing.conditions, newsletter.id, time_zone=newsletter.time_zone
            )
        trial = find_trial(session, mailing.id)
        if trial is not None:
            subject = trial_column(mailing.identity, trial)
            variant = subject if variant is None else variant + subject
        if variant is None and not mailing.local_hour:
            # One wave and one variant: no need to count first, which would read the list twice.
            planned = _snapshot(session, mailing, people, (), variant)
            waves: Sequence[_Wave] = [
                _Wave(zones=(), due_at=started_at, variants=((COMMON, planned),))
            ]
        else:
            waves = _waves(session, mailing, people, newsletter.time_zone, started_at, variant)
            if trial is not None:
                waves = _with_trial(waves, trial, started_at)
            is_digest = mailing.kind is MailingKind.DIGEST
            _require_variants(session, mailing.id, _needed(waves, trial), is_digest=is_digest)
            planned = _snapshot(session, mailing, people, waves, variant)
        _cut_batches(session, mailing, waves, started_at)
        set_aside(session, mailing, time_zone=newsletter.time_zone)
        mailing.planned = planned
        if state is MailingState.PLANNING:
            session.execute(
                moving_mailings(MailingState.SENDING, sources={state}).where(
                    MailingRow.id == mailing.id
                )
            )
        mailing.started_at = started_at
        return planned


def _queries(mailing: MailingRow) -> list[str]:
    """Return the queries of a mailing: its segment and its variants' conditions."""
    conditions = mailing.conditions or []
    return [mailing.segment, *(each for each in conditions if clause_beside_queries(each) is None)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wave:
    """The part of the audience whose messages become due at the same time.

    Attributes:
        variants: Pairs of a variant's number and its readers' count, ordered by number.
        trial: Whether they are in the trial of subjects, whose mail is sent at once.
        held: Whether their mail waits until the subject is chosen.
    """

    zones: tuple[str, ...]
    due_at: datetime
    variants: Sequence[tuple[int, int]]
    trial: bool = False
    held: bool = False

    @property
    def size(self) -> int:
        """The number of people."""
        return sum(size for _variant, size in self.variants)


def _waves(
    session: Session,
    mailing: MailingRow,
    people: Select[int],
    time_zone: str,
    started_at: datetime,
    variant: ColumnElement[int] | None,
) -> Sequence[_Wave]:
    """Group the audience by due time: one group, or one per time zone."""
    hour = datetime.fromisoformat(mailing.local_hour) if mailing.local_hour else None
    zones: dict[datetime, list[str]] = {}
    variants: dict[datetime, Counter[int]] = {}
    for zone, number, size in _groups(session, people, variant):
        # In zones where the hour has passed already, messages are due at once.
        due_at = max(due_in(zone, hour, fallback=time_zone), started_at) if hour else started_at
        zones.setdefault(due_at, []).append(zone)
        variants.setdefault(due_at, Counter())[number] += size
    return [
        _Wave(
            zones=tuple(dict.fromkeys(zones[due_at])),
            due_at=due_at,
            variants=sorted(variants[due_at].items()),
        )
        for due_at in sorted(zones)
    ]


def _groups(
    session: Session, people: Select[int], variant: ColumnElement[int] | None
) -> Sequence[tuple[str, int, int]]:
    """Count the audience by time zone and variant."""
    if variant is None:
        counted = people.with_only_columns(SubscriptionRow.time_zone, literal(COMMON), func.count())
        rows = session.execute(counted.group_by(SubscriptionRow.time_zone))
    else:
        each = people.with_only_columns(
            SubscriptionRow.time_zone.label("zone"), variant.label("variant")
        ).subquery()
        rows = session.execute(
            select(each.c.zone, each.c.variant, func.count()).group_by(each.c.zone, each.c.variant)
        )
    return [(zone, number, size) for zone, number, size in rows]


def _with_trial(
    waves: Sequence[_Wave], trial: SubjectTrialRow, started_at: datetime
) -> Sequence[_Wave]:
    """Split a wave into those in the trial and those who wait for its decision."""
    groups = [group for wave in waves for group in wave.variants]
    inside = [(number, size) for number, size in groups if number < UNDECIDED]
    rest = [(number - UNDECIDED, size) for number, size in groups if number >= UNDECIDED]
    return [
        _Wave(zones=(), due_at=started_at, variants=inside, trial=True),
        _Wave(zones=(), due_at=max(trial.decide_at, started_at), variants=rest, held=True),
    ]


def _needed(waves: Sequence[_Wave], trial: SubjectTrialRow | None) -> frozenset[int]:
    """Return the numbers of all variants that readers of these waves may get."""
    numbers = frozenset(number for wave in waves for number, _size in wave.variants)
    return numbers if trial is None else frames_of(trial, numbers)


def _require_variants(
    session: Session, mailing_id: int, needed: frozenset[int], *, is_digest: bool
) -> None:
    if needed <= {COMMON}:
        return
    require_few(len(needed), most=MOST_IN_DIGEST if is_digest else MOST_VARIANTS)
    if missing := missing_variants(session, mailing_id, needed):
        raise VariantsMissingError(mailing_id, missing)


def _snapshot(
    session: Session,
    mailing: MailingRow,
    people: Select[int],
    waves: Sequence[_Wave],
    variant: ColumnElement[int] | None,
) -> int:
    order: list[ColumnElement[int]] = [SubscriberRow.id.expression]
    if variant is not None:
        order.insert(0, variant)
    if mailing.local_hour and len(waves) > 1:
        rank = {zone: number for number, wave in enumerate(waves) for zone in wave.zones}
        order.insert(0, case(rank, value=SubscriptionRow.time_zone, else_=len(waves)))
    numbered = people.with_only_columns(
        literal(mailing.id),
        func.row_number().over(order_by=order),
        SubscriberRow.id,
        literal(DeliveryState.QUEUED.value),
        literal(0),
        literal(0),
    ).order_by(*order)
    columns = ["mailing_id", "position", "subscriber_id", "state", "attempts", "breaks"]
    rows = insert(DeliveryRow).from_select(columns, numbered, include_defaults=False)
    counted = {"preserve_rowcount": True}
    return session.connection().execute(rows, execution_options=counted).rowcount


def _cut_batches(
    session: Session, mailing: MailingRow, waves: Sequence[_Wave], started_at: datetime
) -> None:
    numbers = count(1)
    first = 1
    batches = []
    for wave in waves:
        ranges: list[tuple[int, int, int]] = []
        batch_size = _batch_size(mailing, wave.size)
        for variant, size in wave.variants:
            ranges += [(variant, *ends) for ends in _ranges(first, size, batch_size)]
            first += size
        spread = timedelta() if wave.trial else timedelta(seconds=mailing.spread_seconds)
        step = spread / max(len(ranges), 1)
        batches += [
            {
                "mailing_id": mailing.id,
                "number": next(numbers),
                "first_position": start,
                "last_position": end,
                "state": BatchState.HELD if wave.held else BatchState.PENDING,
                "due_at": (due_at := wave.due_at + place * step),
                "variant": variant,
                # A mail program sorts by the date, and filters distrust mail that is hours old.
                "dated_at": due_at if due_at > started_at else None,
            }
            for place, (variant, start, end) in enumerate(ranges)
        ]
    if batches:
        session.execute(insert(BatchRow), batches)


def _batch_size(mailing: MailingRow, people: int) -> int:
    size = min(mailing.batch_size, max(_SMALLEST_BATCH, -(-people // _SHARES)))
    if mailing.spread_seconds:
        steps = max(1, mailing.spread_seconds // _SPREAD_STEP_SECONDS)
        size = min(size, max(1, -(-people // steps)))
    return size


def _ranges(first: int, people: int, size: int) -> Iterator[tuple[int, int]]:
    end = first + people - 1
    for start in range(first, end + 1, size):
        yield start, min(start + size - 1, end)
