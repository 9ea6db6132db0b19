"""Files of issues and calendars of their events, under addresses whose content never changes."""

from __future__ import annotations

from urllib.parse import quote

from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.issues.calendars import MEDIA_TYPE as CALENDAR
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.stored_files import find_file
from newsletter.web.routing import Router

#: What browsers show in a window of their own; all else is saved.
_SHOWN = frozenset({FILE_KINDS["PDF"], CALENDAR})


def files_router(engine: Engine) -> Router:
    """Return the route of files, which everybody may follow who has the address."""
    router = Router()

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        with reading(engine) as session:
            row = find_file(session, name)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return _answer(row.content, row.media_type, row.name, kept)

    return router


def calendar_answer(content: str) -> Response:
    """Return an event's calendar that belongs to no mail yet."""
    return _answer(content.encode(), CALENDAR, "event.ics", {"Cache-Control": "no-store"})


def _answer(content: bytes, media_type: str, name: str, kept: dict[str, str]) -> Response:
    shown = "inline" if media_type in _SHOWN else "attachment"
    # A sandbox would keep browsers from showing a PDF; it cannot run scripts of this origin.
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    headers = kept | {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return Response(content, media_type=_with_charset(media_type), headers=headers)


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type == CALENDAR else media_type
