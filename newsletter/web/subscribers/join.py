"""Joining: the page, and the same form for other sites."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine

from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.mailings.join_requests import JoinDesk
from newsletter.newsletters.publications import Newsletter, find_newsletter
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from newsletter.web.hosts import host_of
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from subscribers.join_limits import kept_network
from subscribers.joining import Origin, consent_wording
from subscribers.people import is_time_zone

#: A field that people do not see; whoever fills it is a program, and is thanked for nothing.
HONEYPOT = "website"
_ADDRESS_LENGTH = 320
_ZONE_LENGTH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filled:
    """What came by the form."""

    address: str
    name: str
    language: Language
    time_zone: str
    trapped: bool


def client_of(request: Request) -> str:
    """Return the address a request came from; uvicorn reads it from a trusted proxy's header."""
    return request.client.host if request.client else ""


def joining_router(
    settings: Settings, engine: Engine, pseudonyms: Pseudonyms, pages: Pages
) -> Router:
    """Return the routes of joining."""
    router = Router()
    desk = JoinDesk.of(settings, engine, pseudonyms)

    def _newsletter(slug: str) -> Newsletter:
        with reading(engine) as session:
            return find_newsletter(session, slug)

    def _form(
        newsletter: Newsletter,
        language: Language,
        *,
        filled: _Filled | None = None,
        fault: str = "",
        reason: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        return pages.show(
            "reader/subscribe.html",
            language=language,
            status=status,
            newsletter=newsletter,
            wording=consent_wording(newsletter, language),
            filled=filled,
            fault=fault,
            reason=reason,
            honeypot=HONEYPOT,
            site=settings.public_url,
            here=f"{settings.public_url}/subscribe/{newsletter.slug}",
        )

    @router.get("/subscribe/{slug}")
    def show_form(slug: str, request: Request) -> HTMLResponse:
        newsletter = _newsletter(slug)
        return _form(newsletter, pages.language_of(request, newsletter.language))

    @router.get("/subscribe/{slug}/form")
    def show_markup(slug: str, request: Request) -> HTMLResponse:
        newsletter = _newsletter(slug)
        language = pages.language_of(request, newsletter.language)
        values: dict[str, object] = {
            "newsletter": newsletter,
            "wording": consent_wording(newsletter, language),
            "honeypot": HONEYPOT,
            "action": f"{settings.public_url}/subscribe/{slug}",
        }
        markup = pages.render("reader/form_markup.html", language=language, **values).strip()
        return pages.show(
            "reader/form.html", language=language, status=200, markup=markup, **values
        )

    @router.post("/subscribe/{slug}")
    def request_join(slug: str, request: Request, form: SubmittedForm) -> HTMLResponse:
        newsletter = _newsletter(slug)
        spoken = str(form.get("lang", ""))
        filled = _Filled(
            address=str(form.get("email", ""))[:_ADDRESS_LENGTH],
            name=str(form.get("name", ""))[:_ADDRESS_LENGTH],
            language=Language(spoken)
            if spoken in set(Language)
            else pages.language_of(request, newsletter.language),
            time_zone=str(form.get("time_zone", ""))[:_ZONE_LENGTH],
            trapped=bool(form.get(HONEYPOT)),
        )
        try:
            address = parse_address(filled.address)
        except ListError as error:
            reason = error.in_language(filled.language)
            return _form(
                newsletter,
                filled.language,
                filled=filled,
                fault="address",
                reason=reason,
                status=422,
            )
        origin = Origin(
            source=_source(request, settings),
            network=kept_network(client_of(request), settings.consent_network),
            wording=consent_wording(newsletter, filled.language),
            language=filled.language,
        )
        if not filled.trapped and not desk.take(
            newsletter,
            address,
            name=filled.name or address.name,
            origin=origin,
            client=client_of(request),
            time_zone=filled.time_zone if is_time_zone(filled.time_zone) else "",
        ):
            answer = _form(newsletter, filled.language, filled=filled, fault="many", status=429)
            answer.headers["Retry-After"] = "3600"
            return answer
        return pages.show(
            "reader/sent.html",
            language=filled.language,
            newsletter=newsletter,
            address=address.address,
        )

    return router


def _source(request: Request, settings: Settings) -> str:
    """Return by which page a request came: ours, or a form on another site as its browser says."""
    origin = request.headers.get("origin", "")
    if origin in {"", "null", settings.public_url}:
        return request.url.path
    return f"{request.url.path} from {host_of(origin)}"[:255]
