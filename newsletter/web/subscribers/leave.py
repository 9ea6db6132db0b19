"""Unsubscribing: a page with one button, and one-click POST (RFC 8058). GET changes nothing."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import LeaveReason, UnsubscribeWay
from newsletter.mailings.notices.join_requests import send_settings_link
from newsletter.mailings.planning.links import read_link
from newsletter.tokens import Purpose
from newsletter.web.pages import named_language
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.site import site_of
from newsletter.web.subscribers.unsubscribe_spool import UnsubscribeRequest
from subscribers.join_limits import JoinLimits, count_address
from subscribers.leaving import give_reason
from subscribers.preferences import pause
from subscribers.readers import find_relation

#: Weeks of the pause that the page offers as an alternative.
_PAUSE_WEEKS = 4

router = Router()


@router.get("/u/{token}")
def ask(token: str, request: Request) -> HTMLResponse:
    """Show the button."""
    return _show("unsubscribe.html", token, request)


@router.post("/u/{token}")
def leave(token: str, request: Request, form: SubmittedForm) -> Response:
    """Unsubscribe, by the button or in one click of a mail program."""
    if form.get("List-Unsubscribe") == "One-Click":
        _leave(token, request, UnsubscribeWay.ONE_CLICK, everything=False)
        return PlainTextResponse("unsubscribed")
    _leave(token, request, UnsubscribeWay.PAGE, everything=False)
    return _show("left.html", token, request, everything=False)


@router.post("/u/{token}/all")
def leave_all(token: str, request: Request) -> HTMLResponse:
    """Unsubscribe from every newsletter."""
    _leave(token, request, UnsubscribeWay.PAGE, everything=True)
    return _show("left.html", token, request, everything=True)


@router.post("/u/{token}/reason")
def keep_reason(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
    """Store the reason of who unsubscribed."""
    site, chosen = site_of(request), str(form.get("reason", ""))
    with transaction(site.reader_engine) as session:
        ref = read_link(session, site.signer, Purpose.UNSUBSCRIBE, token)
        give_reason(
            session,
            newsletter_id=ref.newsletter_id,
            subscriber_id=ref.subscriber_id,
            reason=LeaveReason(chosen) if chosen in set(LeaveReason) else None,
            remark=str(form.get("remark", "")),
        )
    return _show("left.html", token, request, everything=False, thanked=True)


@router.post("/u/{token}/pause")
def hold(token: str, request: Request) -> HTMLResponse:
    """Pause instead of unsubscribing."""
    until = _pause(token, request, _PAUSE_WEEKS)
    # If the reader unsubscribed in another window, the page says so.
    return _show("paused.html" if until else "unsubscribe.html", token, request, until=until)


@router.post("/u/{token}/resume")
def go_on(token: str, request: Request) -> HTMLResponse:
    """End the pause."""
    _pause(token, request, 0)
    return _show("unsubscribe.html", token, request, resumed=True)


@router.post("/u/{token}/settings")
def mail_settings(token: str, request: Request) -> HTMLResponse:
    """Mail a link to the preferences, since mail servers may have logged the present link."""
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = read_link(session, site.signer, Purpose.UNSUBSCRIBE, token)
        relation = find_relation(session, ref)
    with transaction(site.reader_engine) as session:
        if relation.address and count_address(
            session,
            site.pseudonyms,
            JoinLimits.of(site.settings),
            parse_address(relation.address).key,
        ):
            send_settings_link(
                session,
                relation.newsletter,
                relation.subscriber_id,
                language=relation.language,
                templates_dir=site.settings.templates_dir,
            )
    return site.pages.show(
        "reader/settings_mailed.html",
        language=named_language(request) or relation.language,
        newsletter=relation.newsletter,
    )


def _leave(token: str, request: Request, way: UnsubscribeWay, *, everything: bool) -> None:
    site = site_of(request)
    ref = site.signer.read_delivery(Purpose.UNSUBSCRIBE, token)
    site.unsubscribe_spool.carry_out(UnsubscribeRequest(ref=ref, way=way, everything=everything))


def _pause(token: str, request: Request, weeks: int) -> datetime | None:
    site = site_of(request)
    with transaction(site.reader_engine) as session:
        ref = read_link(session, site.signer, Purpose.UNSUBSCRIBE, token)
        return pause(
            session,
            find_relation(session, ref).subscriber_id,
            weeks=weeks,
            newsletter_ids=[ref.newsletter_id],
        )


def _show(name: str, token: str, request: Request, **values: object) -> HTMLResponse:
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = read_link(session, site.signer, Purpose.UNSUBSCRIBE, token)
        relation = find_relation(session, ref)
    return site.pages.show(
        f"reader/{name}",
        language=named_language(request) or relation.language,
        status=200,
        relation=relation,
        newsletter=relation.newsletter,
        weeks=_PAUSE_WEEKS,
        here=f"/u/{token}",
        **values,
    )
