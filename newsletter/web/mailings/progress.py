"""Mailings: the list, one's progress as it goes, its report, and the words that hold or end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.database.vocabulary import DeliveryState, MailingKind, MailingState
from newsletter.errors import ConflictError, ContentError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.ledger.schedule import read_hour
from newsletter.mailings.mailings import find_mailing
from newsletter.mailings.orders import actions as operations
from newsletter.mailings.orders.rescheduling import reschedule
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
from newsletter.mailings.reports.variants import report_variants
from newsletter.mailings.trials.decisions import TrialReport, report_trial, trial_figure
from newsletter.newsletters.publications import list_newsletters
from newsletter.operations.alarms import find_flow_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.overview import look_at_flow
from newsletter.web.access import (
    MailingControlVisit,
    MissedVisit,
    Requires,
    SeeingVisit,
    SenderVisit,
    SignedInVisit,
    Visit,
    newsletter_of,
    own,
)
from newsletter.web.charts import STACK, stacked_bars
from newsletter.web.head_requests import unless_by_head
from newsletter.web.issues.workspace import Workspace
from newsletter.web.mailings.choice import faults_of
from newsletter.web.mailings.hours import holds_after_change, hours_of, moment_before
from newsletter.web.mailings.report_files import figures_file, missed_file
from newsletter.web.pages import Pages
from newsletter.web.routing import Router
from newsletter.web.streams import live
from subscribers.leaving import leave_reasons

_Field = Annotated[str, Form(max_length=500)]
_PAGE = 20
_COMPARED = 6
#: Of each newsletter, where several are listed.
_NEWEST = 3
_TICK_SECONDS = 1.5
_MOVING = frozenset({MailingState.SCHEDULED, MailingState.PLANNING, MailingState.SENDING})
_ACTIONS = {
    "pause": operations.pause,
    "resume": operations.resume,
    "cancel": operations.cancel,
}
_TO_COME = frozenset({MailingState.SCHEDULED, MailingState.PLANNING})
_LIVE = "mailings/_progress.html"


def mailings_router(  # noqa: C901, PLR0915 - a list of routes
    workspace: Workspace, pages: Pages
) -> Router:
    """Return the routes of mailings under way and past."""
    settings, engine, figures = workspace.settings, workspace.engine, workspace.figures
    router = Router(prefix="/newsletters/{newsletter}/mailings")
    outer = Router()

    @outer.get("/mailings")
    def choose_newsletter(visit: SignedInVisit, request: Request) -> Response:
        with reading(engine) as session:
            rows = [
                row
                for row in list_newsletters(session)
                if visit.rights.may(Permission.SEE_MAILINGS, row.id)
            ]
            if len(rows) == 1:
                return RedirectResponse(f"/newsletters/{rows[0].slug}/mailings", status_code=303)
            newest = {row.id: list_headlines(session, row.id, limit=_NEWEST) for row in rows}
        return pages.show_to(
            visit, request, "mailings/choose.html", newsletters=rows, newest=newest
        )

    @router.get("")
    def show_list(
        visit: SeeingVisit, request: Request, before: Annotated[int | None, Query()] = None
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            mailings = list_summaries(session, row.id, figures, before=before, limit=_PAGE + 1)
        older = str(mailings[_PAGE - 1].mailing_id) if len(mailings) > _PAGE else ""
        return pages.show_to(
            visit,
            request,
            "mailings/list.html",
            newsletter=row,
            mailings=mailings[:_PAGE],
            older=f"?before={older}" if older else "",
        )

    def _reasons(mailing: MailingSummary) -> Sequence[Alarm]:
        """Return why a mailing that is being sent does not flow, as operators are told it."""
        if mailing.state is not MailingState.SENDING or not mailing.waiting:
            return ()
        return find_flow_alarms(
            look_at_flow(engine, mailing.mailing_id, redis_url=settings.redis_url)
        )

    def _progress(visit: Visit, number: int) -> tuple[MailingSummary, Pace, TrialReport | None]:
        with reading(engine) as session:
            mailing = summarise(session, own(visit), number, figures)
            trial = trial_figure(session, number, figures)
            return mailing, measure_pace(session, mailing, figures), trial

    @router.get("/{number}")
    def show_mailing(number: int, visit: SeeingVisit, request: Request) -> HTMLResponse:
        return _show(visit, request, number)

    def _show(
        visit: Visit,
        request: Request,
        number: int,
        *,
        status: int = 200,
        error: NewsletterError | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        newsletter_id = own(visit)
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            mailing = summarise(session, newsletter_id, number, figures)
            report = report_on(session, mailing, figures)
            earlier = list_summaries(
                session, newsletter_id, figures, before=number + 1, limit=_COMPARED
            )
            compared = [each for each in earlier if each.started_at]
            pace = measure_pace(session, mailing, figures)
            clicks = clicks_of(session, number)
            trial = trial_figure(session, number, figures)
            left_because = leave_reasons(session, number)
            audience = None
            if mailing.state in _TO_COME and mailing.kind is MailingKind.ISSUE:
                audience = audience_figure(
                    session, row, mailing.segment, figures, urgent=mailing.urgent
                )
            line = {}
            if mailing.issue_id is not None:
                line = workspace.line(session, visit, row, mailing.issue_id, None)
        return pages.show_to(
            visit,
            request,
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
            may_edit=visit.may(Permission.SEE_MISSED),
            may_write=visit.may(Permission.WRITE),
            may_send=visit.may(Permission.SEND),
            may_move=visit.may(Permission.CONTROL_MAILINGS),
            may_settle=visit.may(Permission.OPERATE),
            hours=hours_of(mailing, trial, row.time_zone),
            typed=typed,
            stays_held=holds_after_change(mailing),
            reasons=_reasons(mailing),
            audience=audience,
            error=error.in_language(visit.language) if error else "",
            order_faults=faults_of(error, visit.language),
            was=moment_before(request),
            has_line=bool(line),
            **line,
        )

    @router.get("/{number}/events")
    async def stream(number: int, visit: SeeingVisit, request: Request) -> StreamingResponse:
        at_first, _, before = await run_in_threadpool(_progress, visit, number)
        is_open = before is not None and before.chosen is None

        def show(now: Visit) -> tuple[str, bool]:
            mailing, pace, trial = _progress(now, number)
            # Once it has begun, or a subject is decided, the whole page is another.
            is_decided = is_open and trial is not None and trial.chosen is not None
            has_begun = at_first.started_at is None and mailing.started_at is not None
            shown = pages.render(
                _LIVE,
                language=now.language,
                zone=now.time_zone,
                mailing=mailing,
                pace=pace,
                trial=trial,
                reasons=_reasons(mailing),
                may_settle=now.rights.may(Permission.OPERATE, own(visit)),
            )
            return shown, mailing.state in _MOVING and not (is_decided or has_begun)

        return live(request, Requires(Permission.SEE_MAILINGS), show, seconds=_TICK_SECONDS)

    @router.post("/{number}/decide")
    def decide(
        number: int,
        visit: SenderVisit,
        request: Request,
        place: Annotated[int, Form()] = -1,
        reason: _Field = "",
    ) -> Response:
        try:
            operations.decide_subject(
                engine, visit.actor, number, place, reason=reason, within=own(visit)
            )
        except ConflictError as error:
            return _show(visit, request, number, status=409, error=error)
        return RedirectResponse(request.url.path.removesuffix("/decide"), status_code=303)

    @router.post("/{number}/reschedule")
    def move_hour(
        number: int,
        visit: SenderVisit,
        request: Request,
        hour: _Field = "",
        decide: _Field = "",
        shown: _Field = "",
    ) -> Response:
        try:
            before = reschedule(
                engine,
                visit.actor,
                number,
                hour=read_hour(hour),
                decide=read_hour(decide) if decide.strip() else None,
                shown=shown,
                within=own(visit),
            )
        except (ConflictError, ContentError) as error:
            return _show(
                visit,
                request,
                number,
                status=409,
                error=error,
                typed={"hour": hour, "decide": decide},
            )
        asked = urlencode({"done": "moved", "was": before.isoformat()})
        return _to_issue(visit, number, asked) or RedirectResponse(
            f"{request.url.path.removesuffix('/reschedule')}?{asked}", status_code=303
        )

    @router.post("/{number}/{verb}")
    def move(
        number: int,
        verb: str,
        visit: MailingControlVisit,
        request: Request,
        reason: _Field = "",
        twice: _Field = "",
        back: _Field = "",
    ) -> Response:
        newsletter_id = own(visit)
        action = _ACTIONS.get(verb)
        if verb == "resume":
            action = partial(operations.resume, even_twice=twice == "yes")
        if action is None:
            raise NotFoundError(msg("There is no such action."))
        try:
            action(engine, visit.actor, number, reason=reason, within=newsletter_id)
        except ConflictError as error:
            return _show(visit, request, number, status=409, error=error)
        to_issue = None
        if verb == "cancel" or back == "issue":
            asked = "done=unscheduled" if verb == "cancel" else ""
            to_issue = _to_issue(visit, number, asked, even_begun=back == "issue")
        there = request.url.path.removesuffix(f"/{verb}")
        return to_issue or RedirectResponse(there, status_code=303)

    def _to_issue(
        visit: Visit, number: int, asked: str, *, even_begun: bool = False
    ) -> RedirectResponse | None:
        """Lead to the issue of a mailing that has not begun; None where there is none to write."""
        with reading(engine) as session:
            mailing = find_mailing(session, number)
            slug = newsletter_of(session, visit).slug
        if mailing.issue_id is None:
            return None
        if not even_begun and (mailing.started_at or not visit.may(Permission.WRITE)):
            return None
        there = f"/newsletters/{slug}/issues/{mailing.issue_id}"
        return RedirectResponse(f"{there}?{asked}" if asked else there, status_code=303)

    @router.get("/{number}/report.csv")
    def download_report(number: int, visit: SeeingVisit) -> Response:
        with reading(engine) as session:
            mailing = summarise(session, own(visit), number, figures)
            report = report_on(session, mailing, figures)
            variants = report_variants(session, number)
            trial = report_trial(session, number)
            clicks = clicks_of(session, number)
        return figures_file(
            mailing,
            report.value,
            variants,
            trial,
            clicks,
            language=visit.language,
            time_zone=visit.time_zone,
        )

    @router.get("/{number}/missed.csv")
    def download_missed(number: int, visit: MissedVisit, request: Request) -> Response:
        missed = unless_by_head(
            request,
            lambda: operations.export_missed(engine, visit.actor, number, within=own(visit)),
        )
        return missed_file(missed, number, language=visit.language, time_zone=visit.time_zone)

    outer.include_router(router)
    return outer
