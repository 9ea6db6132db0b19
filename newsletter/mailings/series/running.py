"""Series in motion: activated, changed while active, paused, resumed, ended, and tried out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, rights_of_actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.addresses import Address
from newsletter.database.states import moving_series
from newsletter.database.tables import (
    MailingRow,
    NewsletterRow,
    SeriesEnrolmentRow,
    SeriesMailingRow,
    SeriesRow,
    SeriesStepRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    EnrolmentEnd,
    MailingState,
    SeriesState,
    SeriesTrigger,
    SubscriptionState,
)
from newsletter.database.words import name_of
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import get_draft
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.mailings import cancel_mailing, pause_mailing, resume_mailing
from newsletter.mailings.orders.readiness import check_draft
from newsletter.mailings.orders.test_mails import queue_test
from newsletter.mailings.series.actions import hold_series, hold_step, record
from newsletter.mailings.series.due import day_of
from newsletter.mailings.series.standing import open_version
from newsletter.mailings.series.steps import find_step, list_steps
from newsletter.mailings.series.writers import writers_since_effect
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.segments.compile import segment_clause
from subscribers.series.enrolment import end_enrolments, enrol, event_at, is_greeted
from subscribers.suppression import is_suppressed

_PAUSED = msg("The series is paused.")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCheck:
    """A step with what preflight finds in its issue."""

    step: SeriesStepRow
    title: str
    preflight: Preflight
    newsletter: NewsletterRow

    @property
    def digest(self) -> str:
        """What tells the step's mail from every other; empty where there is none."""
        rendered = self.preflight.rendered
        return content_digest(self.newsletter, rendered) if rendered else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What activating a series would do, for whoever is to confirm it.

    Attributes:
        members: How many would be enrolled at once, of those who were there before.
        eligible: To how many its condition applies now.
        needs_other: Whether issues need a second person's approval, and whoever asks wrote one.
    """

    series: SeriesRow
    checks: Sequence[StepCheck]
    members: int
    eligible: int
    needs_other: bool

    @property
    def blocked(self) -> bool:
        """Whether a step's issue cannot be sent as it is, or there is none."""
        return not self.checks or any(each.preflight.blocked for each in self.checks)

    @property
    def digest(self) -> str:
        """What tells the mails of its steps from all others."""
        return _digest_of(self.checks)


def _digest_of(checks: Iterable[StepCheck]) -> str:
    return sha256("".join(each.digest for each in checks).encode()).hexdigest()


def review_activation(
    session: Session,
    newsletter: NewsletterRow,
    series: SeriesRow,
    settings: Settings,
    *,
    actor: Actor,
    joined_since: date | None = None,
) -> Activation:
    """Return what activating a series would do.

    Args:
        session: The database.
        newsletter: Whose series.
        series: Which.
        settings: Where templates lie, and how the site is called.
        actor: Who asks.
        joined_since: From which day on whoever joined is enrolled, too; None for nobody.

    Raises:
        ListError: The condition can be read no more.
    """
    steps = list_steps(session, series.id)
    return Activation(
        series=series,
        checks=[_check(session, newsletter, step, settings) for step in steps],
        members=count_members(session, newsletter, series, joined_since) if joined_since else 0,
        eligible=count_members(session, newsletter, series, None),
        needs_other=any(_needs_other(session, actor, newsletter, step) for step in steps),
    )


def read_step(
    session: Session, newsletter: NewsletterRow, step_id: int, settings: Settings
) -> RenderedIssue | None:
    """Return a step's mail as it stands; None where its issue cannot be rendered.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: Its issue was deleted.
    """
    step = find_step(session, newsletter.id, step_id)
    return _check(session, newsletter, step, settings).preflight.rendered


def digest_of_step(
    session: Session, newsletter: NewsletterRow, step: SeriesStepRow, settings: Settings
) -> str:
    """Return what tells a step's mail as it stands from every other.

    Raises:
        ConflictError: Its issue was deleted.
    """
    return _digest_of([_check(session, newsletter, step, settings)])


def activate(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series_id: int,
    settings: Settings,
    *,
    revision: int | None,
    digest: str | None = None,
    joined_since: date | None = None,
) -> int:
    """Put a series and its steps into effect; return how many members were enrolled at once.

    Args:
        session: The transaction.
        actor: Who does it.
        newsletter: Whose series.
        series_id: Which.
        settings: Where templates lie, and how the site is called.
        revision: The series' as the caller saw it; None for whichever.
        digest: Of the mails that were looked at, of an `Activation`; None for whatever they say.
        joined_since: From which day on whoever joined is enrolled, too; None for nobody.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is no draft, has no step, preflight found errors in one, this person
            wrote what needs another's approval, or somebody changed it or a mail meanwhile.
        ForbiddenError: This person may not send, or approve where issues need it.
        ListError: A condition can be read no more.
    """
    _demand_right(session, actor, newsletter)
    series = hold_series(session, newsletter.id, series_id, revision=revision)
    steps = list_steps(session, series.id)
    if not steps:
        raise ConflictError(
            msg("The series has no step."), remedy=msg("Add at least one, and write its issue.")
        )
    _put_into_effect(session, actor, newsletter, series, steps, settings, digest)
    _move(session, series, SeriesState.ACTIVE, sources={SeriesState.DRAFT})
    series.activated_on = day_of(now(), newsletter.time_zone)
    session.flush()
    enrolled = _enrol(session, newsletter, series, joined_since) if joined_since else 0
    record(
        session, actor, Action.SERIES_ACTIVATE, series, {"steps": len(steps), "enrolled": enrolled}
    )
    return enrolled


def apply_step(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    step_id: int,
    settings: Settings,
    *,
    revision: int | None,
    digest: str | None = None,
) -> None:
    """Put what a step's issue says now into effect, for whoever comes to it from now on.

    Args:
        session: The transaction.
        actor: Who does it.
        newsletter: Whose series.
        step_id: Which step.
        settings: Where templates lie, and how the site is called.
        revision: The series' as the caller saw it; None for whichever.
        digest: Of `digest_of_step`, as the caller saw it; None for whatever it says.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series is a draft or has ended, preflight found errors, or somebody
            changed it or the issue meanwhile.
        ForbiddenError: As `activate`.
    """
    _demand_right(session, actor, newsletter)
    series, step = hold_step(session, newsletter.id, step_id, revision=revision)
    if series.state is SeriesState.DRAFT:
        raise ConflictError(msg("The series is not active."), remedy=msg("Activate it."))
    _put_into_effect(session, actor, newsletter, series, [step], settings, digest)
    series.revision += 1
    record(
        session, actor, Action.SERIES_STEP_APPLY, series, {"step": step.id, "version": step.version}
    )


def pause_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Let a series send nothing for now; what happens to readers still enrols them.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not active, or somebody changed it meanwhile.
    """
    _demand_control(session, actor, newsletter_id)
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    _move(session, series, SeriesState.PAUSED)
    for mailing in _mailings(session, series, {MailingState.SENDING}):
        pause_mailing(session, mailing.id, reason=_PAUSED)
    record(session, actor, Action.SERIES_PAUSE, series)


def resume_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> None:
    """Let a paused series go on; a step that was due over a week ago is passed over.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not paused, or somebody changed it meanwhile.
    """
    _demand_control(session, actor, newsletter_id)
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    _move(session, series, SeriesState.ACTIVE, sources={SeriesState.PAUSED})
    for mailing in _mailings(session, series, {MailingState.PAUSED}):
        if mailing.halt_reason == _PAUSED:
            resume_mailing(session, mailing.id)
    record(session, actor, Action.SERIES_RESUME, series)


def end_series(
    session: Session, actor: Actor, newsletter_id: int, series_id: int, *, revision: int | None
) -> int:
    """End a series for good; return for how many readers it ended before its last step.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is a draft or has ended, or somebody changed it meanwhile.
    """
    _demand_control(session, actor, newsletter_id)
    series = hold_series(session, newsletter_id, series_id, revision=revision)
    _move(session, series, SeriesState.ENDED)
    for mailing in _mailings(session, series, {MailingState.SENDING, MailingState.PAUSED}):
        cancel_mailing(session, mailing.id)
    ended = end_enrolments(
        session,
        SeriesEnrolmentRow.series_id == series.id,
        because=EnrolmentEnd.SERIES_ENDED,
    )
    record(session, actor, Action.SERIES_END, series, {"readers": ended})
    return ended


def enrol_members(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series_id: int,
    *,
    joined_since: date,
    revision: int | None,
) -> int:
    """Enrol members of before, from the first step on, who were not; return how many.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: It is not active, dates begin it, or somebody changed it meanwhile.
    """
    _demand_right(session, actor, newsletter)
    series = hold_series(session, newsletter.id, series_id, revision=revision)
    if series.state is not SeriesState.ACTIVE:
        raise ConflictError(msg("The series is not active."), remedy=msg("Activate it."))
    enrolled = _enrol(session, newsletter, series, joined_since)
    series.revision += 1
    record(
        session,
        actor,
        Action.SERIES_ENROL,
        series,
        {"since": joined_since.isoformat(), "enrolled": enrolled},
    )
    return enrolled


def count_members(
    session: Session, newsletter: NewsletterRow, series: SeriesRow, joined_since: date | None
) -> int:
    """Count the members whom `enrol_members` would enrol now; of all times when no day is given."""
    return (
        session.scalar(
            select(func.count())
            .select_from(SubscriptionRow)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .join(SeriesRow, SeriesRow.newsletter_id == SubscriptionRow.newsletter_id)
            .where(
                SubscriptionRow.state == SubscriptionState.CONFIRMED,
                *_members(newsletter, series, joined_since),
            )
        )
        or 0
    )


def send_step_test(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    step_id: int,
    addresses: Sequence[Address],
    settings: Settings,
    pseudonyms: Pseudonyms,
) -> int:
    """Queue a test mail of a step's issue as it stands; return its mailing's number.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: It cannot be rendered; or see `queue_test`.
    """
    series, step = hold_step(session, newsletter.id, step_id)
    check = _check(session, newsletter, step, settings)
    if check.preflight.rendered is None:
        raise ConflictError(
            msg("The issue cannot be turned into an email; see the preflight results.")
        )
    mailing_id = queue_test(
        session, newsletter, check.title, check.preflight.rendered, addresses, pseudonyms
    )
    record(
        session,
        actor,
        Action.SERIES_TEST,
        series,
        {"step": step.id, "mailing": mailing_id, "recipients": len(addresses)},
    )
    return mailing_id


def _check(
    session: Session, newsletter: NewsletterRow, step: SeriesStepRow, settings: Settings
) -> StepCheck:
    if step.draft_id is None:
        raise ConflictError(
            msg("The issue of a step was deleted."), remedy=msg("Remove the step, or add another.")
        )
    draft = get_draft(session, newsletter.id, step.draft_id)
    draft = replace(draft, issue=replace(draft.issue, undated=True))
    return StepCheck(
        step=step,
        title=draft.issue.title,
        preflight=check_draft(draft, newsletter, settings),
        newsletter=newsletter,
    )


def _put_into_effect(
    session: Session,
    actor: Actor,
    newsletter: NewsletterRow,
    series: SeriesRow,
    steps: Sequence[SeriesStepRow],
    settings: Settings,
    digest: str | None,
) -> None:
    """Put what the issues of steps say now into effect, if that is what was looked at."""
    checks = [_check(session, newsletter, step, settings) for step in steps]
    if digest not in {None, _digest_of(checks)}:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=msg("Reload the page."),
        )
    for check in checks:
        _demand_second_person(session, actor, newsletter, check.step)
        rendered = _sound(check)
        open_version(
            session, newsletter, series, check.step, rendered, batch_size=settings.batch_size
        )


def _sound(check: StepCheck) -> RenderedIssue:
    if check.preflight.blocked or check.preflight.rendered is None:
        raise ConflictError(
            msg("Preflight found errors in “{title}”.", title=check.title),
            remedy=msg("Open the issue, and correct them first."),
        )
    return check.preflight.rendered


def needed_to_run(newsletter: NewsletterRow) -> Permission:
    """Return what a newsletter asks of whoever puts steps into effect or enrols members.

    A series mails by itself from then on: it takes who may send, or, where issues need approval,
    who may approve.
    """
    return Permission.APPROVE if newsletter.approval_required else Permission.SEND


def _demand_right(session: Session, actor: Actor, newsletter: NewsletterRow) -> None:
    rights_of_actor(session, actor).demand(needed_to_run(newsletter), newsletter.id)


def _demand_control(session: Session, actor: Actor, newsletter_id: int) -> None:
    rights_of_actor(session, actor).demand(Permission.CONTROL_MAILINGS, newsletter_id)


def _demand_second_person(
    session: Session, actor: Actor, newsletter: NewsletterRow, step: SeriesStepRow
) -> None:
    """Refuse, where issues need approval, what the actor wrote themselves."""
    if _needs_other(session, actor, newsletter, step):
        raise ConflictError(
            msg("This newsletter’s issues need a second person’s approval."),
            remedy=msg("It must be put into effect by an approver who did not write it."),
        )


def _needs_other(
    session: Session, actor: Actor, newsletter: NewsletterRow, step: SeriesStepRow
) -> bool:
    """Return whether somebody wrote what is not in effect yet, and another must approve it."""
    return newsletter.approval_required and actor.name in writers_since_effect(session, step)


def _move(
    session: Session,
    series: SeriesRow,
    target: SeriesState,
    *,
    sources: set[SeriesState] | None = None,
) -> None:
    moved = session.scalar(
        moving_series(target, sources=sources)
        .where(SeriesRow.id == series.id)
        .values(halt_reason=None)
        .returning(SeriesRow.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise ConflictError(
            msg(
                "The series is in the state “{state}”; it cannot go to “{target}”.",
                state=name_of(series.state),
                target=name_of(target),
            )
        )
    session.refresh(series)


def _mailings(
    session: Session, series: SeriesRow, states: set[MailingState]
) -> Sequence[MailingRow]:
    return session.scalars(
        select(MailingRow)
        .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
        .join(SeriesStepRow, SeriesStepRow.id == SeriesMailingRow.step_id)
        .where(SeriesStepRow.series_id == series.id, MailingRow.state.in_(states))
        .order_by(MailingRow.id)
    ).all()


def _enrol(
    session: Session, newsletter: NewsletterRow, series: SeriesRow, joined_since: date
) -> int:
    if series.trigger is SeriesTrigger.DATE:
        raise ConflictError(
            msg("Dates begin this series; nobody is enrolled before theirs."),
        )
    people = (
        select(SubscriptionRow.subscriber_id)
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .join(SeriesRow, SeriesRow.newsletter_id == SubscriptionRow.newsletter_id)
        .where(*_members(newsletter, series, joined_since))
    )
    return enrol(
        session,
        literal(event_at(now())),
        SeriesRow.id == series.id,
        SubscriptionRow.subscriber_id.in_(people),
    )


def _members(
    newsletter: NewsletterRow, series: SeriesRow, joined_since: date | None
) -> tuple[ColumnElement[bool], ...]:
    members = [
        SeriesRow.id == series.id,
        ~is_greeted(),
        ~is_suppressed(SubscriberRow.address_key, newsletter.id),
        segment_clause(series.condition, newsletter.id, time_zone=newsletter.time_zone),
    ]
    if series.trigger is SeriesTrigger.TAG:
        members.append(
            exists().where(
                TagRow.newsletter_id == newsletter.id,
                TagRow.subscriber_id == SubscriptionRow.subscriber_id,
                TagRow.tag == series.subject,
            )
        )
    if joined_since is not None:
        zone = ZoneInfo(newsletter.time_zone)
        members.append(
            SubscriptionRow.confirmed_at >= datetime.combine(joined_since, time(), tzinfo=zone)
        )
    return tuple(members)
