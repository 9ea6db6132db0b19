"""The preview of a draft's mail while it is edited, as one subscriber would see it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import escape

from newsletter.database.engine import reading
from newsletter.errors import ContentError, NotFoundError, TemplateError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import get_draft
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.shown_as import LONGEST_KEY
from newsletter.rendering.render import surface_styles
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.issues.draft_pages import (
    render_input,
    render_input_as,
    show_checked,
)
from newsletter.web.issues.files import calendar_answer
from newsletter.web.issues.shown_as import PARAMETER, AsAsked, AsGiven, in_frame, show_to_reader
from newsletter.web.issues.submission import EditorForm, WrittenForm, error_fields
from newsletter.web.routing import Router


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """The reader, appearance and draft of a preview."""

    shown_as: str
    dark: bool
    #: The path of the draft.
    draft: str


router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")


@router.post("/preview")
async def _preview_written(number: int, visit: EditorVisit, written: WrittenForm) -> JSONResponse:
    form = await visit.request.form()
    asked = _Asked(
        shown_as=str(form.get(PARAMETER, ""))[:LONGEST_KEY],
        dark=form.get("dark") == "true",
        draft=visit.path.rpartition("/")[0],
    )
    return await run_in_threadpool(_preview, number, visit, written, asked)


def _preview(number: int, visit: Visit, written: EditorForm, asked: _Asked) -> JSONResponse:
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    try:
        rendered, reader = render_input_as(visit, draft, written, asked.shown_as)
        mail = show_to_reader(rendered, reader, dark=asked.dark)
        html = _with_own_calendars(mail.html, visit.site.url, asked.draft)
    except TemplateError:
        # Preflight shows the error with its place in the template.
        return JSONResponse({})
    except (ContentError, NotFoundError) as error:
        return JSONResponse(error_fields(error, visit.language), status_code=422)
    return JSONResponse(
        {"html": html, "text": mail.text, "subject": mail.subject, "snippet": mail.snippet}
    )


@router.post("/findings")
def _findings(
    number: int,
    visit: EditorVisit,
    written: WrittenForm,
    shown_as: AsGiven = "",
) -> HTMLResponse:
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    try:
        return show_checked(visit, draft, written, shown_as)
    except (ContentError, NotFoundError) as error:
        return HTMLResponse(escape(error.in_language(visit.language)), status_code=422)


@router.get("/mail")
def _mail(number: int, visit: EditorVisit, shown_as: AsAsked = "") -> HTMLResponse:
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    written = EditorForm.of(draft, in_blocks=True)
    try:
        rendered, reader = render_input_as(visit, draft, written, shown_as)
        html = show_to_reader(rendered, reader, dark=False).html
    except TemplateError:
        # The page around the frame shows the error.
        html = ""
    draft_path = visit.path.rpartition("/")[0]
    return in_frame(_with_own_calendars(html, visit.site.url, draft_path), visit.site.url)


@router.get("/calendars/{name}")
def _calendar(number: int, name: str, visit: EditorVisit) -> Response:
    """Return the calendar of an event in a draft, for which no public URL exists yet."""
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    rendered = render_input(visit, draft, EditorForm.of(draft, in_blocks=True))
    for file in rendered.calendars:
        if file.path == f"/files/{name}":
            return calendar_answer(file.content)
    raise NotFoundError(msg("There is no such file."))


@router.get("/mail.css")
def _styles(number: int, visit: EditorVisit) -> Response:
    """Return the styles of the mail, so that the editor looks like the mail."""
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
        publisher = publisher_of(newsletter_of(session, visit))
    folder = visit.site.settings.templates_dir
    text = surface_styles(publisher, language=draft.issue.language, templates_dir=folder)
    return Response(text, media_type="text/css")


def _with_own_calendars(html: str, site: str, draft: str) -> str:
    """Return HTML whose links to calendars lead to the draft; public ones exist after sending."""
    at = rf'(?<=href="){re.escape(escape(site))}/files/(?=[0-9a-f]{{32}}\.ics")'
    return re.sub(at, f"{draft}/calendars/", html)
