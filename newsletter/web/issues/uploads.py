"""Pictures and files brought into a draft: kept, and put where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError
from newsletter.issues.cards import File
from newsletter.issues.drafts.merging import save_merged
from newsletter.issues.drafts.saving import DraftConflictError, get_draft
from newsletter.issues.library.images import encode_image
from newsletter.issues.library.stored_files import LARGEST_FILE, file_block, read_upload
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import Picture, blocks_to_json
from newsletter.newsletters.issue_actions import add_file, add_picture
from newsletter.settings import Settings
from newsletter.web.access import EditorVisit, own
from newsletter.web.issues.blocks import place_block
from newsletter.web.issues.draft_pages import DraftPages, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.submission import EditorForm, error_fields
from newsletter.web.routing import Router, up_to

#: Octets; one more than `encode_image` takes.
_LARGEST_PICTURE = 10_000_001
_Field = Annotated[str, Form(max_length=2000)]
_Kept = TypeVar("_Kept", Picture, File)


class _Upload:
    """What both forms hold besides their own: the draft, the place, the revision begun with."""

    def __init__(
        self,
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        file: UploadFile,
        revision: Annotated[int, Form(ge=0)],
        place: _Field = "",
        view: _Field = "",
    ) -> None:
        self.newsletter, self.number, self.visit, self.request = newsletter, number, visit, request
        self.file, self.revision, self.place = file, revision, place
        self.name = file.filename or ""
        self.in_blocks = view == "blocks"


_Uploaded = Annotated[_Upload, Depends()]


def uploads_router(engine: Engine, settings: Settings, shown: DraftPages) -> Router:
    """Return the routes by which pictures and files come into a draft."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")
    site = settings.public_url.rstrip("/")

    @router.post("/pictures", response_model=None, dependencies=[up_to(2 * _LARGEST_PICTURE)])
    def put_picture(upload: _Uploaded, alt: _Field = "") -> Response:
        """Put a picture at the end of a part; tell a script, which places it, its address."""

        def keep(newsletter_id: int) -> Picture:
            encoded = encode_image(
                upload.file.file.read(_LARGEST_PICTURE), source=upload.name[:100]
            )
            with transaction(engine) as session:
                path = add_picture(
                    session, upload.visit.actor, newsletter_id, encoded, alt=alt, name=upload.name
                )
            return Picture(source=site + path, alt=alt.strip())

        return put(upload, keep, lambda picture: {"source": picture.source})

    @router.post("/files", response_model=None, dependencies=[up_to(2 * LARGEST_FILE)])
    def put_file(upload: _Uploaded) -> Response:
        """Put a file at the end of a part; to a script, which places it, tell the block."""

        def keep(newsletter_id: int) -> File:
            read = read_upload(upload.file.file.read(LARGEST_FILE + 1), name=upload.name)
            with transaction(engine) as session:
                path = add_file(session, upload.visit.actor, newsletter_id, read)
            return file_block(read, site + path)

        return put(upload, keep, lambda file: {"block": blocks_to_json((file,))[0]})

    def put(
        upload: _Upload, keep: Callable[[int], _Kept], describe: Callable[[_Kept], dict[str, Any]]
    ) -> Response:
        by_script = "application/json" in upload.request.headers.get("accept", "")
        visit, request = upload.visit, upload.request
        with reading(engine) as session:
            draft = get_draft(session, own(visit), upload.number)
        try:
            block = keep(draft.newsletter_id)
            if by_script:
                return JSONResponse({"markdown": blocks_to_markdown([block]), **describe(block)})
            issue = place_block(draft.issue, upload.place, block)
            with transaction(engine) as session:
                began = began_with(draft, upload.revision)
                mine = replace(draft.version, issue=issue)
                save_merged(session, began, mine, author=visit.address, base=draft.version)
        except DraftConflictError as conflict:
            return shown.conflict(visit, request, conflict)
        except ContentError as error:
            if by_script:
                return JSONResponse(error_fields(error, visit.language), status_code=422)
            written = EditorForm.of(draft, in_blocks=upload.in_blocks)
            return shown.show(visit, request, draft, written, status=422, error=error)
        tail = f"#block-{upload.place}" if upload.in_blocks and upload.place else ""
        return to_draft(upload.newsletter, upload.number, in_blocks=upload.in_blocks, tail=tail)

    return router
