"""The home page: pending decisions, due drafts, recent results, and a button to start writing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState
from newsletter.issues.checks.findings import Severity
from newsletter.issues.drafts.saving import Draft, due_drafts, list_drafts
from newsletter.issues.sent import sent_as
from newsletter.mailings.approvals.comments import open_threads
from newsletter.mailings.approvals.state import (
    approved_for,
    returned_to,
    void_for,
    waiting_for,
)
from newsletter.mailings.orders.readiness import check_draft
from newsletter.mailings.reports.clicks import count_clicks
from newsletter.mailings.reports.reports import MailingSummary, list_past, list_upcoming, summarise
from newsletter.newsletters.publications import Newsletter, day_in, list_newsletters
from newsletter.newsletters.recurrence import next_dates
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.attention import (
    HaltedMailing,
    UnsettledMailing,
    halted_mailings,
    uncertain_mailings,
)
from newsletter.web.access import SignedInVisit, Visit, newsletters_where
from newsletter.web.charts import ChartLine, line_chart
from newsletter.web.issues.workspace import Workspace, workspace_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.growth import Growth, PeriodLength, measure_growth
from workers.overview import overview_source

_SHOWN = 5
#: A draft is shown as due from this time before its date.
_DUE = timedelta(days=3)
#: Kinds of alarms that the page lists by mailing.
_LISTED_BY_MAILING = frozenset({"mailing-halted", "uncertain"})
_READER_DAYS, _LATELY_DAYS = 7 * 12, 7 * 4


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    """A draft with its open questions; what is only not written yet is no error."""

    newsletter: Newsletter
    draft: Draft
    errors: int = 0
    unwritten: bool = False
    comments: int = 0
    late: bool = False
    today: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """A finished mailing with its figures; clicks are None if they are not counted."""

    newsletter: Newsletter
    summary: MailingSummary
    clicks: int | None

    @property
    def undelivered(self) -> int:
        """The number of mails that were refused or bounced."""
        refused = self.summary.of(DeliveryState.REJECTED) + self.summary.of(DeliveryState.FAILED)
        return refused + self.summary.bounced


@dataclass(frozen=True, kw_only=True, slots=True)
class _Readers:
    """A newsletter's readers: a line over twelve weeks, gains and losses in the last four."""

    newsletter: Newsletter
    growth: Growth
    line: ChartLine
    joined: int
    left: int


router = Router()


@router.get("/home")
def _home(visit: SignedInVisit) -> HTMLResponse:
    if not visit.rights.grants:
        return show_page(visit, "accounts/no_roles.html")
    alarms = _alarms(visit)
    with reading(visit.engine) as session:
        rows = list_newsletters(session)
        seen = _where(visit, rows, Permission.SEE_MAILINGS)
        written = [row for row in rows if visit.rights.may(Permission.WRITE, row.id)]
        halted, uncertain = _unsettled(session, visit, rows)
        asked = waiting_for(session, visit.account_id, _where(visit, rows, Permission.APPROVE))
        returned = returned_to(session, visit.account_id, seen)
        approved = approved_for(session, visit.account_id, seen)
        void = void_for(session, visit.account_id, seen)
        named = {each.issue_id for each in (*asked, *returned, *approved, *void)}
        return show_page(
            visit,
            "home.html",
            approvals=asked,
            returned=returned,
            approved=approved,
            void=void,
            alarms=alarms,
            halted=halted,
            uncertain=uncertain,
            due=[
                entry
                for entry in _due(session, workspace_of(visit), written)
                if entry.draft.issue_id not in named
            ],
            slugs={row.id: row.slug for row in rows},
            drafts=_drafts(session, written),
            upcoming=list_upcoming(session, seen, limit=_SHOWN),
            recurrences=next_dates(session, [row.id for row in written]),
            names={row.id: row.name for row in rows},
            outcomes=_outcomes(session, workspace_of(visit), rows, seen),
            readers=_readers(session, workspace_of(visit), [row for row in rows if row.id in seen]),
            written=written,
            sees_mailings=bool(seen),
        )


def _where(visit: Visit, rows: Sequence[Newsletter], permission: Permission) -> Collection[int]:
    return [row.id for row in rows if visit.rights.may(permission, row.id)]


def _alarms(visit: Visit) -> list[Alarm]:
    """Return the open alarms that the account may see, the most severe first."""
    with reading(visit.engine) as session:
        only = newsletters_where(session, visit, Permission.OPERATE)
    if only == []:
        return []
    seen = overview_source(visit.site.settings, visit.engine)()
    seen = seen if only is None else seen.within(only)
    return [
        each for each in find_alarms(seen) if each.is_open and each.kind not in _LISTED_BY_MAILING
    ]


def _unsettled(
    session: Session, visit: Visit, rows: Sequence[Newsletter]
) -> tuple[list[HaltedMailing], list[UnsettledMailing]]:
    """Return the mailings that the account may resume, and those that an operator must decide."""
    held = [row.id for row in rows if visit.rights.may_do(Action.MAILING_RESUME, row.id)]
    operated = _where(visit, rows, Permission.OPERATE)
    halted = [row for row in halted_mailings(session) if row.newsletter_id in held]
    uncertain = [row for row in uncertain_mailings(session) if row.newsletter_id in operated]
    return halted, uncertain


def _due(session: Session, workspace: Workspace, written: Sequence[Newsletter]) -> list[_Draft]:
    """Return the drafts whose date is near or past, with their open problems."""
    by_id = {row.id: row for row in written}
    return [
        _with_errors(session, workspace, by_id[draft.newsletter_id], draft)
        for draft in due_drafts(
            session, {row.id: day_in(row) + _DUE for row in written}, limit=_SHOWN
        )
    ]


def _with_errors(
    session: Session, workspace: Workspace, newsletter: Newsletter, draft: Draft
) -> _Draft:
    key = ("draft errors", draft.id, draft.revision, newsletter.template, newsletter.from_address)
    faults = workspace.figures.of(
        session,
        key,
        lambda _session: [
            finding.is_unwritten
            for finding in check_draft(draft, newsletter, workspace.settings).of(Severity.ERROR)
        ],
    ).value
    return _Draft(
        newsletter=newsletter,
        draft=draft,
        errors=faults.count(False),
        unwritten=any(faults),
        comments=open_threads(session, draft.issue_id) if draft.issue_id else 0,
        late=draft.issue.issue_date < day_in(newsletter),
        today=draft.issue.issue_date == day_in(newsletter),
    )


def _drafts(session: Session, written: Sequence[Newsletter]) -> list[_Draft]:
    """Return the most recently edited drafts that can still be edited."""
    drafts = [
        _Draft(newsletter=row, draft=draft)
        for row in written
        for draft in list_drafts(session, row.id)[:_SHOWN]
    ]
    drafts.sort(key=lambda entry: entry.draft.saved_at, reverse=True)
    return [
        entry
        for entry in drafts
        if entry.draft.issue_id is None or not sent_as(session, entry.draft.issue_id)
    ][:_SHOWN]


def _outcomes(
    session: Session, workspace: Workspace, rows: Sequence[Newsletter], seen: Collection[int]
) -> list[_Outcome]:
    by_slug = {row.slug: row for row in rows}
    outcomes = []
    for headline in list_past(session, seen, limit=_SHOWN):
        newsletter = by_slug[headline.newsletter]
        number = headline.mailing_id
        outcomes.append(
            _Outcome(
                newsletter=newsletter,
                summary=summarise(session, newsletter.id, number, workspace.figures),
                clicks=count_clicks(session, number),
            )
        )
    return outcomes


def _readers(session: Session, workspace: Workspace, rows: Sequence[Newsletter]) -> list[_Readers]:
    return [_readers_of(session, workspace, row) for row in rows[:_SHOWN]]


def _readers_of(session: Session, workspace: Workspace, row: Newsletter) -> _Readers:
    def count(counting: Session) -> Growth:
        return measure_growth(
            counting, row.id, day_in(row), step=PeriodLength.DAY, periods=_READER_DAYS
        )

    growth = workspace.figures.of(session, ("growth", row.id), count).value
    line = line_chart([growth.before, *(day.readers for day in growth.periods)])
    lately = growth.periods[-_LATELY_DAYS:]
    return _Readers(
        newsletter=row,
        growth=growth,
        line=line,
        joined=sum(day.joins for day in lately),
        left=sum(day.leaves for day in lately),
    )
