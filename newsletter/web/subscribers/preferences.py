"""Preferences: what somebody receives and how, the data held of them, and its erasure."""

from __future__ import annotations

import json

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.audit import READER
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.i18n.language import Language, nearest_language, time_zone_names
from newsletter.mailings.links import read_link
from newsletter.newsletters.publications import get_newsletter
from newsletter.settings import Settings
from newsletter.tokens import DeliveryRef, Pseudonyms, Purpose, TokenSigner
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.subscribers.join import client_of
from subscribers.actions import erase_person
from subscribers.join_limits import kept_network
from subscribers.preferences import (
    PAUSES,
    Wishes,
    data_held,
    find_reader,
    known_of,
    list_choices,
    save_wishes,
)


def preferences_router(
    settings: Settings, engine: Engine, signer: TokenSigner, pseudonyms: Pseudonyms, pages: Pages
) -> Router:
    """Return the routes of choosing."""
    router = Router()

    def _read(session: Session, token: str) -> DeliveryRef:
        return read_link(session, signer, Purpose.PREFERENCES, token)

    def _show(name: str, token: str, **values: object) -> HTMLResponse:
        with reading(engine) as session:
            ref = _read(session, token)
            reader = find_reader(session, ref.subscriber_id)
            choices = list_choices(session, ref.subscriber_id)
            newsletter = get_newsletter(session, ref.newsletter_id)
            known = known_of(session, ref.newsletter_id, ref.subscriber_id)
            held = data_held(session, ref.subscriber_id) if name == "data.html" else {}
        return pages.show(
            f"reader/{name}",
            language=nearest_language(known.language, newsletter.language),
            status=200,
            reader=reader,
            known=known,
            choices=choices,
            newsletter=newsletter,
            held=held,
            pauses=PAUSES,
            zones=time_zone_names(nearest_language(known.language, newsletter.language)),
            paused_until=max((c.paused_until for c in choices if c.paused_until), default=None),
            here=f"/p/{token}",
            leave="/u/" + signer.sign_delivery(Purpose.UNSUBSCRIBE, ref),
            **values,
        )

    @router.get("/p/{token}")
    def preferences(token: str) -> HTMLResponse:
        return _show("preferences.html", token, saved=False)

    @router.post("/p/{token}")
    def save(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
        spoken, weeks = str(form.get("language", "")), str(form.get("pause", ""))
        ticked = [str(value) for value in form.getlist("newsletter")]
        wishes = Wishes(
            name=str(form.get("name", "")),
            language=Language(spoken) if spoken in set(Language) else Language.JAPANESE,
            html=form.get("format") != "text",
            newsletter_ids=frozenset(int(value) for value in ticked if _is_number(value)),
            time_zone=str(form["time_zone"]) if "time_zone" in form else None,
            weeks=int(weeks) if weeks in map(str, (0, *PAUSES)) else None,
        )
        with transaction(engine) as session:
            ref = _read(session, token)
            save_wishes(
                session,
                ref.subscriber_id,
                wishes,
                newsletter_id=ref.newsletter_id,
                source="preferences page",
                network=kept_network(client_of(request), settings.consent_network),
                mailing_id=ref.mailing_id or None,
            )
        return _show("preferences.html", token, saved=True)

    @router.get("/p/{token}/data")
    def data(token: str) -> HTMLResponse:
        return _show("data.html", token)

    @router.get("/p/{token}/data.json")
    def download(token: str) -> Response:
        with reading(engine) as session:
            held = data_held(session, _read(session, token).subscriber_id)
        return Response(
            json.dumps(held, ensure_ascii=False, indent=2),
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="newsletter-data.json"'},
        )

    @router.get("/p/{token}/erase")
    def ask(token: str) -> HTMLResponse:
        return _show("erase.html", token, unsure=False)

    @router.post("/p/{token}/erase")
    def erase_reader(token: str, form: SubmittedForm) -> HTMLResponse:
        if form.get("sure") != "yes":
            return _show("erase.html", token, unsure=True)
        with reading(engine) as session:
            ref = _read(session, token)
            find_reader(session, ref.subscriber_id)
            newsletter = get_newsletter(session, ref.newsletter_id)
            known = known_of(session, ref.newsletter_id, ref.subscriber_id)
        with transaction(engine) as session:
            erase_person(
                session,
                READER,
                ref.subscriber_id,
                pseudonyms,
                way=UnsubscribeWay.PAGE,
            )
        language = nearest_language(known.language, newsletter.language)
        return pages.show("reader/erased.html", language=language, newsletter=newsletter)

    return router


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - no id is longer
