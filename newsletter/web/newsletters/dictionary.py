"""The page of a newsletter's dictionary: its words with buttons to remove them, and a new word."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.newsletters.dictionary import add_word, list_words, remove_word
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_Word = Annotated[str, Form(max_length=500)]


router = Router(prefix="/newsletters/{newsletter}/dictionary")


def _show(visit: Visit, *, error: NewsletterError | None = None, typed: str = "") -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        words = list_words(session, row.id)
    return show_page(
        visit,
        "newsletters/dictionary.html",
        status=400 if error else 200,
        newsletter=row,
        words=words,
        error=error,
        typed=typed,
    )


@router.get("")
def _show_words(visit: EditorVisit) -> HTMLResponse:
    return _show(visit)


@router.post("")
def _add(newsletter: str, visit: EditorVisit, word: _Word = "") -> Response:
    try:
        with transaction(visit.engine) as session:
            add_word(session, visit.actor, own(visit), word)
    except (ContentError, ConflictError) as error:
        return _show(visit, error=error, typed=word)
    return RedirectResponse(f"/newsletters/{newsletter}/dictionary", status_code=303)


@router.post("/remove")
def _remove(newsletter: str, visit: EditorVisit, word: _Word = "") -> Response:
    with transaction(visit.engine) as session:
        remove_word(session, visit.actor, own(visit), word)
    return RedirectResponse(f"/newsletters/{newsletter}/dictionary", status_code=303)
