"""The page of a newsletter's dictionary: its words with buttons to remove them, and a new word."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.newsletters.dictionary import add_word, list_words, remove_word
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_Word = Annotated[str, Form(max_length=500)]


def dictionary_router(engine: Engine, pages: Pages) -> Router:
    """Return the routes of the dictionary."""
    router = Router(prefix="/newsletters/{newsletter}/dictionary")

    def _show(
        visit: Visit, request: Request, *, error: NewsletterError | None = None, typed: str = ""
    ) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
            words = list_words(session, row.id)
        return pages.show_to(
            visit,
            request,
            "newsletters/dictionary.html",
            status=400 if error else 200,
            newsletter=row,
            words=words,
            error=error,
            typed=typed,
        )

    @router.get("")
    def show_words(visit: EditorVisit, request: Request) -> HTMLResponse:
        return _show(visit, request)

    @router.post("")
    def add(newsletter: str, visit: EditorVisit, request: Request, word: _Word = "") -> Response:
        try:
            with transaction(engine) as session:
                add_word(session, visit.actor, own(visit), word)
        except (ContentError, ConflictError) as error:
            return _show(visit, request, error=error, typed=word)
        return RedirectResponse(f"/newsletters/{newsletter}/dictionary", status_code=303)

    @router.post("/remove")
    def remove(newsletter: str, visit: EditorVisit, word: _Word = "") -> Response:
        with transaction(engine) as session:
            remove_word(session, visit.actor, own(visit), word)
        return RedirectResponse(f"/newsletters/{newsletter}/dictionary", status_code=303)

    return router
