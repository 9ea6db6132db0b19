"""The page of a newsletter's library: search, upload, description, deletion, and use in drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Form, Query, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import ContentUser, LibraryKind
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, ContentError, NewsletterError
from newsletter.issues.cards import File
from newsletter.issues.drafts.merging import save_merged
from newsletter.issues.drafts.saving import DraftConflictError, get_draft
from newsletter.issues.library.files import kind_name
from newsletter.issues.library.search import (
    PAGE,
    ItemUse,
    ItemWords,
    LibraryItem,
    get_item,
    item_words,
    search_library,
)
from newsletter.issues.library.stored_files import item_block
from newsletter.issues.model import Picture, blocks_to_json
from newsletter.newsletters.library import (
    LARGEST_CONTENT,
    add_content,
    change_item,
    delete_item,
    named,
)
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.issues.blocks import place_block
from newsletter.web.issues.draft_pages import show_conflict, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, up_to

#: Octets of all files in one upload.
_LARGEST = 100_000_000
_Words = Annotated[str, Form(max_length=2000)]
_PageNumber = Annotated[int, Query(ge=1, le=100_000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The input for one item of the library."""

    number: int
    words: ItemWords


def _show(
    visit: Visit,
    *,
    query: str = "",
    kind: LibraryKind | None = None,
    page: int = 1,
    faults: Sequence[tuple[str, NewsletterError]] = (),
    added: int = 0,
    typed: _Typed | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Show the found items; ``faults`` are pairs of a file's name and its error.

    If ``typed`` could not be saved, only its item is shown, with the input.
    """
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        if typed:
            query = get_item(session, row.id, typed.number).name
        items = search_library(session, row.id, query, kind=kind, page=page)
    here = f"/newsletters/{row.slug}/library"

    def address(number: int) -> str:
        asked = {"q": query, "kind": kind.value if kind else "", "page": str(number)}
        return f"{here}?{urlencode({key: value for key, value in asked.items() if value})}"

    return show_page(
        visit,
        "newsletters/library.html",
        status=status,
        newsletter=row,
        found=items,
        asked=query,
        kind=kind.value if kind else "",
        newer=address(page - 1) if page > 1 else "",
        older=address(page + 1) if page * PAGE < items.total else "",
        links=lambda use: _link(row.slug, use),
        named=named,
        kind_name=kind_name,
        faults=faults,
        added=added,
        typed=typed,
        begun=lambda item: shown_of(ItemWords(name=item.name, alt=item.alt)),
        notice=visit.request.query_params.get("done", ""),
    )


router = Router(prefix="/newsletters/{newsletter}")


@router.get("/library", response_model=None)
def _show_library(
    visit: EditorVisit,
    q: Annotated[str, Query(max_length=200)] = "",
    kind: Literal["", "picture", "file"] = "",
    page: _PageNumber = 1,
) -> Response:
    """Show the library; return the items as JSON to a script."""
    chosen = LibraryKind(kind) if kind else None
    if "application/json" not in visit.request.headers.get("accept", ""):
        return _show(visit, query=q, kind=chosen, page=page)
    with reading(visit.engine) as session:
        listed = search_library(session, own(visit), q, kind=chosen, page=page, with_uses=False)
    items = [_offered(item, visit.site.url) for item in listed.items]
    return JSONResponse({"items": items, "more": page * PAGE < listed.total})


@router.post("/library", response_model=None, dependencies=[up_to(_LARGEST)])
def _add(newsletter: str, visit: EditorVisit, files: list[UploadFile]) -> Response:
    """Add several files; those that cannot be added are reported, the others are kept."""
    faults: list[tuple[str, NewsletterError]] = []
    chosen = [file for file in files if file.filename]
    for file in chosen:
        name = str(file.filename)[:200]
        try:
            data = file.file.read(LARGEST_CONTENT + 1)
            with transaction(visit.engine) as session:
                add_content(session, visit.actor, own(visit), data, name=name)
        except ContentError as error:
            faults.append((name, error))
    if faults:
        added = len(chosen) - len(faults)
        return _show(visit, faults=faults, added=added, status=400)
    return RedirectResponse(f"/newsletters/{newsletter}/library?done=added", status_code=303)


@router.post("/library/{number}", response_model=None)
def _change(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    name: _Words = "",
    alt: _Words = "",
    begun: Annotated[str, Form(alias="shown", max_length=10_000)] = "",
) -> Response:
    words = item_words(name=name, alt=alt)
    try:
        with transaction(visit.engine) as session:
            change_item(session, visit.actor, own(visit), number, name=name, alt=alt, shown=begun)
    except ContentError as error:
        return _show(visit, faults=[("", error)], status=400)
    except EditConflictError as error:
        with reading(visit.engine) as session:
            kept = get_item(session, own(visit), number)
        now = ItemWords(name=kept.name, alt=kept.alt)
        typed = _Typed(number=number, words=merge_changes(begun, words, now).value)
        clash = worded_clash(error)
        return _show(visit, faults=[("", clash)], typed=typed, status=409)
    there = f"/newsletters/{newsletter}/library?done=changed#item-{number}"
    return RedirectResponse(there, status_code=303)


@router.post("/library/{number}/delete", response_model=None)
def _delete(newsletter: str, number: int, visit: EditorVisit) -> Response:
    try:
        with transaction(visit.engine) as session:
            delete_item(session, visit.actor, own(visit), number)
    except ConflictError as error:
        return _show(visit, faults=[("", error)], status=409)
    return RedirectResponse(f"/newsletters/{newsletter}/library?done=deleted", status_code=303)


class _Choice(BaseModel):
    """An item of the library, its place in a draft, and the draft's revision in the form."""

    item: Annotated[int, Field(ge=1)]
    revision: Annotated[int, Field(ge=0)]
    alt: Annotated[str, Field(max_length=2000)] = ""
    place: Annotated[str, Field(max_length=200)] = ""
    view: Annotated[str, Field(max_length=20)] = ""
    csrf: str = ""


@router.post("/drafts/{draft_number}/library", response_model=None)
def _put(
    newsletter: str,
    draft_number: int,
    visit: EditorVisit,
    chosen: Annotated[_Choice, Form()],
) -> Response:
    """Append an item of the library to a part of a draft."""
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), draft_number)
        kept = get_item(session, own(visit), chosen.item)
    issue = place_block(draft.issue, chosen.place, _block(kept, visit.site.url, chosen.alt))
    try:
        with transaction(visit.engine) as session:
            began = began_with(draft, chosen.revision)
            mine = replace(draft.version, issue=issue)
            save_merged(session, began, mine, author=visit.address, base=draft.version)
    except DraftConflictError as conflict:
        return show_conflict(visit, conflict)
    in_blocks = chosen.view == "blocks"
    tail = f"#block-{chosen.place}" if in_blocks and chosen.place else ""
    return to_draft(newsletter, draft_number, in_blocks=in_blocks, tail=tail)


def _block(item: LibraryItem, site: str, alt: str) -> Picture | File:
    if item.kind is LibraryKind.PICTURE:
        return Picture(source=site + item.path, alt=alt.strip() or item.alt)
    return item_block(item, site + item.path)


def _offered(item: LibraryItem, site: str) -> dict[str, Any]:
    """Return an item for the script of the editor, which shows and inserts it."""
    block = _block(item, site, "")
    return {
        "id": item.id,
        "name": item.name,
        "alt": item.alt,
        "path": item.path,
        "kind": kind_name(item.media_type),
        "source": site + item.path,
        **({"block": blocks_to_json((block,))[0]} if isinstance(block, File) else {}),
    }


def _link(slug: str, use: ItemUse) -> str:
    """Return the URL of a use; empty if it has no page."""
    base = f"/newsletters/{slug}"
    match use.used_by:
        case ContentUser.DRAFT:
            return f"{base}/drafts/{use.number}"
        case ContentUser.ISSUE | ContentUser.MAILING:
            return f"{base}/issues/{use.number}" if use.number else ""
        case ContentUser.PATTERN:
            return f"{base}/patterns"
        case ContentUser.SNIPPET:
            return f"{base}/snippets"
        case ContentUser.LOOK:
            return f"{base}/look"
        case _:
            return ""
