"""Joining: the page, and the same form for other sites."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import Engine
from starlette.datastructures import FormData

from newsletter.addresses import parse_address
from newsletter.database.engine import reading
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.mailings.join_requests import Answer, Evidence, JoinDesk
from newsletter.newsletters.publications import Newsletter, find_newsletter
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.hosts import host_of
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, SubmittedForm
from subscribers.forms.proof import stamp_form
from subscribers.join_limits import kept_network
from subscribers.joining import Origin, consent_wording
from subscribers.people import is_time_zone

#: A field that people do not see; whoever fills it is a program, and is thanked for nothing.
HONEYPOT = "website"
_ADDRESS_LENGTH = 320
_ZONE_LENGTH = 64
_EVIDENCE_LENGTH = 8_192
_STATUSES = {Answer.TOO_MANY: 429, Answer.TOO_YOUNG: 422, Answer.TOO_OLD: 422}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filled:
    """What came by the form."""

    address: str
    name: str
    language: Language
    time_zone: str
    evidence: Evidence


def client_of(request: Request) -> str:
    """Return the address a request came from; uvicorn reads it from a trusted proxy's header."""
    return request.client.host if request.client else ""


def joining_router(settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages) -> Router:
    """Return the routes of joining."""
    router = Router()
    desk = JoinDesk.of(settings, engine, signer)

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
            # Of a form that came too early, the time goes on: pressed again, it is of age.
            stamp=filled.evidence.stamp
            if filled and fault == Answer.TOO_YOUNG
            else stamp_form(signer, newsletter.id),
            site=settings.public_url,
            here=f"{settings.public_url}/subscribe/{newsletter.slug}",
        )

    @router.get("/subscribe/{slug}")
    def show_form(slug: str, request: Request) -> HTMLResponse:
        newsletter = _newsletter(slug)
        return _form(newsletter, pages.language_of(request, newsletter.language))

    @router.get("/subscribe/{slug}/challenge")
    def make_challenge(slug: str) -> JSONResponse:
        return JSONResponse(desk.work.challenge(_newsletter(slug).id))

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
        filled = _read(form, pages.language_of(request, newsletter.language))
        origin = Origin(
            source=_source(request, settings),
            network=kept_network(client_of(request), settings.consent_network),
            wording=consent_wording(newsletter, filled.language),
            language=filled.language,
        )
        try:
            address = parse_address(filled.address)
            answer = desk.take(
                newsletter,
                address,
                name=filled.name or address.name,
                origin=origin,
                client=client_of(request),
                evidence=filled.evidence,
                time_zone=filled.time_zone if is_time_zone(filled.time_zone) else "",
            )
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
        if answer in _STATUSES:
            page = _form(
                newsletter, filled.language, filled=filled, fault=answer, status=_STATUSES[answer]
            )
            if answer is Answer.TOO_MANY:
                page.headers["Retry-After"] = "3600"
            return page
        return pages.show(
            "reader/sent.html",
            language=filled.language,
            newsletter=newsletter,
            address=address.address,
        )

    return router


def _read(form: FormData, usual: Language) -> _Filled:
    """Return what came by a form, cut to what any of it may have."""
    spoken = str(form.get("lang", ""))
    return _Filled(
        address=str(form.get("email", ""))[:_ADDRESS_LENGTH],
        name=str(form.get("name", ""))[:_ADDRESS_LENGTH],
        language=Language(spoken) if spoken in set(Language) else usual,
        time_zone=str(form.get("time_zone", ""))[:_ZONE_LENGTH],
        evidence=Evidence(
            stamp=str(form.get("shown", ""))[:_EVIDENCE_LENGTH],
            work=str(form.get("altcha", ""))[:_EVIDENCE_LENGTH],
            trap=str(form.get(HONEYPOT, ""))[:_ZONE_LENGTH],
        ),
    )


def _source(request: Request, settings: Settings) -> str:
    """Return by which page a request came: ours, or a form on another site as its browser says."""
    origin = request.headers.get("origin", "")
    if origin in {"", "null", settings.public_url}:
        return request.url.path
    return f"{request.url.path} from {host_of(origin)}"[:255]
