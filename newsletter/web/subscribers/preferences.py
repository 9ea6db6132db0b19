"""The reader's pages of preferences, of the held data, and for its erasure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from newsletter.accounts.audit import READER
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Frequency, UnsubscribeWay
from newsletter.edit_conflicts import shown_of
from newsletter.errors import ListError, NewsletterError
from newsletter.i18n.language import Language, language_for, time_zone_names
from newsletter.i18n.messages import Message
from newsletter.mailings.mailings import titles_of_mailings
from newsletter.mailings.planning.links import read_link
from newsletter.newsletters.publications import (
    chosen_language,
    get_newsletter,
    mail_languages,
    named_languages,
)
from newsletter.tokens import DeliveryRef, Purpose
from newsletter.web.pages import named_language
from newsletter.web.routing import Router, SubmittedForm
from newsletter.web.site import Site, site_of
from newsletter.web.subscribers.field_inputs import inputs_of, submitted
from newsletter.web.subscribers.held_words import held_lists, mailings_in
from subscribers.actions import erase_person
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.fields.values import values_of
from subscribers.held_data import data_held
from subscribers.joining import PREFERENCES_PAGE, consent_wording
from subscribers.preferences import PAUSES, Wishes, join_offered, own_of, save_wishes
from subscribers.readers import (
    NewsletterChoice,
    ReaderSettings,
    find_reader,
    goes_elsewhere,
    is_on_list,
    known_of,
    list_choices,
)

router = Router()


@router.get("/p/{token}")
def preferences(token: str, request: Request) -> HTMLResponse:
    """Show the preferences."""
    return _show("preferences.html", token, request, saved=False)


@router.post("/p/{token}")
def save(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
    """Save the preferences."""
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = _read(session, site, token)
        own, language = _own_fields(session, ref), _language_of(session, ref, request)
        newsletter = get_newsletter(session, ref.newsletter_id)
        known = known_of(session, ref.newsletter_id, ref.subscriber_id)
        before = chosen_language(newsletter, known.language)
    wishes = replace(_wishes_of(form, language), values=submitted(form, own))
    try:
        with transaction(site.reader_engine) as session:
            ref = _read(session, site, token)
            save_wishes(
                session,
                ref.subscriber_id,
                wishes,
                newsletter_id=ref.newsletter_id,
                source=PREFERENCES_PAGE,
                network=site.network_to_keep(request),
                mailing_id=ref.mailing_id or None,
            )
    except ListError as error:
        return _show(
            "preferences.html",
            token,
            request,
            status=422,
            typed=wishes,
            errors={error.field: error.message},
            saved=False,
        )
    # The next page uses the chosen language instead of the one in the URL.
    other = wishes.mail_language if wishes.mail_language != before else ""
    chosen = language_for(other, language) if other else None
    return _show("preferences.html", token, request, saved=True, chosen=chosen)


@router.post("/p/{token}/join")
def join(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
    """Join another newsletter that is offered."""
    site, number = site_of(request), str(form.get("newsletter", ""))
    with transaction(site.reader_engine) as session:
        ref = _read(session, site, token)
        join_offered(
            session,
            ref.subscriber_id,
            int(number) if _is_number(number) else 0,
            language=_language_of(session, ref, request),
            like=ref.newsletter_id,
            network=site.network_to_keep(request),
        )
    return _show("preferences.html", token, request, saved=True)


@router.get("/p/{token}/data")
def data(token: str, request: Request) -> HTMLResponse:
    """Show the data that is held."""
    return _show("data.html", token, request)


@router.get("/p/{token}/data.json")
def download(token: str, request: Request) -> Response:
    """Return the data that is held as a file."""
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = _read(session, site, token)
        held = data_held(session, ref.subscriber_id, _language_of(session, ref, request))
    return Response(
        json.dumps(held, ensure_ascii=False, indent=2),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="newsletter-data.json"'},
    )


@router.get("/p/{token}/erase")
def ask(token: str, request: Request) -> HTMLResponse:
    """Ask whether the data is to be erased."""
    return _show("erase.html", token, request, unsure=False)


@router.post("/p/{token}/erase")
def erase_reader(token: str, request: Request, form: SubmittedForm) -> HTMLResponse:
    """Erase the reader."""
    if form.get("sure") != "yes":
        return _show("erase.html", token, request, unsure=True)
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = _read(session, site, token)
        find_reader(session, ref.subscriber_id)
        newsletter = get_newsletter(session, ref.newsletter_id)
        language = _language_of(session, ref, request)
    with transaction(site.reader_engine) as session:
        erase_person(session, READER, ref.subscriber_id, site.pseudonyms, way=UnsubscribeWay.PAGE)
    return site.pages.show("reader/erased.html", language=language, newsletter=newsletter)


def _show(
    name: str,
    token: str,
    request: Request,
    *,
    status: int = 200,
    typed: Wishes | None = None,
    errors: Mapping[str, Message | NewsletterError] | None = None,
    chosen: Language | None = None,
    **values: object,
) -> HTMLResponse:
    """Show a page of the link's reader, with an input and its errors."""
    site = site_of(request)
    with reading(site.reader_engine) as session:
        ref = _read(session, site, token)
        reader = find_reader(session, ref.subscriber_id)
        choices = list_choices(session, ref.subscriber_id)
        newsletter = get_newsletter(session, ref.newsletter_id)
        known = known_of(session, ref.newsletter_id, ref.subscriber_id)
        language = chosen or _language_of(session, ref, request)
        wordings = _wordings(session, choices, language)
        held = data_held(session, ref.subscriber_id, language) if name == "data.html" else {}
        subjects = titles_of_mailings(session, mailings_in(held))
        own = _own_fields(session, ref)
        moved = goes_elsewhere(session, ref.subscriber_id)
        held_values = values_of(session, ref.newsletter_id, ref.subscriber_id)
        shown = shown_of(own_of(session, ref.newsletter_id, ref.subscriber_id))
    shown_ids = frozenset(each.newsletter_id for each in choices if each.subscribed)
    zones = time_zone_names(language)
    if typed is not None:
        known = _as_typed(known, typed, mail_languages(newsletter), dict(zones))
        shown = typed.shown
        shown_ids = shown_ids if typed.shown_ids is None else typed.shown_ids
        choices = [
            replace(
                c,
                subscribed=c.newsletter_id in typed.newsletter_ids,
                frequency=typed.frequencies.get(c.newsletter_id, (0, c.frequency))[1],
            )
            for c in choices
        ]
    return site.pages.show(
        f"reader/{name}",
        language=language,
        status=status,
        inputs=inputs_of(
            own, held_values if typed is None else typed.values, language, errors=errors
        ),
        reader=reader,
        known=known,
        choices=choices,
        shown=shown,
        shown_ids=sorted(shown_ids),
        ticked=typed.newsletter_ids if typed is not None else frozenset({ref.newsletter_id}),
        moved=moved and not any(choice.subscribed for choice in choices),
        offers=_offers(choices, ref.newsletter_id),
        wordings=wordings,
        newsletter=newsletter,
        held=held,
        held_lists=held_lists(
            held,
            {choice.slug: choice.name for choice in choices},
            newsletter.time_zone,
            subjects=subjects,
        ),
        pauses=PAUSES,
        mail_languages=named_languages(newsletter),
        mail_language=chosen_language(newsletter, known.language),
        zones=zones,
        weeks=None if typed is None else typed.weeks,
        paused_until=max((c.paused_until for c in choices if c.paused_until), default=None),
        here=f"/p/{token}",
        leave="/u/" + site.signer.sign_delivery(Purpose.UNSUBSCRIBE, ref),
        **values,
    )


def _read(session: Session, site: Site, token: str) -> DeliveryRef:
    """Return the reader and mailing of a link."""
    return read_link(session, site.signer, Purpose.PREFERENCES, token)


def _language_of(session: Session, ref: DeliveryRef, request: Request) -> Language:
    """Return the language in the page's URL, or else that of the reader's mail."""
    if (named := named_language(request)) is not None:
        return named
    known = known_of(session, ref.newsletter_id, ref.subscriber_id)
    return language_for(known.language, get_newsletter(session, ref.newsletter_id).language)


def _as_typed(
    known: ReaderSettings,
    typed: Wishes,
    languages: Collection[str],
    zones: Collection[str],
) -> ReaderSettings:
    """Return the settings with the inputs, for a page with errors."""
    is_offered = typed.mail_language in languages
    is_zone = typed.time_zone == "" or typed.time_zone in zones
    return replace(
        known,
        name=typed.name,
        format="html" if typed.html else "text",
        language=typed.mail_language if is_offered else known.language,
        time_zone=typed.time_zone or "" if is_zone else known.time_zone,
    )


def _offers(choices: Sequence[NewsletterChoice], newsletter_id: int) -> list[NewsletterChoice]:
    """Return the newsletters that a reader does not receive, except that of the link."""
    return [
        choice
        for choice in choices
        if not choice.subscribed and choice.newsletter_id != newsletter_id
    ]


def _wordings(
    session: Session, choices: Sequence[NewsletterChoice], language: Language
) -> dict[int, str]:
    """Return the wording of consent for each newsletter that a reader does not receive."""
    return {
        choice.newsletter_id: consent_wording(
            get_newsletter(session, choice.newsletter_id), language
        )
        for choice in choices
        if not choice.subscribed
    }


def _wishes_of(form: FormData, language: Language) -> Wishes:
    """Return the wishes of a submission, whose page was in ``language``, without fields."""
    weeks = str(form.get("pause", ""))
    ticked = [str(value) for value in form.getlist("newsletter")]
    frequencies = {}
    for name, value in form.items():
        number = name.removeprefix("frequency-")
        shown = str(form.get(f"shown-{number}", ""))
        if number != name and _is_number(number) and {str(value), shown} <= set(Frequency):
            frequencies[int(number)] = (Frequency(shown), Frequency(str(value)))
    if weeks == "0" and form.get("shown-pause") == "0":
        weeks = ""
    return Wishes(
        name=str(form.get("name", "")),
        language=language,
        mail_language=str(form.get("language", "")),
        html=form.get("format") != "text",
        newsletter_ids=frozenset(int(value) for value in ticked if _is_number(value)),
        time_zone=str(form["time_zone"]) if "time_zone" in form else None,
        frequencies=frequencies,
        weeks=int(weeks) if weeks in map(str, (0, *PAUSES)) else None,
        shown_ids=frozenset(map(int, filter(_is_number, str(form["shown-newsletters"]).split())))
        if "shown-newsletters" in form
        else None,
        shown=str(form.get("shown", "")),
    )


def _own_fields(session: Session, ref: DeliveryRef) -> list[Field]:
    """Return the fields that a reader may change; none if they are not on the list."""
    if not is_on_list(session, ref.newsletter_id, ref.subscriber_id):
        return []
    return [field for field in list_fields(session, ref.newsletter_id) if field.reader_may_change]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - no id is longer
