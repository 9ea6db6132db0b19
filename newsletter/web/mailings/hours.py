"""The hour of a mailing that has not begun, as the form shows it that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Engine

from newsletter.database.vocabulary import MailingState
from newsletter.errors import Place
from newsletter.mailings.ledger.schedule import MISSED, read_hour
from newsletter.mailings.orders.rescheduling import hour_of, reschedule, times_shown
from newsletter.mailings.reports.reports import MailingSummary
from newsletter.mailings.trials.decisions import TrialReport
from newsletter.web.access import Visit, own

_Short = Annotated[str, StringConstraints(max_length=500)]


def hours_of(
    mailing: MailingSummary, trial: TrialReport | None, zone: str
) -> Mapping[str, str] | None:
    """Return the wall-clock times of a mailing whose hour can be changed; None of another."""
    due = hour_of(mailing)
    if due is None:
        return None

    def shown(moment: datetime) -> str:
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        return local.isoformat(timespec="minutes")

    return {
        "hour": mailing.local_hour or shown(due),
        "decide": shown(trial.decide_at) if trial else "",
        "shown": times_shown(due, trial.decide_at if trial else None),
    }


class TypedHour(BaseModel):
    """Another hour of a mailing, as it was typed.

    Attributes:
        hour: When it is to begin.
        decide: When the subject of its rest is decided; empty for as long after the start as now.
        shown: The times that the form showed.
    """

    hour: _Short = ""
    decide: _Short = ""
    shown: _Short = ""


HourForm = Annotated[TypedHour, Form()]


def move_to_typed_hour(engine: Engine, visit: Visit, number: int, typed: TypedHour) -> str:
    """Give a mailing the hour that was typed; return what the page's address then says of it.

    Raises:
        ConflictError: It cannot have that hour, or somebody else changed it since it was shown.
        ContentError: What was typed is no time.
    """
    decide = typed.decide
    before = reschedule(
        engine,
        visit.actor,
        number,
        hour=read_hour(typed.hour, Place(field="hour")),
        decide=read_hour(decide, Place(field="decide")) if decide.strip() else None,
        shown=typed.shown,
        within=own(visit),
    )
    return urlencode({"done": "moved", "was": before.isoformat()})


def holds_after_change(mailing: MailingSummary) -> bool:
    """Return whether a mailing stays paused though its hour is changed."""
    return mailing.state is MailingState.PAUSED and mailing.halt_reason != MISSED


def moment_before(request: Request) -> datetime | None:
    """Return the hour of before, as a page's address says once it was changed."""
    try:
        moment = datetime.fromisoformat(request.query_params.get("was", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
