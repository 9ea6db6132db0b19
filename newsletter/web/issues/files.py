"""Files of issues and calendars of their events, under addresses whose content never changes."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError
from newsletter.issues.calendars import MEDIA_TYPE as CALENDAR
from newsletter.issues.drafts import DraftConflictError, get_draft, save_draft
from newsletter.issues.files import FILE_KINDS
from newsletter.issues.markdown_writer import blocks_to_markdown
from newsletter.issues.model import blocks_to_json
from newsletter.issues.stored_files import (
    LARGEST_FILE,
    file_block,
    find_file,
    keep_file,
    read_upload,
)
from newsletter.settings import Settings
from newsletter.web.access import EditorVisit, own
from newsletter.web.issues.blocks import place_block
from newsletter.web.issues.draft_pages import DraftPages, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.submission import Written, told
from newsletter.web.routing import Router, up_to

#: What browsers show in a window of their own; all else is saved.
_SHOWN = frozenset({FILE_KINDS["PDF"], CALENDAR})
_Field = Annotated[str, Form(max_length=2000)]


def files_router(engine: Engine) -> Router:
    """Return the route of files, which everybody may follow who has the address."""
    router = Router()

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        with reading(engine) as session:
            row = find_file(session, name)
        shown = "inline" if row.media_type in _SHOWN else "attachment"
        # A sandbox would keep browsers from showing a PDF; it cannot run scripts of this origin.
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(row.name, safe='')}",
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
        }
        return Response(row.content, media_type=_with_charset(row.media_type), headers=headers)

    return router


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type == CALENDAR else media_type


def uploads_router(engine: Engine, settings: Settings, shown: DraftPages) -> Router:
    """Return the route by which a file comes into a draft."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")

    @router.post("/files", response_model=None, dependencies=[up_to(2 * LARGEST_FILE)])
    def add_file(
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        file: UploadFile,
        revision: Annotated[int, Form(ge=0)],
        place: _Field = "",
        view: _Field = "",
    ) -> Response:
        """Put a file at the end of a part; to a script, which places it, tell the block."""
        by_script = "application/json" in request.headers.get("accept", "")
        in_blocks = view == "blocks"
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
        try:
            upload = read_upload(file.file.read(LARGEST_FILE + 1), name=file.filename or "")
            with transaction(engine) as session:
                path = keep_file(session, draft.newsletter_id, upload)
            block = file_block(upload, settings.public_url.rstrip("/") + path)
            if by_script:
                written = blocks_to_markdown([block])
                return JSONResponse({"markdown": written, "block": blocks_to_json((block,))[0]})
            issue = place_block(draft.issue, place, block)
            with transaction(engine) as session:
                save_draft(session, began_with(draft, revision), issue, author=visit.address)
        except DraftConflictError as conflict:
            return shown.conflict(visit, request, conflict)
        except ContentError as error:
            if by_script:
                return JSONResponse(told(error, visit.language), status_code=422)
            kept = Written.of(draft, in_blocks=in_blocks)
            return shown.show(visit, request, draft, kept, status=422, error=error)
        tail = f"#block-{place}" if in_blocks and place else ""
        return to_draft(newsletter, number, in_blocks=in_blocks, tail=tail)

    return router
