"""Rescheduling: change the time of a mailing that has not begun.

Approval concerns the content and not the time, so it stays valid; see
`newsletter.mailings.approvals`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine

from newsletter.accounts.audit import Actor, read_reason, record_event
from newsletter.accounts.audit_actions import Action, Detail
from newsletter.database.engine import transaction
from newsletter.database.states import moving_mailings
from newsletter.database.tables import MailingRow, NewsletterRow, SubjectTrialRow
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.schedule import MISSED, Schedule, due_in, require_hour
from newsletter.mailings.planning.content import no_such_mailing, redate_content
from newsletter.mailings.trials.subjects import find_trial, require_decision


class _Mailing(Protocol):
    """The attributes of a mailing that are needed, as a row or in a report."""

    @property
    def kind(self) -> MailingKind: ...
    @property
    def state(self) -> MailingState: ...
    @property
    def scheduled_at(self) -> datetime | None: ...
    @property
    def started_at(self) -> datetime | None: ...


def hour_of(mailing: _Mailing) -> datetime | None:
    """Return the scheduled time of a mailing if it can be changed; otherwise None.

    It can be changed for mailings of issues that are scheduled, or were paused before they began.
    """
    waits = mailing.state in {MailingState.SCHEDULED, MailingState.PAUSED}
    if mailing.kind is not MailingKind.ISSUE or not waits or mailing.started_at is not None:
        return None
    return mailing.scheduled_at


def times_shown(due: datetime, decide: datetime | None) -> str:
    """Return the value by which a form records the times it showed: of the start and decision."""
    return " ".join(each.astimezone(UTC).isoformat() for each in (due, decide) if each)


def reschedule(
    engine: Engine,
    actor: Actor,
    mailing_id: int,
    *,
    hour: datetime,
    decide: datetime | None = None,
    shown: str = "",
    reason: str = "",
    within: int | None = None,
) -> datetime:
    """Change the scheduled time of a mailing; return the time before.

    Time zones and distribution stay the same. A paused mailing stays paused, unless it was paused
    because its time passed while no worker was running.

    Args:
        engine: The database.
        actor: The person or program that acts.
        mailing_id: The mailing's number.
        hour: The wall-clock time, without a zone.
        decide: When the subject is chosen, in the newsletter's time zone; None to keep the interval
            after the first message.
        shown: The times that the form showed, by `times_shown`; empty for commands.
        reason: The reason, which is stored in the audit log.
        within: The newsletter that the mailing must belong to; None for any.

    Raises:
        NotFoundError: There is no such mailing, or it has no trial although ``decide`` is given.
        ConflictError: The mailing has begun or ended, its times differ from those shown, or the
            time has passed, is more than a year ahead, or does not fit the decision.
        OrderError: The reason is too long.
    """
    why = read_reason(reason, required=False)
    with transaction(engine) as session:
        # Locked until the end, so that a round cannot start the mailing in between.
        mailing = session.get(MailingRow, mailing_id, with_for_update=True)
        if mailing is None or (within is not None and mailing.newsletter_id != within):
            raise no_such_mailing(mailing_id)
        before = hour_of(mailing)
        if before is None:
            raise ConflictError(
                msg("Mailing {mailing} has begun or is over.", mailing=mailing_id),
                remedy=msg("Only the time of a mailing that has not begun can be changed."),
            )
        trial = find_trial(session, mailing_id)
        if shown and shown != times_shown(before, trial.decide_at if trial else None):
            raise ConflictError(
                msg("Somebody else changed the time meanwhile; yours is not saved."),
                remedy=msg("Check the time that is set now, then change it if it is still wrong."),
            )
        newsletter = session.get_one(NewsletterRow, mailing.newsletter_id)
        schedule = Schedule(hour=hour, everywhere=bool(mailing.local_hour))
        first = require_hour(session, newsletter, schedule) or before
        details: dict[Detail, object] = {"at": [before.isoformat(), first.isoformat()]}
        decided = _move_decision(trial, newsletter, mailing_id, decide, first, first - before)
        if decided is not None:
            details["decide_at"] = decided
        mailing.scheduled_at = first
        mailing.local_hour = hour.isoformat() if schedule.everywhere else ""
        if mailing.halt_reason == MISSED:
            session.flush()
            session.execute(
                moving_mailings(MailingState.SCHEDULED, sources={MailingState.PAUSED})
                .where(MailingRow.id == mailing_id)
                .values(halt_reason=None)
            )
        redate_content(session, mailing_id, first)
        record_event(
            session,
            actor,
            Action.MAILING_RESCHEDULE,
            object=f"mailing {mailing_id}",
            newsletter_id=newsletter.id,
            reason=why,
            details=details,
        )
        return before


def _move_decision(
    trial: SubjectTrialRow | None,
    newsletter: NewsletterRow,
    mailing_id: int,
    decide: datetime | None,
    begins: datetime,
    later: timedelta,
) -> list[str] | None:
    """Move the time at which the subject is chosen; return old and new time, or None."""
    if trial is None:
        if decide is not None:
            raise NotFoundError(msg("Mailing {mailing} compares no subjects.", mailing=mailing_id))
        return None
    before = trial.decide_at
    zone = newsletter.time_zone
    trial.decide_at = due_in(zone, decide, fallback=zone) if decide else before + later
    require_decision(trial.decide_at, begins=begins)
    return [before.isoformat(), trial.decide_at.isoformat()]
