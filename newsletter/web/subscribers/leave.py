"""Unsubscribing: a page with one button, and one-click POST (RFC 8058). GET changes nothing."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from sqlalchemy import Engine

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import LeaveReason, UnsubscribeWay
from newsletter.mailings.notices.join_requests import send_settings_link
from newsletter.mailings.planning.links import read_link
from newsletter.settings import Settings
from newsletter.tokens import Purpose, TokenSigner
from newsletter.web.pages import Pages, named_language
from newsletter.web.routing import Router, SubmittedForm, add_routes
from subscribers.join_limits import JoinLimits, count_address
from subscribers.leaving import give_reason, unsubscribe, unsubscribe_from_all
from subscribers.preferences import pause
from subscribers.readers import find_relation

#: Weeks of the pause that the page offers as an alternative.
_PAUSE_WEEKS = 4


def leaving_router(settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages) -> Router:
    """Return the routes for unsubscribing."""
    router = Router()

    def _show(name: str, token: str, request: Request, **values: object) -> HTMLResponse:
        with reading(engine) as session:
            ref = read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            relation = find_relation(session, ref)
        return pages.show(
            f"reader/{name}",
            language=named_language(request) or relation.language,
            status=200,
            relation=relation,
            newsletter=relation.newsletter,
            weeks=_PAUSE_WEEKS,
            here=f"/u/{token}",
            **values,
        )

    @router.get("/u/{token}")
    def ask(token: str, request: Request) -> HTMLResponse:
        return _show("unsubscribe.html", token, request)

    @router.post("/u/{token}")
    def leave(token: str, request: Request, form: SubmittedForm) -> Response:
        one_click = form.get("List-Unsubscribe") == "One-Click"
        way = UnsubscribeWay.ONE_CLICK if one_click else UnsubscribeWay.PAGE
        with transaction(engine) as session:
            ref = read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            unsubscribe(
                session,
                newsletter_id=ref.newsletter_id,
                subscriber_id=ref.subscriber_id,
                mailing_id=ref.mailing_id or None,
                way=way,
            )
        if one_click:
            return PlainTextResponse("unsubscribed")
        return _show("left.html", token, request, everything=False)

    @router.post("/u/{token}/all")
    def leave_all(token: str, request: Request) -> HTMLResponse:
        with transaction(engine) as session:
            ref = read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            unsubscribe_from_all(
                session,
                subscriber_id=ref.subscriber_id,
                mailing_id=ref.mailing_id or None,
                way=UnsubscribeWay.PAGE,
            )
        return _show("left.html", token, request, everything=True)

    @router.post("/u/{token}/reason")
    def keep_reason(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
        chosen = str(form.get("reason", ""))
        with transaction(engine) as session:
            ref = read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            give_reason(
                session,
                newsletter_id=ref.newsletter_id,
                subscriber_id=ref.subscriber_id,
                reason=LeaveReason(chosen) if chosen in set(LeaveReason) else None,
                remark=str(form.get("remark", "")),
            )
        return _show("left.html", token, request, everything=False, thanked=True)

    def _pause(token: str, weeks: int) -> datetime | None:
        with transaction(engine) as session:
            ref = read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            return pause(
                session,
                find_relation(session, ref).subscriber_id,
                weeks=weeks,
                newsletter_ids=[ref.newsletter_id],
            )

    @router.post("/u/{token}/pause")
    def hold(token: str, request: Request) -> HTMLResponse:
        until = _pause(token, _PAUSE_WEEKS)
        # If the reader unsubscribed in another window, the page says so.
        return _show("paused.html" if until else "unsubscribe.html", token, request, until=until)

    @router.post("/u/{token}/resume")
    def go_on(token: str, request: Request) -> HTMLResponse:
        _pause(token, 0)
        return _show("unsubscribe.html", token, request, resumed=True)

    add_routes(router, _settings_router(settings, engine, signer, pages))
    return router


def _settings_router(
    settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
) -> Router:
    """Return the route that mails a link to the preferences."""
    router = Router()

    @router.post("/u/{token}/settings")
    def mail_settings(token: str, request: Request) -> HTMLResponse:
        """Mail a link to the preferences, since mail servers may have logged the present link."""
        with reading(engine) as session:
            relation = find_relation(
                session, read_link(session, signer, Purpose.UNSUBSCRIBE, token)
            )
        limits = JoinLimits.of(settings)
        with transaction(engine) as session:
            if relation.address and count_address(
                session, signer.pseudonyms, limits, parse_address(relation.address).key
            ):
                send_settings_link(
                    session,
                    relation.newsletter,
                    relation.subscriber_id,
                    language=relation.language,
                    templates_dir=settings.templates_dir,
                )
        return pages.show(
            "reader/settings_mailed.html",
            language=named_language(request) or relation.language,
            newsletter=relation.newsletter,
        )

    return router
