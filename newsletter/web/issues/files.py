"""Pictures and files of issues, and calendars of events: what lies at an address never changes."""

from __future__ import annotations

from urllib.parse import quote

from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.issues.calendars import MEDIA_TYPE as CALENDAR
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.images import find_image
from newsletter.issues.library.stored_files import find_file
from newsletter.web.routing import Router

#: What browsers show in a window of their own; all else is saved.
_SHOWN = frozenset({FILE_KINDS["PDF"], CALENDAR})
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def files_router(engine: Engine) -> Router:
    """Return the routes of pictures and files, for everybody who has the address."""
    router = Router()

    @router.get("/images/{name}")
    def image(name: str) -> Response:
        with reading(engine) as session:
            row = find_image(session, name)
        headers = _KEPT | {
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Response(row.content, media_type=row.media_type, headers=headers)

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        with reading(engine) as session:
            row = find_file(session, name)
        return _answer(row.content, row.media_type, row.name, _KEPT)

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
