"""The hour of a mailing that has not begun, as the form shows it that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import Request

from newsletter.database.vocabulary import MailingState
from newsletter.mailings.ledger.schedule import MISSED
from newsletter.mailings.orders.rescheduling import hour_of, times_shown
from newsletter.mailings.reports.reports import MailingSummary
from newsletter.mailings.trials.decisions import TrialReport


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
