"""Leaving: a page with one button, and the one-click POST of RFC 8058. GET changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import SubscriptionState, UnsubscribeWay
from newsletter.errors import NotFoundError
from newsletter.language import Language
from newsletter.tokens import DeliveryRef, Purpose, TokenSigner
from newsletter.web.pages import Pages
from subscribers.leaving import unsubscribe


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """Somebody's relation to a newsletter, as their link shows it."""

    ref: DeliveryRef
    newsletter: str
    address: str
    name: str
    language: Language
    format: str
    subscribed: bool


def find_relation(engine: Engine, ref: DeliveryRef) -> Relation:
    """Return whom a link is about.

    Raises:
        NotFoundError: That subscription is no more.
    """
    with reading(engine) as session:
        row = session.execute(
            select(NewsletterRow.name, SubscriberRow, SubscriptionRow.state)
            .join(SubscriptionRow, SubscriptionRow.newsletter_id == NewsletterRow.id)
            .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
            .where(NewsletterRow.id == ref.newsletter_id, SubscriberRow.id == ref.subscriber_id)
        ).one_or_none()
    if row is None:
        raise NotFoundError("That subscription is no more.")
    newsletter, subscriber, state = row
    return Relation(
        ref=ref,
        newsletter=newsletter,
        address=subscriber.address or "",
        name=subscriber.name,
        language=subscriber.language,
        format=subscriber.format,
        subscribed=state is not SubscriptionState.UNSUBSCRIBED,
    )


def leaving_router(engine: Engine, signer: TokenSigner, pages: Pages) -> APIRouter:
    """Return the routes of leaving and choosing."""
    router = APIRouter()

    @router.get("/u/{token}")
    def ask(token: str) -> HTMLResponse:
        relation = find_relation(engine, signer.read_delivery(Purpose.UNSUBSCRIBE, token))
        return pages.show("unsubscribe.html", language=relation.language, relation=relation)

    @router.post("/u/{token}")
    async def leave(token: str, request: Request) -> Response:
        ref = signer.read_delivery(Purpose.UNSUBSCRIBE, token)
        async with request.form(max_files=1, max_fields=10) as form:
            one_click = form.get("List-Unsubscribe") == "One-Click"
        way = UnsubscribeWay.ONE_CLICK if one_click else UnsubscribeWay.PAGE
        _leave(ref, way)
        if one_click:
            return PlainTextResponse("unsubscribed")
        relation = find_relation(engine, ref)
        return pages.show("left.html", language=relation.language, relation=relation)

    def _leave(ref: DeliveryRef, way: UnsubscribeWay) -> None:
        with transaction(engine) as session:
            unsubscribe(
                session,
                newsletter_id=ref.newsletter_id,
                subscriber_id=ref.subscriber_id,
                mailing_id=ref.mailing_id or None,
                way=way,
            )

    @router.get("/p/{token}")
    def preferences(token: str) -> HTMLResponse:
        relation = find_relation(engine, signer.read_delivery(Purpose.PREFERENCES, token))
        return _preferences(relation, saved=False)

    @router.post("/p/{token}")
    async def save_preferences(token: str, request: Request) -> HTMLResponse:
        ref = signer.read_delivery(Purpose.PREFERENCES, token)
        async with request.form(max_files=0, max_fields=10) as form:
            name, language = str(form.get("name", "")), str(form.get("language", ""))
            body_format = str(form.get("format", ""))
        with transaction(engine) as session:
            subscriber = session.get(SubscriberRow, ref.subscriber_id)
            if subscriber is None:
                raise NotFoundError("That subscription is no more.")
            subscriber.name = "".join(filter(str.isprintable, name)).strip()[:200]
            subscriber.format = "text" if body_format == "text" else "html"
            if language in set(Language):
                subscriber.language = Language(language)
        return _preferences(find_relation(engine, ref), saved=True)

    def _preferences(relation: Relation, *, saved: bool) -> HTMLResponse:
        return pages.show(
            "preferences.html",
            language=relation.language,
            relation=relation,
            saved=saved,
            leave=signer.sign_delivery(Purpose.UNSUBSCRIBE, relation.ref),
        )

    return router
