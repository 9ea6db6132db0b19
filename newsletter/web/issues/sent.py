"""Pages of sent issues with their reports, and new issues based on them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Archived, MailingState
from newsletter.errors import ConflictError, ContentError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.corrections import corrections_of, note_in, written_correction
from newsletter.issues.drafts.saving import stored_draft_of
from newsletter.issues.model import issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.issues.store import get_issue
from newsletter.mailings.archive import archive_issue, archived_as
from newsletter.mailings.corrections.copies import count_copies, somebody_lacks
from newsletter.mailings.planning.audience import audience_figure
from newsletter.mailings.planning.readers import segment_names
from newsletter.mailings.planning.shown_as import sent_shown_as
from newsletter.mailings.reports.clicks import clicks_of
from newsletter.mailings.reports.reports import measure_pace, summarise
from newsletter.mailings.trials.decisions import trial_figure
from newsletter.newsletters.issue_actions import duplicate_issue
from newsletter.web.access import (
    EditorVisit,
    SeeingVisit,
    Visit,
    doing,
    newsletter_of,
    own,
)
from newsletter.web.issues.draft_pages import to_duplicate
from newsletter.web.issues.shown_as import (
    AsAsked,
    DarkAsked,
    asked_as,
    choice_of,
    mail_frame,
    show_to_reader,
)
from newsletter.web.issues.workspace import ARCHIVE_PLACES, workspace_of
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

_MOVING = frozenset({MailingState.SCHEDULED, MailingState.PLANNING, MailingState.SENDING})


def _show(
    visit: Visit,
    number: int,
    *,
    error: NewsletterError | None = None,
    typed: TypedHour | None = None,
) -> Response:
    """Show the issue, with an input for another time of sending and its error.

    For an issue that was not sent, redirect to the editor.
    """
    figures = visit.site.figures
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = get_issue(session, own(visit), number)
        draft = stored_draft_of(session, number)
        mailings = sent_as(session, number)
        if not mailings:
            writes = draft and visit.may(Permission.WRITE)
            to = f"drafts/{draft.id}" if draft and writes else ""
            to = to or f"issues/{number}/send"
            if visit.request.query_params.get("done") == "unscheduled":
                to += "?done=unscheduled"
            return RedirectResponse(f"/newsletters/{row.slug}/{to}", status_code=303)
        newest = mailings[0]
        corrections = corrections_of(session, issue.id)
        shown_as, content = sent_shown_as(
            session,
            row,
            newest.id,
            asked_as(visit.request),
            sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
            language=visit.language,
        )
        summary = summarise(session, row.id, newest.id, figures)
        trial = trial_figure(session, newest.id, figures)
        hours = hours_of(summary, trial, row.time_zone)
        audience = None
        if hours:
            audience = audience_figure(
                session, row, summary.segment, figures, urgent=summary.urgent
            )
        return show_page(
            visit,
            "issues/sent.html",
            status=409 if error else 200,
            newsletter=row,
            issue=issue,
            archive_places=ARCHIVE_PLACES,
            archived=archived_as(session, issue),
            mailings=mailings,
            segment_names=segment_names(session, row.id, mailings),
            sent=newest,
            mailing=summary,
            pace=measure_pace(session, summary, figures),
            clicks=clicks_of(session, newest.id),
            trial=trial,
            hours=hours,
            audience=audience,
            typed=typed,
            error=error,
            order_faults=faults_of(error),
            was=moment_before(visit.request),
            stays_held=holds_after_change(summary),
            moving=newest.state in _MOVING,
            reasons=(),
            content=content,
            shown=show_to_reader(content.rendered, shown_as.reader, dark=False),
            draft=draft if draft and draft.content != issue.content else None,
            at=visit.request.query_params.get("at", ""),
            notice=visit.request.query_params.get("done", ""),
            corrections=corrections,
            notes={each.number: note_in(each) for each in corrections},
            original=issue_from_json(issue.content).tag,
            mailable={
                each.number
                for each in corrections
                if each.mailing_id is None and somebody_lacks(session, issue.id, each.number)
            },
            correcting=written_correction(session, issue.id),
            copies=count_copies(session, issue.id),
            **choice_of(visit.request, shown_as, visit.path, sent=True),
            **workspace_of(visit).line(session, visit, row, issue.id, None),
        )


router = Router(prefix="/newsletters/{newsletter}/issues/{number}")


@router.get("")
def _show_sent(number: int, visit: SeeingVisit) -> Response:
    return _show(visit, number)


@router.post("/reschedule")
def _move_hour(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_RESCHEDULE)],
    typed: HourForm,
) -> Response:
    """Change the time of the issue's mailing."""
    with reading(visit.engine) as session:
        issue = get_issue(session, own(visit), number)
        mailings = sent_as(session, issue.id)
    if not mailings:
        return _show(visit, number)
    try:
        asked = move_to_typed_hour(visit.engine, visit, mailings[0].id, typed)
    except (ConflictError, ContentError) as error:
        return _show(visit, number, error=error, typed=typed)
    return RedirectResponse(f"/newsletters/{newsletter}/issues/{number}?{asked}", 303)


@router.get("/mail")
def _show_mail(
    number: int, visit: SeeingVisit, shown_as: AsAsked = "", dark: DarkAsked = ""
) -> HTMLResponse:
    with reading(visit.engine) as session:
        issue = get_issue(session, own(visit), number)
        mailings = sent_as(session, issue.id)
        if not mailings:
            raise NotFoundError(msg("This issue was not sent."))
        shown, content = sent_shown_as(
            session,
            newsletter_of(session, visit),
            mailings[0].id,
            shown_as,
            sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
            language=visit.language,
        )
    return mail_frame(
        content.rendered, shown.reader, site=visit.site.settings.public_url, dark=bool(dark)
    )


@router.post("/archive")
def _archive(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.ISSUE_ARCHIVE)],
    place: Annotated[Archived | Literal[""], Form()] = "",
) -> RedirectResponse:
    """Set the visibility of the issue in the archive, before or after sending."""
    with transaction(visit.engine) as session:
        archive_issue(session, visit.actor, own(visit), number, place or None)
    return RedirectResponse(f"/newsletters/{newsletter}/issues/{number}", status_code=303)


@router.post("/duplicate")
def _duplicate(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    source: Annotated[str, Form(max_length=20)] = "",
) -> RedirectResponse:
    with transaction(visit.engine) as session:
        issue = get_issue(session, own(visit), number)
        content, template = issue.content, issue.template
        draft = stored_draft_of(session, number)
        if source == "draft" and draft is not None:
            content, template = draft.content, draft.template
        before = issue_from_json(content)
        begun = duplicate_issue(
            session,
            visit.actor,
            issue.newsletter_id,
            before,
            template=template,
            source=issue.slug,
        )
    return to_duplicate(newsletter, begun, before)
