"""The page of the audit log, and its export as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel
from sqlalchemy.orm import Session

from newsletter.accounts.audit import AuditFilter, export_csv, list_events
from newsletter.database.engine import reading
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import titles_of_drafts
from newsletter.mailings.mailings import titles_of_mailings
from newsletter.web.access import OverallAdministratorVisit
from newsletter.web.audit_wording import ACTION_NAMES
from newsletter.web.head_requests import unless_by_head
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_PAGE = 50


class _Asked(BaseModel):
    """The query parameters of a search."""

    actor: str = ""
    action: str = ""
    since: str = ""
    until: str = ""

    def filter(self, zone: str) -> AuditFilter:
        """Return the filter; days are those of the reader's time zone."""
        return AuditFilter(
            actor=self.actor,
            action=self.action,
            since=_day(self.since, zone),
            until=_day(self.until, zone, days=1),
        )


class _PageAsked(_Asked):
    """The query parameters of a page of the results, which are older than ``before``."""

    before: int | None = None


router = Router()


@router.get("/audit")
def _show_audit(
    visit: OverallAdministratorVisit,
    asked: Annotated[_PageAsked, Query()],
) -> HTMLResponse:
    criteria, before = asked.filter(visit.time_zone), asked.before
    with reading(visit.engine) as session:
        events = list_events(session, criteria, before=before, limit=_PAGE + 1)
        titles = _titles(session, [event.object for event in events])
    return show_page(
        visit,
        "accounts/audit.html",
        events=events[:_PAGE],
        titles=titles,
        older=events[_PAGE - 1].id if len(events) > _PAGE else None,
        before=before,
        actions=_choices(visit.language),
        asked=asked.model_dump(exclude={"before"}),
    )


@router.get("/audit.csv")
def _export_audit(
    visit: OverallAdministratorVisit, asked: Annotated[_Asked, Query()]
) -> StreamingResponse:
    criteria = asked.filter(visit.time_zone)
    lines = unless_by_head(visit.request, lambda: export_csv(visit.engine, visit.actor, criteria))
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _titles(session: Session, objects: Sequence[str]) -> Mapping[str, str]:
    """Return the titles of drafts and mailings by their names in the log, which contain ids."""
    numbers: dict[str, set[int]] = {"draft": set(), "mailing": set()}
    for recorded in objects:
        kind, _, number = recorded.partition(" ")
        if kind in numbers and number.isascii() and number.isdigit():
            numbers[kind].add(int(number))
    drafts = titles_of_drafts(session, numbers["draft"])
    mailings = titles_of_mailings(session, numbers["mailing"])
    return {f"draft {number}": title for number, title in drafts.items()} | {
        f"mailing {number}": title for number, title in mailings.items()
    }


def _choices(language: Language) -> list[tuple[str, str]]:
    named = sorted((name.in_language(language), action) for action, name in ACTION_NAMES.items())
    everything = msg("All actions").in_language(language)
    return [("", everything), *((action, name) for name, action in named)]


def _day(text: str, zone: str, *, days: int = 0) -> datetime | None:
    """Return the beginning of a day in the reader's time zone; None for an invalid day."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date() + timedelta(days=days)  # noqa: DTZ007
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
