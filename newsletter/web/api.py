"""The way out for programs: POST /api/unsubscribe with the operator's token."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from newsletter.database.engine import transaction
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.errors import ListError, NotFoundError
from newsletter.settings import Settings
from subscribers.addresses import parse_address
from subscribers.leaving import unsubscribe, unsubscribe_from_all
from subscribers.newsletters import find_newsletter, list_newsletters
from subscribers.people import find_person


class UnsubscribeOrder(BaseModel):
    """Whom to unsubscribe, and from what; from everything when no newsletter is named."""

    address: str = Field(max_length=320)
    newsletter: str | None = Field(default=None, max_length=64)


def api_router(settings: Settings, engine: Engine) -> APIRouter:
    """Return the routes for programs; without a token in the settings there are none."""
    router = APIRouter(prefix="/api")
    if settings.api_token is None:
        return router
    expected = f"Bearer {settings.api_token.get_secret_value()}".encode()

    @router.post("/unsubscribe")
    def leave(order: UnsubscribeOrder, authorization: Annotated[str, Header()] = "") -> Response:
        if not hmac.compare_digest(authorization.encode(), expected):
            return JSONResponse(
                {"error": "The token is missing or wrong."},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        try:
            return JSONResponse({"left": _leave(engine, order)})
        except (ListError, NotFoundError) as error:
            return JSONResponse({"error": str(error)}, status_code=422)

    return router


def _leave(engine: Engine, order: UnsubscribeOrder) -> list[str]:
    address = parse_address(order.address)
    way = UnsubscribeWay.API
    with transaction(engine) as session:
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        wanted = find_newsletter(session, order.newsletter) if order.newsletter else None
        person = find_person(session, address)
        if person is None:
            return []
        if wanted is None:
            left = unsubscribe_from_all(session, subscriber_id=person.id, mailing_id=None, way=way)
            return [slugs[number] for number in left]
        gone = unsubscribe(
            session, newsletter_id=wanted.id, subscriber_id=person.id, mailing_id=None, way=way
        )
        return [wanted.slug] if gone else []
