"""Activation: check a series and its steps, test them, and put them into effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.addresses import Address
from newsletter.database.tables import (
    NewsletterRow,
    SeriesRow,
    SeriesStepRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    SeriesState,
)
from newsletter.errors import SEE_ANEW, ConflictError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import get_draft
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.orders.readiness import check_draft
from newsletter.mailings.orders.test_mails import queue_test
from newsletter.mailings.series.actions import hold_series, hold_step, record
from newsletter.mailings.series.due import day_of
from newsletter.mailings.series.running import (
    count_members,
    enrol_since,
    move_series,
    require_right_to_run,
)
from newsletter.mailings.series.standing import open_version
from newsletter.mailings.series.steps import find_step, list_steps, writers_since_effect
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCheck:
    """A step with the preflight of its issue."""

    step: SeriesStepRow
    title: str
    preflight: Preflight
    newsletter: NewsletterRow

    @property
    def digest(self) -> str:
        """The digest of the step's mail; empty without a mail."""
        rendered = self.preflight.rendered
        return content_digest(self.newsletter, rendered) if rendered else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """The effect of activating a series, shown for confirmation.

    Attributes:
        members: The number of present subscribers who would be enrolled at once.
        eligible: The number of subscribers who meet the condition now.
        needs_other: Whether approval by a second person is required, and this person wrote an issue
            of the series.
    """

    series: SeriesRow
    checks: Sequence[StepCheck]
    members: int
    eligible: int
    needs_other: bool

    @property
    def blocked(self) -> bool:
        """Whether the issue of a step is missing or cannot be sent."""
        return not self.checks or any(each.preflight.blocked for each in self.checks)

    @property
    def digest(self) -> str:
        """The digest of the mails of all steps."""
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
    """Return the effect of activating a series.

    Args:
        session: The database session.
        newsletter: The series' newsletter.
        series: The series.
        settings: The settings, for templates and the public URL.
        actor: The person who asks.
        joined_since: Subscribers who joined on this day or later are enrolled as well; None for
            nobody.

    Raises:
        ListError: The condition is not valid any more.
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
    """Return a step's present mail; None if its issue cannot be rendered.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: Its issue was deleted.
    """
    step = find_step(session, newsletter.id, step_id)
    return _check(session, newsletter, step, settings).preflight.rendered


def digest_of_step(
    session: Session, newsletter: NewsletterRow, step: SeriesStepRow, settings: Settings
) -> str:
    """Return the digest of a step's present mail.

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
    """Activate a series with its steps; return the number of members enrolled at once.

    Args:
        session: The database session, in a transaction.
        actor: The person who activates it.
        newsletter: The series' newsletter.
        series_id: The series.
        settings: The settings, for templates and the public URL.
        revision: The revision of the series that the caller saw; None for any.
        digest: The digest of the confirmed `Activation`; None for any.
        joined_since: Subscribers who joined on this day or later are enrolled as well; None for
            nobody.

    Raises:
        NotFoundError: The newsletter has no such series.
        ConflictError: The series is not a draft or has no step; preflight found errors; a second
            person has to approve; or another person changed the series or a mail meanwhile.
        ForbiddenError: This person may not send, or may not approve where approval is required.
        ListError: A condition is not valid any more.
    """
    require_right_to_run(session, actor, newsletter)
    series = hold_series(session, newsletter.id, series_id, revision=revision)
    steps = list_steps(session, series.id)
    if not steps:
        raise ConflictError(
            msg("The series has no step."), remedy=msg("Add at least one, and write its issue.")
        )
    _put_into_effect(session, actor, newsletter, series, steps, settings, digest)
    move_series(session, series, SeriesState.ACTIVE, sources={SeriesState.DRAFT})
    series.activated_on = day_of(now(), newsletter.time_zone)
    session.flush()
    enrolled = enrol_since(session, newsletter, series, joined_since) if joined_since else 0
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
    """Put the present issue of a step into effect, for readers who reach the step from now on.

    Args:
        session: The database session, in a transaction.
        actor: The person who does it.
        newsletter: The series' newsletter.
        step_id: The step.
        settings: The settings, for templates and the public URL.
        revision: The revision of the series that the caller saw; None for any.
        digest: The result of `digest_of_step` that the caller saw; None for any.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The series is a draft or has ended, preflight found errors, or another person
            changed the series or the issue meanwhile.
        ForbiddenError: As for `activate`.
    """
    require_right_to_run(session, actor, newsletter)
    series, step = hold_step(session, newsletter.id, step_id, revision=revision)
    if series.state is SeriesState.DRAFT:
        raise ConflictError(msg("The series is not active."), remedy=msg("Activate it."))
    _put_into_effect(session, actor, newsletter, series, [step], settings, digest)
    series.revision += 1
    record(
        session, actor, Action.SERIES_STEP_APPLY, series, {"step": step.id, "version": step.version}
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
    """Queue a test mail of a step's present issue; return its mailing's number.

    Raises:
        NotFoundError: The newsletter has no such step.
        ConflictError: The issue cannot be rendered; or see `queue_test`.
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
    """Put the present issues of steps into effect, if they have the confirmed digest."""
    checks = [_check(session, newsletter, step, settings) for step in steps]
    if digest not in {None, _digest_of(checks)}:
        raise ConflictError(
            msg("The issue has changed since you last looked at it."),
            remedy=SEE_ANEW,
        )
    for check in checks:
        _require_second_person(session, actor, newsletter, check.step)
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


def _require_second_person(
    session: Session, actor: Actor, newsletter: NewsletterRow, step: SeriesStepRow
) -> None:
    """Raise if approval is required and the actor wrote the step's changes."""
    if _needs_other(session, actor, newsletter, step):
        raise ConflictError(
            msg("This newsletter’s issues need a second person’s approval."),
            remedy=msg("It must be put into effect by an approver who did not write it."),
        )


def _needs_other(
    session: Session, actor: Actor, newsletter: NewsletterRow, step: SeriesStepRow
) -> bool:
    """Return whether the actor wrote changes of a step that a second person must approve."""
    return newsletter.approval_required and actor.name in writers_since_effect(session, step)
