"""Files of a newsletter's look: the style sheet of readers' pages, a picture for social networks.

Both have a version in their URL, which changes with the look, so that browsers can cache them. For
a hidden newsletter, the picture is not served, and the URL of the style sheet cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.errors import NotFoundError
from newsletter.i18n.language import Language
from newsletter.issues.library.images import find_image
from newsletter.newsletters.look.model import LookPicture, look_of, look_version
from newsletter.newsletters.look.properties import StyleSheet, social_picture, style_sheet
from newsletter.newsletters.publications import Newsletter, find_newsletter
from newsletter.web.routing import Router
from newsletter.web.site import site_of
from subscribers.invitations import require_sight

_KEPT = "public, max-age=31536000, immutable"
_ASKED_AGAIN = "public, max-age=300"


def look_sheet_path(newsletter: Newsletter, language: Language) -> str:
    """Return the path of the style sheet of a newsletter's look."""
    version = _sheet_version(newsletter, style_sheet(look_of(newsletter), language))
    return f"/looks/{newsletter.slug}/{language.value}.css?v={version}"


def _sheet_version(newsletter: Newsletter, sheet: StyleSheet) -> str:
    """Return the version of a style sheet, which cannot be guessed for a hidden newsletter.

    Looks can be equal, so the version includes the secret microsecond of the newsletter's creation.
    """
    if not newsletter.is_hidden:
        return sheet.version
    return sha256(f"{sheet.version} {newsletter.created_at.isoformat()}".encode()).hexdigest()[:32]


def look_picture_path(newsletter: Newsletter) -> str:
    """Return the path of the picture for social networks."""
    return f"/looks/{newsletter.slug}/social.png?v={_picture_version(newsletter)}"


def _picture_version(newsletter: Newsletter) -> str:
    return look_version(look_of(newsletter))


router = Router(prefix="/looks/{slug}")


@router.get("/social.png")
def _picture(slug: str, request: Request, v: str = "") -> Response:
    site = site_of(request)
    with reading(site.engine) as session:
        row = find_newsletter(session, slug)
        require_sight(session, row, "")
        look = look_of(row)
        header, logo = (_content(session, each) for each in (look.header, look.logo))
    return _answer(
        request,
        lambda: social_picture(look, header, logo),
        media_type="image/png",
        version=_picture_version(row),
        asked=v,
    )


@router.get("/{language}.css")
def _sheet(slug: str, language: Language, request: Request, v: str = "") -> Response:
    site = site_of(request)
    with reading(site.engine) as session:
        row = find_newsletter(session, slug)
        found = style_sheet(look_of(row), language)
        version = _sheet_version(row, found)
        if v != version:
            require_sight(session, row, "")
    return _answer(
        request,
        found.text.encode,
        media_type="text/css",
        version=version,
        asked=v,
    )


def _content(session: Session, picture: LookPicture | None) -> bytes | None:
    if picture is None:
        return None
    try:
        return find_image(session, picture.path.removeprefix("/images/")).content
    except NotFoundError:
        return None


def _answer(
    request: Request, content: Callable[[], bytes], *, media_type: str, version: str, asked: str
) -> Response:
    """Return the file, or status 304 if the browser has it (RFC 9110, 13.1.2)."""
    headers = {
        "ETag": f'"{version}"',
        "Cache-Control": _KEPT if asked == version else _ASKED_AGAIN,
    }
    if f'"{version}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content(), media_type=media_type, headers=headers)
