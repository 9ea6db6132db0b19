"""A newsletter's snippets on one page: each can be changed, deleted, and a new one made."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import blocks_from_json
from newsletter.issues.sources.editor_json import read_blocks
from newsletter.mailings.mailings import publisher_of
from newsletter.newsletters.snippets import (
    delete_snippet,
    find_snippet,
    list_snippets,
    save_snippet,
)
from newsletter.rendering.render import blocks_page
from newsletter.settings import Settings
from newsletter.web.access import EditorVisit, Visit, newsletter_of
from newsletter.web.issues.shown_mail import in_frame
from newsletter.web.issues.submission import error_fields
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_Name = Annotated[str, Form(max_length=200)]
_Text = Annotated[str, Form(max_length=100_000)]


def snippets_router(engine: Engine, settings: Settings, pages: Pages) -> Router:
    """Return the routes of snippets."""
    router = Router(prefix="/newsletters/{newsletter}/snippets")

    def _show(
        visit: Visit,
        request: Request,
        *,
        error: NewsletterError | None = None,
        typed: tuple[int | None, str, str] | None = None,
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            snippets = list_snippets(session, row.id)
        return pages.show_to(
            visit,
            request,
            "newsletters/snippets.html",
            status=400 if error else 200,
            newsletter=row,
            snippets=snippets,
            error=error,
            typed=typed,
            saved=request.query_params.get("done") == "saved",
        )

    @router.get("")
    def show_snippets(visit: EditorVisit, request: Request) -> HTMLResponse:
        return _show(visit, request)

    @router.get("/{number}/mail")
    def mail(number: int, visit: EditorVisit) -> HTMLResponse:
        """Show a snippet as it will stand in mail."""
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            snippet = find_snippet(session, row.id, number)
            html = blocks_page(
                blocks_from_json(snippet.content["blocks"]),
                publisher_of(row),
                language=row.language,
                templates_dir=settings.templates_dir,
            )
        return in_frame(html, settings.public_url)

    @router.post("")
    def save(
        newsletter: str,
        visit: EditorVisit,
        request: Request,
        name: _Name = "",
        text: _Text = "",
        blocks: _Text = "",
        number: Annotated[int | None, Form(ge=1)] = None,
        version: Annotated[int | None, Form(ge=1)] = None,
    ) -> Response:
        """Keep a snippet; to a script, which shows it, tell what was kept."""
        by_script = "application/json" in request.headers.get("accept", "")
        with reading(engine) as session:
            row = newsletter_of(session, visit)
        try:
            text = blocks_to_markdown(read_blocks(blocks)) if blocks else text
            with transaction(engine) as session:
                kept = save_snippet(
                    session,
                    visit.actor,
                    row.id,
                    name=name,
                    text=text.replace("\r\n", "\n"),
                    number=number,
                    version=version,
                )
                answer = {"name": kept.name, "blocks": kept.content["blocks"]}
        except (ContentError, ConflictError) as error:
            if by_script:
                return JSONResponse(error_fields(error, visit.language), status_code=422)
            return _show(visit, request, error=error, typed=(number, name, text))
        if by_script:
            return JSONResponse(answer)
        return RedirectResponse(f"/newsletters/{newsletter}/snippets?done=saved", status_code=303)

    @router.post("/{number}/delete")
    def delete(newsletter: str, number: int, visit: EditorVisit, request: Request) -> Response:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
        try:
            with transaction(engine) as session:
                delete_snippet(session, visit.actor, row.id, number)
        except ConflictError as error:
            return _show(visit, request, error=error)
        return RedirectResponse(f"/newsletters/{newsletter}/snippets", status_code=303)

    return router
