"""Another hour for a mailing that has not begun.

Approval is of content, not of hours, so it stays; see `newsletter.mailings.approvals`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine

from newsletter.accounts.actions import read_reason
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
from newsletter.database.engine import transaction
from newsletter.database.states import moving_mailings
from newsletter.database.tables import MailingRow, NewsletterRow, SubjectTrialRow
from newsletter.database.vocabulary import MailingKind, MailingState
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.schedule import MISSED, Schedule, demand_hour, due_in
from newsletter.mailings.planning.content import no_such_mailing, redate_content
from newsletter.mailings.trials.subjects import demand_decision, find_trial


class _Mailing(Protocol):
    """What is asked of a mailing, be it a row or its figures."""

    @property
    def kind(self) -> MailingKind: ...
    @property
    def state(self) -> MailingState: ...
    @property
    def scheduled_at(self) -> datetime | None: ...
    @property
    def started_at(self) -> datetime | None: ...


def hour_of(mailing: _Mailing) -> datetime | None:
    """Return when a mailing is due whose hour can be changed; None where it cannot.

    It is an issue's that waits for its hour, or that is held before it began.
    """
    waits = mailing.state in {MailingState.SCHEDULED, MailingState.PAUSED}
    if mailing.kind is not MailingKind.ISSUE or not waits or mailing.started_at is not None:
        return None
    return mailing.scheduled_at


def times_shown(due: datetime, decide: datetime | None) -> str:
    """Return what a form says of the times that it shows: of the start, and of the decision."""
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
    """Let a mailing go out at another hour, on the same clocks and at the same pace.

    Return when it was due before.

    What is held stays held, unless it is for its hour having passed while nothing ran.

    Args:
        engine: The database.
        actor: Who does it.
        mailing_id: Which.
        hour: The wall-clock time, without a zone.
        decide: When the subject is decided, on the newsletter's clock; None for as long after the
            first message as before.
        shown: The times that whoever asks saw, of `times_shown`; empty where none were, as to a
            command.
        reason: Why; kept in the audit log.
        within: The newsletter that it must be of; None for any.

    Raises:
        NotFoundError: There is no such mailing, or it compares no subjects though ``decide`` is
            given.
        ConflictError: It has begun or is over, its times are no longer those shown, or the hour
            has passed, is further off than a year, or does not fit the decision.
        OrderError: The reason is too long.
    """
    why = read_reason(reason, required=False)
    with transaction(engine) as session:
        # Held until the end, so that the round that starts what is due comes before or after.
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
        first = demand_hour(session, newsletter, schedule) or before
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
    """Move the decision between a mailing's subjects; return from when to when, if it has one."""
    if trial is None:
        if decide is not None:
            raise NotFoundError(msg("Mailing {mailing} compares no subjects.", mailing=mailing_id))
        return None
    before = trial.decide_at
    zone = newsletter.time_zone
    trial.decide_at = due_in(zone, decide, fallback=zone) if decide else before + later
    demand_decision(trial.decide_at, begins=begins)
    return [before.isoformat(), trial.decide_at.isoformat()]
