"""Pictures, files and calendars of issues; the content of a URL never changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from urllib.parse import quote
from weakref import WeakValueDictionary

from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.issues.events import MEDIA_TYPE as CALENDAR
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.images import find_image
from newsletter.issues.library.stored_files import find_file
from newsletter.web.routing import Router

#: Types that browsers display; other files are downloaded.
_SHOWN = frozenset({FILE_KINDS["PDF"], CALENDAR})
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, kw_only=True, slots=True, weakref_slot=True)
class FileContent:
    """The content of a URL."""

    octets: bytes
    media_type: str
    name: str = ""


class SharedContents:
    """Contents that are being sent; each is in memory once for any number of clients.

    If several clients request a content at once, the first one loads it and the others wait.
    """

    def __init__(self, load: Callable[[str], FileContent]) -> None:
        self._load = load
        self._lock = Lock()
        self._loading: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._in_use: WeakValueDictionary[str, FileContent] = WeakValueDictionary()

    def get(self, name: str) -> FileContent:
        """Return a content, which is shared as long as it is referenced."""
        with self._lock:
            loading = self._loading.get(name)
            if loading is None:
                loading = self._loading[name] = Lock()
        with loading:
            content = self._in_use.get(name)
            if content is None:
                content = self._in_use[name] = self._load(name)
            return content


class _SharedAnswer(Response):
    """A response that references its content until it is sent."""

    def __init__(self, content: FileContent, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(content.octets, media_type=media_type, headers=headers)
        self._content = content


def files_router(engine: Engine) -> Router:
    """Return the routes of pictures and files, which anybody with the URL can open."""
    router = Router()

    def load_image(name: str) -> FileContent:
        with reading(engine) as session:
            row = find_image(session, name)
        return FileContent(octets=row.content, media_type=row.media_type)

    def load_file(name: str) -> FileContent:
        with reading(engine) as session:
            row = find_file(session, name)
        return FileContent(octets=row.content, media_type=row.media_type, name=row.name)

    images, files = SharedContents(load_image), SharedContents(load_file)

    @router.get("/images/{name}")
    def image(name: str) -> Response:
        content = images.get(name)
        headers = _KEPT | {
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return _SharedAnswer(content, content.media_type, headers)

    @router.get("/files/{name}")
    def file(name: str) -> Response:
        return _answer(files.get(name), _KEPT)

    return router


def calendar_answer(content: str) -> Response:
    """Return a response with the calendar of an event that is in no mail yet."""
    calendar = FileContent(octets=content.encode(), media_type=CALENDAR, name="event.ics")
    return _answer(calendar, {"Cache-Control": "no-store"})


def _answer(content: FileContent, kept: dict[str, str]) -> Response:
    shown = "inline" if content.media_type in _SHOWN else "attachment"
    # Browsers do not show a PDF within a sandbox; a PDF cannot run scripts of this origin anyway.
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    headers = kept | {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(content.name, safe='')}",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return _SharedAnswer(content, _with_charset(content.media_type), headers)


def _with_charset(media_type: str) -> str:
    return f"{media_type}; charset=utf-8" if media_type == CALENDAR else media_type
