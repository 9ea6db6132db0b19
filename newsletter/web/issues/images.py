"""Pictures of issues, under addresses whose content never changes."""

from __future__ import annotations

from fastapi.responses import Response
from sqlalchemy import Engine

from newsletter.database.engine import reading
from newsletter.issues.library.images import find_image
from newsletter.web.routing import Router


def images_router(engine: Engine) -> Router:
    """Return the route of pictures."""
    router = Router()

    @router.get("/images/{name}")
    def image(name: str) -> Response:
        with reading(engine) as session:
            row = find_image(session, name)
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Response(row.content, media_type=row.media_type, headers=headers)

    return router
