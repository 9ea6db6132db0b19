"""Pages of a newsletter's snippets: the list, and an editor for each snippet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.search import search_library
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import KINDS, Block, Conditional, blocks_from_json, blocks_to_json
from newsletter.issues.sources.editor_json import read_blocks
from newsletter.issues.walking import walk_blocks
from newsletter.mailings.mailings import publisher_of
from newsletter.newsletters.snippets import (
    delete_snippet,
    find_snippet,
    list_snippets,
    save_snippet,
)
from newsletter.rendering.blocks import block_words
from newsletter.rendering.render import blocks_page, surface_styles
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.issues.draft_pages import merge_fields_of
from newsletter.web.issues.shown_as import in_frame
from newsletter.web.issues.submission import error_fields
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.segments.choices import conditions_in_words

_Name = Annotated[str, Form(max_length=200)]
_Text = Annotated[str, Form(max_length=100_000)]
#: Kinds of blocks that a snippet cannot contain, including parts for some readers.
_NOT_OFFERED = frozenset({"snippet", "contents", "conditional"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The input for a snippet; a new one has no number."""

    name: str = ""
    text: str = ""
    number: int | None = None
    version: int | None = None


def _show_all(visit: Visit, *, error: NewsletterError | None = None) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        snippets = list_snippets(session, row.id)
    return show_page(
        visit,
        "newsletters/snippets.html",
        status=400 if error else 200,
        newsletter=row,
        snippets=snippets,
        error=error,
        saved=visit.request.query_params.get("done") == "saved",
    )


def _show_one(
    visit: Visit,
    typed: _Typed,
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the editor with an input; ``error`` is the reason why it was not saved."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        library = search_library(session, row.id, with_uses=False).items
        blocks: tuple[Block, ...] = ()
        if typed.number:
            kept = find_snippet(session, row.id, typed.number)
            blocks = blocks_from_json(kept.content["blocks"])
        conditions = [
            block.condition for block in walk_blocks(blocks) if isinstance(block, Conditional)
        ]
        return show_page(
            visit,
            "newsletters/snippet.html",
            status=400 if error else 200,
            newsletter=row,
            typed=typed,
            blocks=blocks_to_json(blocks),
            error=error,
            kinds=[kind for kind in KINDS if kind not in _NOT_OFFERED],
            kept_kinds=sorted({item.kind.value for item in library}),
            mail_words=block_words(row.language),
            file_kinds={media_type: name for name, media_type in FILE_KINDS.items()},
            merge_fields=merge_fields_of(row, visit.language),
            condition_words={
                condition: words.in_language(visit.language)
                for condition, words in conditions_in_words(session, row, conditions).items()
            },
        )


router = Router(prefix="/newsletters/{newsletter}/snippets")


@router.get("")
def _show_snippets(visit: EditorVisit) -> HTMLResponse:
    return _show_all(visit)


@router.get("/new")
def _begin(visit: EditorVisit) -> HTMLResponse:
    return _show_one(visit, _Typed())


@router.get("/mail.css")
def _styles(visit: EditorVisit) -> Response:
    """Return the styles of the mail, so that the editor looks like the mail."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        publisher, language = publisher_of(row), row.language
    text = surface_styles(
        publisher, language=language, templates_dir=visit.site.settings.templates_dir
    )
    return Response(text, media_type="text/css")


@router.get("/{number}")
def _write(number: int, visit: EditorVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        kept = find_snippet(session, own(visit), number)
        text = blocks_to_markdown(blocks_from_json(kept.content["blocks"]))
        typed = _Typed(name=kept.name, text=text, number=number, version=kept.version)
    return _show_one(visit, typed)


@router.get("/{number}/mail")
def _mail(number: int, visit: EditorVisit) -> HTMLResponse:
    """Show a snippet as it looks in mail."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        snippet = find_snippet(session, row.id, number)
        html = blocks_page(
            blocks_from_json(snippet.content["blocks"]),
            publisher_of(row),
            language=row.language,
            templates_dir=visit.site.settings.templates_dir,
        )
    return in_frame(html, visit.site.settings.public_url)


@router.post("")
def _save(
    newsletter: str,
    visit: EditorVisit,
    name: _Name = "",
    text: _Text = "",
    blocks: _Text = "",
    number: Annotated[int | None, Form(ge=1)] = None,
    version: Annotated[int | None, Form(ge=1)] = None,
) -> Response:
    """Save a snippet; return the saved state to a script."""
    by_script = "application/json" in visit.request.headers.get("accept", "")
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    try:
        text = blocks_to_markdown(read_blocks(blocks)) if blocks else text
        with transaction(visit.engine) as session:
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
        typed = _Typed(name=name, text=text, number=number, version=version)
        return _show_one(visit, typed, error=error)
    if by_script:
        return JSONResponse(answer)
    return RedirectResponse(f"/newsletters/{newsletter}/snippets?done=saved", status_code=303)


@router.post("/{number}/delete")
def _delete(newsletter: str, number: int, visit: EditorVisit) -> Response:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    try:
        with transaction(visit.engine) as session:
            delete_snippet(session, visit.actor, row.id, number)
    except ConflictError as error:
        return _show_all(visit, error=error)
    return RedirectResponse(f"/newsletters/{newsletter}/snippets", status_code=303)
