"""Unsubscribing by programs: POST /api/unsubscribe with the operator's token."""

from __future__ import annotations

import hmac

from fastapi import Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from newsletter.addresses import parse_address
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.errors import ListError, NotFoundError
from newsletter.newsletters.publications import find_newsletter, list_newsletters
from newsletter.web.routing import Guard, Router
from newsletter.web.site import site_of
from subscribers.leaving import unsubscribe, unsubscribe_from_all
from subscribers.people import find_person


class UnsubscribeOrder(BaseModel):
    """The address and the newsletter to unsubscribe; without newsletter, all of them."""

    address: str = Field(max_length=320)
    newsletter: str | None = Field(default=None, max_length=64)


class RequiresToken(Guard):
    """The guard of routes for programs, which checks the operator's token before the body."""

    async def admit(self, request: Request) -> None:
        """Refuse a request without the token.

        Raises:
            HTTPException: The token is missing or wrong, or no setting permits any.
        """
        token = site_of(request).settings.api_token
        if token is None:
            raise HTTPException(404)
        shown = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(shown, f"Bearer {token.get_secret_value()}".encode()):
            raise HTTPException(
                401,
                "The token is missing or wrong.",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def __call__(self, request: Request) -> None:
        """See `admit`; for routes that do not call their guards first."""
        await self.admit(request)


router = Router(prefix="/api")


@router.post("/unsubscribe", dependencies=[Depends(RequiresToken())])
def leave(order: UnsubscribeOrder, request: Request) -> Response:
    """Unsubscribe an address."""
    try:
        return JSONResponse({"left": _leave(site_of(request).reader_engine, order)})
    except (ListError, NotFoundError) as error:
        return JSONResponse({"error": str(error)}, status_code=422)


def _leave(engine: Engine, order: UnsubscribeOrder) -> list[str]:
    address = parse_address(order.address)
    way = UnsubscribeWay.API
    with transaction(engine) as session:
        slugs = {row.id: row.slug for row in list_newsletters(session)}
        newsletter = find_newsletter(session, order.newsletter) if order.newsletter else None
        person = find_person(session, address)
        if person is None:
            return []
        if newsletter is None:
            left = unsubscribe_from_all(session, subscriber_id=person.id, mailing_id=None, way=way)
            return [slugs[number] for number in left]
        has_left = unsubscribe(
            session, newsletter_id=newsletter.id, subscriber_id=person.id, mailing_id=None, way=way
        )
        return [newsletter.slug] if has_left else []
