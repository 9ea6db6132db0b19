"""Viewing: a draft's mail as it is typed, as one subscriber would see it; nothing is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import escape
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.errors import ContentError, ListError, NotFoundError, TemplateError
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import get_draft
from newsletter.mailings.mailings import publisher_of
from newsletter.rendering.render import surface_styles
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.issues.draft_pages import DraftPages
from newsletter.web.issues.files import calendar_answer
from newsletter.web.issues.proof import Reader, in_frame, sample_reader, show_to_reader
from newsletter.web.issues.submission import Written, WrittenForm, told
from newsletter.web.routing import Router
from subscribers.search import find_reader_by_key, find_readers

_READERS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """With whose eyes, in which appearance, and of which draft."""

    reader: str
    dark: bool
    #: The draft's own address.
    draft: str


def viewing_router(engine: Engine, shown: DraftPages) -> Router:  # noqa: C901 - a list of routes
    """Return the routes of the preview."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")

    @router.post("/preview")
    async def preview(
        number: int, visit: EditorVisit, request: Request, written: WrittenForm
    ) -> JSONResponse:
        form = await request.form()
        asked = _Asked(
            reader=str(form.get("reader", "")),
            dark=form.get("dark") == "true",
            draft=request.url.path.rpartition("/")[0],
        )
        return await run_in_threadpool(_preview, number, visit, written, asked)

    def _preview(number: int, visit: Visit, written: Written, asked: _Asked) -> JSONResponse:
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
            reader = _reader_of(session, visit, asked.reader)
        try:
            mail = show_to_reader(shown.render(visit, draft, written), reader, dark=asked.dark)
            html = _with_own_calendars(mail.html, shown.site, asked.draft)
        except TemplateError:
            # Preflight tells it, with its place in the template.
            return JSONResponse({})
        except (ContentError, NotFoundError) as error:
            return JSONResponse(told(error, visit.language), status_code=422)
        return JSONResponse(
            {"html": html, "text": mail.text, "subject": mail.subject, "snippet": mail.snippet}
        )

    @router.post("/findings")
    def findings(
        number: int, visit: EditorVisit, request: Request, written: WrittenForm
    ) -> HTMLResponse:
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
        try:
            return shown.show_checked(visit, request, draft, written)
        except (ContentError, NotFoundError) as error:
            return HTMLResponse(escape(error.in_language(visit.language)), status_code=422)

    @router.get("/mail")
    def mail(number: int, visit: EditorVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
        proof = shown.proof_of(visit, draft, Written.of(draft, in_blocks=True))
        rendered = proof.preflight.rendered
        html = (
            show_to_reader(rendered, sample_reader(visit.language), dark=False).html
            if rendered
            else ""
        )
        draft_path = request.url.path.rpartition("/")[0]
        return in_frame(_with_own_calendars(html, shown.site, draft_path), shown.site)

    @router.get("/calendars/{name}")
    def calendar(number: int, name: str, visit: EditorVisit) -> Response:
        """Return the calendar of an event in a draft, which nobody else can have yet."""
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
        rendered = shown.render(visit, draft, Written.of(draft, in_blocks=True))
        for file in rendered.calendars:
            if file.path == f"/files/{name}":
                return calendar_answer(file.content)
        raise NotFoundError(msg("There is no such file."))

    @router.get("/mail.css")
    def styles(number: int, visit: EditorVisit) -> Response:
        """Return the mail's own styles, for what is typed to look as it is read."""
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
            publisher = publisher_of(newsletter_of(session, visit))
        folder = shown.templates_dir
        text = surface_styles(publisher, language=draft.issue.language, templates_dir=folder)
        return Response(text, media_type="text/css")

    @router.post("/readers")
    def suggest_readers(
        visit: EditorVisit, find: Annotated[str, Form(max_length=200)] = ""
    ) -> JSONResponse:
        """Find subscribers whose address or name begins so; by POST, as URLs land in logs.

        Raises:
            ForbiddenError: The visitor may not see subscribers.
        """
        visit.rights.demand(Permission.SEE_SUBSCRIBERS, own(visit))
        with reading(engine) as session:
            found = _search(session, own(visit), find.strip())
        return JSONResponse([{"address": r.address, "name": r.name} for r in found])

    return router


def _with_own_calendars(html: str, site: str, draft: str) -> str:
    """Lead links to events' calendars to the draft: they are kept where a mail leads to them."""
    at = rf'(?<=href="){re.escape(escape(site))}/files/(?=[0-9a-f]{{32}}\.ics")'
    return re.sub(at, f"{draft}/calendars/", html)


def _search(session: Session, newsletter_id: int, words: str) -> list[Reader]:
    if not words:
        return []
    found = find_readers(session, newsletter_id, words, limit=_READERS)
    return [Reader(name=name, address=address) for name, address in found]


def _reader_of(session: Session, visit: Visit, typed: str) -> Reader:
    """Return one of the newsletter's subscribers by address; a sample for any other.

    A sample, too, for whoever may not see subscribers: it would tell who subscribes, and the name.
    """
    sample = sample_reader(visit.language)
    if not visit.may(Permission.SEE_SUBSCRIBERS):
        return sample
    try:
        key = parse_address(typed).key
    except ListError:
        return sample
    found = find_reader_by_key(session, own(visit), key)
    return Reader(name=found[0], address=found[1]) if found else sample
