"""Actions on series and their steps, each with its rules and audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.tables import (
    NewsletterRow,
    SeriesEnrolmentRow,
    SeriesRow,
    SeriesStepRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import FieldType, SeriesState, SeriesTrigger
from newsletter.errors import SEE_ANEW, ConflictError, ListError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Listing
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.model import Issue
from newsletter.issues.sources.reading import ReadIssue
from newsletter.mailings.planning.variants import condition_query
from newsletter.mailings.series.due import LONGEST_OFFSET, Timing, day_of
from newsletter.mailings.series.steps import list_steps, steps_in_effect
from subscribers.fields.store import list_fields
from subscribers.people import is_tag
from subscribers.series.enrolment import go_to_step

_LONGEST_NAME = 120
_MOST_STEPS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesPlan:
    """The name, start event and condition of a series; see `SeriesRow`.

    Attributes:
        condition: A query, or the name of a saved segment; empty for all subscribers.
    """

    name: str
    trigger: SeriesTrigger = SeriesTrigger.JOINED
    subject: str = ""
    yearly: bool = False
    offset_days: int = 0
    condition: str = ""


def add_series(
    session: Session, actor: Actor, newsletter: NewsletterRow, plan: SeriesPlan
) -> SeriesRow:
    """Create a series, as a draft that sends nothing.

    Raises:
        ListError: The name, the start event or the condition is not valid; the place names it.
        ConflictError: The name is taken.
    """
    row = SeriesRow(newsletter_id=newsletter.id)
    _write(session, newsletter, row, plan)
    session.add(row)
    session.flush()
    record(session, actor, Action.SERIES_ADD, row, {"name": row.name})
    return row


def change_series(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series_id: int,
    plan: SeriesPlan,
    *,
    revision: int | None,
) -> SeriesRow:
    """Change a series; after its activation, only the name and the condition can change.

    Raises:
        ListError: As for `add_series`.
        NotFoundError: The newsletter has no such series.
        ConflictError: Another person changed it meanwhile, the name is taken, or the start event of
            an activated series would change.
    """
    row = hold_series(session, newsletter.id, series_id, revision=revision)
    require_not_ended(row)
    before = (row.trigger, row.subject, row.yearly, row.offset_days)
    _write(session, newsletter, row, plan)
    after = (row.trigger, row.subject, row.yearly, row.offset_days)
    if row.state is not SeriesState.DRAFT and before != after:
        raise ConflictError(
            msg("What begins an active series does not change."),
            remedy=msg("End it, and create another."),
        )
    row.revision += 1
    record(
        session, actor, Action.SERIES_CHANGE, row, {"name": row.name, "condition": row.condition}
    )
    return row


def delete_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Delete a series that was never active; the issues of its steps remain as drafts.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series was active, or another person changed it meanwhile.
    """
    row = hold_series(session, newsletter_id, series_id, revision=revision)
    if row.state is not SeriesState.DRAFT:
        raise ConflictError(
            msg("A series that was active cannot be deleted."), remedy=msg("End it instead.")
        )
    record(session, actor, Action.SERIES_DELETE, row, {"name": row.name})
    session.execute(delete(SeriesStepRow).where(SeriesStepRow.series_id == row.id))
    session.delete(row)
    session.flush()


def add_step(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series_id: int,
    timing: Timing,
    *,
    title: str = "",
    written: ReadIssue | None = None,
    revision: int | None,
) -> SeriesStepRow:
    """Append a step, with a draft of its issue; readers get it only after it was put into effect.

    Args:
        session: The database session, in a transaction.
        actor: The person who adds it.
        newsletter: The series' newsletter.
        series_id: The series.
        timing: When the step follows the one before.
        title: The title of an issue that is still to be written.
        written: The issue, if it exists already.
        revision: The revision of the series that the caller saw; None for any.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series has ended, has too many steps, or was changed by another person
            meanwhile; or a step of a series by dates has no time of day.
        ListError: The title is missing.
    """
    row = hold_series(session, newsletter.id, series_id, revision=revision)
    require_not_ended(row)
    steps = list_steps(session, row.id)
    if len(steps) >= _MOST_STEPS:
        raise ConflictError(msg("A series has at most {limit} steps.", limit=_MOST_STEPS))
    _require_hour(row, timing)
    issue = written.issue if written else _empty_issue(newsletter, title)
    draft = create_draft(
        session,
        newsletter.id,
        issue,
        author=actor.name,
        template=written.template if written else "",
    )
    step = SeriesStepRow(
        series_id=row.id,
        position=max((each.position for each in steps), default=0) + 1,
        draft_id=draft.id,
        delay_days=timing.delay_days,
        hour=timing.hour,
        own_clock=timing.own_clock,
    )
    session.add(step)
    session.flush()
    row.revision += 1
    record(session, actor, Action.SERIES_STEP_ADD, row, {"step": step.id, "title": issue.title})
    return step


def _empty_issue(newsletter: NewsletterRow, title: str) -> Issue:
    title = "".join(filter(str.isprintable, title)).strip()
    if not title:
        raise ListError(msg("A title is missing."), place=Place(field="title"))
    today = day_of(now(), newsletter.time_zone)
    return Issue(title=title, issue_date=today, language=newsletter.language)


def change_step(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    step_id: int,
    timing: Timing,
    *,
    revision: int | None,
) -> None:
    """Change the timing of a step, also for readers who are waiting for it.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series has ended, or was changed by another person meanwhile; or a step
            of a series by dates has no time of day.
    """
    row, step = hold_step(session, newsletter_id, step_id, revision=revision)
    _require_hour(row, timing)
    step.delay_days, step.hour, step.own_clock = timing.delay_days, timing.hour, timing.own_clock
    row.revision += 1
    session.flush()
    session.execute(
        update(SeriesEnrolmentRow)
        .where(SeriesEnrolmentRow.step_id == step.id)
        .values(due_at=None, planned_for=None)
        .execution_options(synchronize_session=False)
    )
    record(
        session,
        actor,
        Action.SERIES_STEP_CHANGE,
        row,
        {"step": step.id, "days": timing.delay_days, "hour": timing.hour},
    )


def move_step(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    step_id: int,
    *,
    later: bool,
    revision: int | None,
) -> None:
    """Exchange a step with the one before or after it, if there is one.

    Readers who are waiting for a step get it next, and then the steps behind it that they have not
    got yet.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series has ended, or was changed by another person meanwhile.
    """
    row, step = hold_step(session, newsletter_id, step_id, revision=revision)
    steps = list(list_steps(session, row.id))
    at = [each.id for each in steps].index(step.id)
    to = at + (1 if later else -1)
    if not 0 <= to < len(steps):
        return
    steps[at], steps[to] = steps[to], steps[at]
    for position, each in enumerate(steps, 1):
        each.position = position
    row.revision += 1
    record(session, actor, Action.SERIES_STEP_MOVE, row, {"step": step.id, "position": to + 1})


def remove_step(
    session: Session, actor: Actor, newsletter_id: int, step_id: int, *, revision: int | None
) -> None:
    """Remove a step; readers who are waiting for it wait for the next one. Its draft remains.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series has ended, it is the only step of an active one, or it was changed
            by another person meanwhile.
    """
    row, step = hold_step(session, newsletter_id, step_id, revision=revision)
    effective = [each.id for each in steps_in_effect(session, row.id)]
    if row.state is not SeriesState.DRAFT and effective == [step.id]:
        raise ConflictError(
            msg("An active series needs a step."), remedy=msg("Add another first, or end it.")
        )
    following = effective[effective.index(step.id) + 1 :] if step.id in effective else []
    go_to_step(session, following[0] if following else None, SeriesEnrolmentRow.step_id == step.id)
    step.removed_at = now()
    row.revision += 1
    record(session, actor, Action.SERIES_STEP_REMOVE, row, {"step": step.id})


def hold_series(
    session: Session, newsletter_id: int, series_id: int, *, revision: int | None = None
) -> SeriesRow:
    """Lock a series' row until the transaction ends, and return it.

    Args:
        session: The database session, in a transaction.
        newsletter_id: The newsletter that the series must belong to.
        series_id: The series.
        revision: The revision that the caller saw; None for any.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: Another person changed it meanwhile.
    """
    row = session.scalars(
        select(SeriesRow)
        .where(SeriesRow.id == series_id, SeriesRow.newsletter_id == newsletter_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError(msg("There is no such series."))
    if revision not in {None, row.revision}:
        raise ConflictError(
            msg("Somebody else changed this series meanwhile."),
            remedy=SEE_ANEW,
        )
    return row


def hold_step(
    session: Session, newsletter_id: int, step_id: int, *, revision: int | None = None
) -> tuple[SeriesRow, SeriesStepRow]:
    """Lock the series of a step, which must not have ended, and return both.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series has ended, or was changed by another person meanwhile.
    """
    step = session.get(SeriesStepRow, step_id)
    if step is None or step.removed_at is not None:
        raise NotFoundError(msg("There is no such step."))
    row = hold_series(session, newsletter_id, step.series_id, revision=revision)
    session.refresh(step)
    require_not_ended(row)
    return row, step


def require_not_ended(row: SeriesRow) -> None:
    """Check that a series has not ended.

    Raises:
        ConflictError: The series has ended.
    """
    if row.state is SeriesState.ENDED:
        raise ConflictError(msg("This series has ended."), remedy=msg("Create another."))


def record(
    session: Session,
    actor: Actor,
    action: Action,
    row: SeriesRow,
    details: Mapping[Detail, object] | None = None,
) -> None:
    """Write an action on a series into the audit log."""
    record_event(
        session,
        actor,
        action,
        object=f"series {row.id}",
        newsletter_id=row.newsletter_id,
        details=details,
    )


def _require_hour(row: SeriesRow, timing: Timing) -> None:
    if row.trigger is SeriesTrigger.DATE and not timing.hour:
        raise ConflictError(
            msg("A step of a series that a date begins needs a time of day."),
            remedy=msg("Write it as 08:00."),
        )


def _write(session: Session, newsletter: NewsletterRow, row: SeriesRow, plan: SeriesPlan) -> None:
    name = "".join(filter(str.isprintable, plan.name)).strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ListError(
            msg("A series needs a name of at most {limit} characters.", limit=_LONGEST_NAME),
            place=Place(field="name"),
        )
    taken = session.scalar(
        select(SeriesRow.id).where(SeriesRow.newsletter_id == newsletter.id, SeriesRow.name == name)
    )
    if taken not in {None, row.id}:
        raise ConflictError(
            msg("There is already a series “{name}”.", name=name),
            place=Place(field="name"),
            remedy=msg("Choose another name."),
        )
    if abs(plan.offset_days) > LONGEST_OFFSET:
        raise ListError(
            msg("Choose up to {limit} days before or after the date.", limit=LONGEST_OFFSET),
            place=Place(field="offset_days"),
        )
    dated = plan.trigger is SeriesTrigger.DATE
    row.name, row.trigger = name, plan.trigger
    row.subject = _subject(session, newsletter.id, plan)
    row.yearly, row.offset_days = dated and plan.yearly, plan.offset_days if dated else 0
    row.condition = (
        condition_query(session, newsletter.id, plan.condition) if plan.condition.strip() else ""
    )


def _subject(session: Session, newsletter_id: int, plan: SeriesPlan) -> str:
    subject = plan.subject.strip()
    match plan.trigger:
        case SeriesTrigger.JOINED:
            return ""
        case SeriesTrigger.TAG:
            if not is_tag(subject):
                raise ListError(msg("Name the tag that begins it."), place=Place(field="subject"))
            return subject
        case SeriesTrigger.DATE:
            dates = {
                field.key
                for field in list_fields(session, newsletter_id)
                if field.type is FieldType.DATE
            }
            if subject not in dates:
                raise ListError(
                    msg("Choose a field that holds a date."),
                    place=Place(field="subject"),
                    remedy=msg("The choices are: {names}.", names=Listing(tuple(sorted(dates))))
                    if dates
                    else msg("First add such a field to the newsletter."),
                )
            return subject
