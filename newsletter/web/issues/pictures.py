"""Pictures brought into a draft: kept, and put where they are wanted."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ContentError
from newsletter.issues.drafts import Draft, DraftConflictError, get_draft, save_draft
from newsletter.issues.images import encode_image
from newsletter.issues.markdown_writer import blocks_to_markdown
from newsletter.issues.model import Picture
from newsletter.newsletters import issue_actions
from newsletter.settings import Settings
from newsletter.web.access import EditorVisit, Visit, own
from newsletter.web.issues.blocks import place_block
from newsletter.web.issues.draft_pages import DraftPages, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.submission import Written, told
from newsletter.web.routing import Router, up_to

#: Octets; one more than `encode_image` takes.
_LARGEST_PICTURE = 10_000_001
_Field = Annotated[str, Form(max_length=2000)]


def pictures_router(engine: Engine, settings: Settings, shown: DraftPages) -> Router:
    """Return the route by which a picture comes in."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")

    def _keep(visit: Visit, draft: Draft, file: UploadFile, alt: str) -> Picture:
        encoded = encode_image(file.file.read(_LARGEST_PICTURE), source=(file.filename or "")[:100])
        with transaction(engine) as session:
            path = issue_actions.add_picture(
                session, visit.actor, draft.newsletter_id, encoded, alt=alt
            )
        return Picture(source=settings.public_url.rstrip("/") + path, alt=alt.strip())

    def _place(visit: Visit, draft: Draft, revision: int, place: str, picture: Picture) -> None:
        issue = place_block(draft.issue, place, picture)
        with transaction(engine) as session:
            save_draft(session, began_with(draft, revision), issue, author=visit.address)

    @router.post("/pictures", response_model=None, dependencies=[up_to(2 * _LARGEST_PICTURE)])
    def add_picture(  # noqa: PLR0917 - the form's fields
        newsletter: str,
        number: int,
        visit: EditorVisit,
        request: Request,
        file: UploadFile,
        revision: Annotated[int, Form(ge=0)],
        alt: _Field = "",
        place: _Field = "",
        view: _Field = "",
    ) -> Response:
        """Put a picture at the end of a part; tell a script, which places it, its address."""
        by_script = "application/json" in request.headers.get("accept", "")
        in_blocks = view == "blocks"
        with reading(engine) as session:
            draft = get_draft(session, own(visit), number)
        try:
            picture = _keep(visit, draft, file, alt)
            if by_script:
                markdown = blocks_to_markdown([picture])
                return JSONResponse({"source": picture.source, "markdown": markdown})
            _place(visit, draft, revision, place, picture)
        except DraftConflictError as conflict:
            return shown.conflict(visit, request, conflict)
        except ContentError as error:
            if by_script:
                return JSONResponse(told(error, visit.language), status_code=422)
            written = Written.of(draft, in_blocks=in_blocks)
            return shown.show(visit, request, draft, written, status=422, error=error)
        tail = f"#block-{place}" if in_blocks and place else ""
        return to_draft(newsletter, number, in_blocks=in_blocks, tail=tail)

    return router
