"""Uploads of pictures and files, which are stored and inserted into a draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Form, UploadFile
from fastapi.responses import JSONResponse, Response

from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError
from newsletter.issues.cards import File
from newsletter.issues.drafts.merging import save_merged
from newsletter.issues.drafts.saving import DraftConflictError, get_draft
from newsletter.issues.library.images import LARGEST_PICTURE, encode_image
from newsletter.issues.library.stored_files import LARGEST_FILE, file_block, read_upload
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import Picture, blocks_to_json
from newsletter.newsletters.issue_actions import add_file, add_picture
from newsletter.web.access import EditorVisit, Visit, own
from newsletter.web.issues.blocks import place_block
from newsletter.web.issues.draft_pages import show_conflict, show_draft, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.submission import EditorForm, error_fields
from newsletter.web.routing import Router, up_to

_Field = Annotated[str, Form(max_length=2000)]


class _Upload:
    """The common fields of both forms: the draft, the place, the revision of the form."""

    def __init__(
        self,
        newsletter: str,
        number: int,
        visit: EditorVisit,
        file: UploadFile,
        revision: Annotated[int, Form(ge=0)],
        place: _Field = "",
        view: _Field = "",
    ) -> None:
        self.newsletter, self.number, self.visit = newsletter, number, visit
        self.file, self.revision, self.place = file, revision, place
        self.in_blocks = view == "blocks"


_Uploaded = Annotated[_Upload, Depends()]


def _picture(visit: Visit, newsletter_id: int, file: UploadFile, alt: str) -> Picture:
    name = file.filename or ""
    encoded = encode_image(file.file.read(LARGEST_PICTURE + 1), source=name[:100])
    with transaction(visit.engine) as session:
        path = add_picture(session, visit.actor, newsletter_id, encoded, alt=alt, name=name)
    return Picture(source=visit.site.url + path, alt=alt.strip())


def _file(visit: Visit, newsletter_id: int, file: UploadFile) -> File:
    read = read_upload(file.file.read(LARGEST_FILE + 1), name=file.filename or "")
    with transaction(visit.engine) as session:
        path = add_file(session, visit.actor, newsletter_id, read)
    return file_block(read, visit.site.url + path)


def _told(block: Picture | File) -> dict[str, Any]:
    """Return a block for the script that inserts it."""
    told = (
        {"source": block.source}
        if isinstance(block, Picture)
        else {"block": blocks_to_json((block,))[0]}
    )
    return {"markdown": blocks_to_markdown([block]), **told}


snippet_router = Router(prefix="/newsletters/{newsletter}/snippets")
router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")


@snippet_router.post("/pictures", dependencies=[up_to(2 * LARGEST_PICTURE)])
def _keep_picture(visit: EditorVisit, file: UploadFile, alt: _Field = "") -> JSONResponse:
    return _tell(visit, lambda: _picture(visit, own(visit), file, alt))


@snippet_router.post("/files", dependencies=[up_to(2 * LARGEST_FILE)])
def _keep_file(visit: EditorVisit, file: UploadFile) -> JSONResponse:
    return _tell(visit, lambda: _file(visit, own(visit), file))


def _tell(visit: Visit, keep: Callable[[], Picture | File]) -> JSONResponse:
    try:
        return JSONResponse(_told(keep()))
    except ContentError as error:
        return JSONResponse(error_fields(error, visit.language), status_code=422)


@router.post("/pictures", response_model=None, dependencies=[up_to(2 * LARGEST_PICTURE)])
def _put_picture(upload: _Uploaded, alt: _Field = "") -> Response:
    """Append a picture to a part, or return its URL to a script, which inserts it."""
    return _put(upload, lambda of: _picture(upload.visit, of, upload.file, alt))


@router.post("/files", response_model=None, dependencies=[up_to(2 * LARGEST_FILE)])
def _put_file(upload: _Uploaded) -> Response:
    """Append a file to a part, or return its block to a script, which inserts it."""
    return _put(upload, lambda of: _file(upload.visit, of, upload.file))


def _put(upload: _Upload, keep: Callable[[int], Picture | File]) -> Response:
    by_script = "application/json" in upload.visit.request.headers.get("accept", "")
    visit = upload.visit
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), upload.number)
    try:
        block = keep(draft.newsletter_id)
        if by_script:
            return JSONResponse(_told(block))
        issue = place_block(draft.issue, upload.place, block)
        with transaction(visit.engine) as session:
            began = began_with(draft, upload.revision)
            mine = replace(draft.version, issue=issue)
            save_merged(session, began, mine, author=visit.address, base=draft.version)
    except DraftConflictError as conflict:
        return show_conflict(visit, conflict)
    except ContentError as error:
        if by_script:
            return JSONResponse(error_fields(error, visit.language), status_code=422)
        written = EditorForm.of(draft, in_blocks=upload.in_blocks)
        return show_draft(visit, draft, written, status=422, error=error)
    tail = f"#block-{upload.place}" if upload.in_blocks and upload.place else ""
    return to_draft(upload.newsletter, upload.number, in_blocks=upload.in_blocks, tail=tail)
