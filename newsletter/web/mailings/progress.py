"""The list of mailings, the page of each mailing with its progress and report, and its buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import Form, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.mailings.mailings import find_mailing
from newsletter.mailings.orders import actions as operations
from newsletter.mailings.planning.audience import audience_figure
from newsletter.mailings.reports.clicks import clicks_of
from newsletter.mailings.reports.reports import (
    MailingSummary,
    Pace,
    list_headlines,
    list_summaries,
    measure_pace,
    report_on,
    summarise,
)
from newsletter.mailings.trials.decisions import TrialReport, trial_figure
from newsletter.newsletters.publications import list_newsletters
from newsletter.operations.alarms import find_flow_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.overview import look_at_flow
from newsletter.web.access import (
    Requires,
    SeeingVisit,
    SignedInVisit,
    Visit,
    doing,
    newsletter_of,
    own,
)
from newsletter.web.charts import STACK, stacked_bars
from newsletter.web.issues.workspace import workspace_of
from newsletter.web.mailings.choice import (
    HourForm,
    TypedHour,
    faults_of,
    holds_after_change,
    hours_of,
    moment_before,
    move_to_typed_hour,
)
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from newsletter.web.streams import live
from subscribers.leaving import leave_reasons

_COMPARED = 6
_TICK_SECONDS = 1.5
_MOVING = frozenset({MailingState.SCHEDULED, MailingState.PLANNING, MailingState.SENDING})
_TO_COME = frozenset({MailingState.SCHEDULED, MailingState.PLANNING})
_LIVE = "mailings/_progress.html"
#: The path of the page.
MAILING = "/newsletters/{newsletter}/mailings/{number}"


def show_mailing(
    visit: Visit,
    number: int,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
    typed: TypedHour | None = None,
) -> HTMLResponse:
    """Show the page, with an input and its error."""
    newsletter_id = own(visit)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        mailing = summarise(session, newsletter_id, number, visit.site.figures)
        report = report_on(session, mailing, visit.site.figures)
        earlier = list_summaries(
            session, newsletter_id, visit.site.figures, before=number + 1, limit=_COMPARED
        )
        compared = [each for each in earlier if each.started_at]
        pace = measure_pace(session, mailing, visit.site.figures)
        clicks = clicks_of(session, number)
        trial = trial_figure(session, number, visit.site.figures)
        left_because = leave_reasons(session, number)
        audience = None
        if mailing.state in _TO_COME and mailing.kind is MailingKind.ISSUE:
            audience = audience_figure(
                session, row, mailing.segment, visit.site.figures, urgent=mailing.urgent
            )
        line = {}
        if mailing.issue_id is not None:
            line = workspace_of(visit).line(session, visit, row, mailing.issue_id, None)
    return show_page(
        visit,
        "mailings/mailing.html",
        status=status,
        newsletter=row,
        mailing=mailing,
        pace=pace,
        report=report.value,
        counted_at=report.counted_at,
        clicks=clicks,
        trial=trial,
        left_because=left_because,
        chart=stacked_bars([counts for _, counts in report.value.by_time]),
        stack=STACK,
        states=DeliveryState,
        compared=compared,
        moving=mailing.state in _MOVING,
        base=f"/newsletters/{row.slug}/mailings/{number}",
        hours=hours_of(mailing, trial, row.time_zone),
        typed=typed,
        stays_held=holds_after_change(mailing),
        reasons=_reasons(visit, mailing),
        audience=audience,
        error=error,
        order_faults=faults_of(error),
        was=moment_before(visit.request),
        has_line=bool(line),
        **line,
    )


def _reasons(visit: Visit, mailing: MailingSummary) -> Sequence[Alarm]:
    """Return the alarms that explain why a mailing is not being sent."""
    is_sending = mailing.state is MailingState.SENDING and mailing.waiting > 0
    if not is_sending and mailing.state is not MailingState.PLANNING:
        return ()
    return find_flow_alarms(
        look_at_flow(visit.engine, mailing.mailing_id, redis_url=visit.site.settings.redis_url)
    )


def _progress(visit: Visit, number: int) -> tuple[MailingSummary, Pace, TrialReport | None]:
    """Return the values that change while the mailing is sent."""
    with reading(visit.engine) as session:
        mailing = summarise(session, own(visit), number, visit.site.figures)
        trial = trial_figure(session, number, visit.site.figures)
        return mailing, measure_pace(session, mailing, visit.site.figures), trial


def to_issue(
    visit: Visit, number: int, asked: str, *, even_begun: bool = False
) -> RedirectResponse | None:
    """Redirect to the issue of a mailing that has not started; None if there is none."""
    with reading(visit.engine) as session:
        mailing = find_mailing(session, number)
        slug = newsletter_of(session, visit).slug
    if mailing.issue_id is None:
        return None
    if not even_begun and (mailing.started_at or not visit.may(Permission.WRITE)):
        return None
    there = f"/newsletters/{slug}/issues/{mailing.issue_id}"
    return RedirectResponse(f"{there}?{asked}" if asked else there, status_code=303)


router = Router(prefix=MAILING)
list_router = Router()


@router.get("")
def _open_mailing(number: int, visit: SeeingVisit) -> HTMLResponse:
    return show_mailing(visit, number)


@router.get("/events")
async def _stream(number: int, visit: SeeingVisit) -> StreamingResponse:
    at_first, _, before = await run_in_threadpool(_progress, visit, number)
    is_open = before is not None and before.chosen is None

    def show(now: Visit) -> tuple[str, bool]:
        mailing, pace, trial = _progress(now, number)
        # After the start, and after the decision on a subject, the whole page is different.
        is_decided = is_open and trial is not None and trial.chosen is not None
        has_begun = at_first.started_at is None and mailing.started_at is not None
        shown = now.site.pages.render(
            _LIVE,
            language=now.language,
            zone=now.time_zone,
            mailing=mailing,
            pace=pace,
            trial=trial,
            reasons=_reasons(visit, mailing),
            visit=now,
        )
        return shown, mailing.state in _MOVING and not (is_decided or has_begun)

    return live(visit, Requires(Permission.SEE_MAILINGS), show, seconds=_TICK_SECONDS)


_PAGE = 20
#: Mailings shown for each newsletter if several newsletters are listed.
_NEWEST = 3


@list_router.get("/mailings")
def _choose_newsletter(visit: SignedInVisit) -> Response:
    with reading(visit.engine) as session:
        rows = [
            row
            for row in list_newsletters(session)
            if visit.rights.may(Permission.SEE_MAILINGS, row.id)
        ]
        if len(rows) == 1:
            return RedirectResponse(f"/newsletters/{rows[0].slug}/mailings", status_code=303)
        newest = {row.id: list_headlines(session, row.id, limit=_NEWEST) for row in rows}
    return show_page(visit, "mailings/choose.html", newsletters=rows, newest=newest)


@list_router.get("/newsletters/{newsletter}/mailings")
def _show_list(visit: SeeingVisit, before: Annotated[int | None, Query()] = None) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        mailings = list_summaries(
            session, row.id, visit.site.figures, before=before, limit=_PAGE + 1
        )
    older = str(mailings[_PAGE - 1].mailing_id) if len(mailings) > _PAGE else ""
    return show_page(
        visit,
        "mailings/list.html",
        newsletter=row,
        mailings=mailings[:_PAGE],
        older=f"?before={older}" if older else "",
    )


_Field = Annotated[str, Form(max_length=500)]
_ORDERS: Mapping[str, tuple[Action, Callable[..., object]]] = {
    "pause": (Action.MAILING_PAUSE, operations.pause),
    "resume": (Action.MAILING_RESUME, operations.resume),
    "cancel": (Action.MAILING_CANCEL, operations.cancel),
}


@router.post("/decide")
def _decide(
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_DECIDE)],
    place: Annotated[int, Form()] = -1,
    reason: _Field = "",
) -> Response:
    try:
        operations.decide_subject(
            visit.engine, visit.actor, number, place, reason=reason, within=own(visit)
        )
    except ConflictError as error:
        return show_mailing(visit, number, status=409, error=error)
    return RedirectResponse(visit.path.removesuffix("/decide"), status_code=303)


@router.post("/reschedule")
def _move_hour(
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_RESCHEDULE)],
    typed: HourForm,
) -> Response:
    try:
        asked = move_to_typed_hour(visit.engine, visit, number, typed)
    except (ConflictError, ContentError) as error:
        return show_mailing(visit, number, status=409, error=error, typed=typed)
    return to_issue(visit, number, asked) or RedirectResponse(
        f"{visit.path.removesuffix('/reschedule')}?{asked}", status_code=303
    )


def _add_order(verb: str, action: Action, order: Callable[..., object]) -> None:
    @router.post(f"/{verb}", dependencies=[doing(action)])
    def give(
        number: int,
        visit: SeeingVisit,
        reason: _Field = "",
        twice: _Field = "",
        back: _Field = "",
    ) -> Response:
        asked = {"even_twice": twice == "yes"} if verb == "resume" else {}
        try:
            order(visit.engine, visit.actor, number, reason=reason, within=own(visit), **asked)
        except ConflictError as error:
            return show_mailing(visit, number, status=409, error=error)
        target = None
        if verb == "cancel" or back == "issue":
            done = "done=unscheduled" if verb == "cancel" else ""
            target = to_issue(visit, number, done, even_begun=back == "issue")
        there = visit.path.removesuffix(f"/{verb}")
        return target or RedirectResponse(there, status_code=303)


for _verb, (_action, _order) in _ORDERS.items():
    _add_order(_verb, _action, _order)
