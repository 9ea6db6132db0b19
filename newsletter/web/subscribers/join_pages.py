"""Display of forms for joining, processing of their submissions, and the responses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine
from starlette.datastructures import FormData

from newsletter.addresses import parse_address
from newsletter.database.engine import (
    AWAY,
    is_away,
    reading,
    reason_of,
    transaction,
    waiting_at_most,
)
from newsletter.database.vocabulary import Frequency
from newsletter.errors import ForbiddenError, ListError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.mailings.notices.join_requests import Answer, Applicant, Evidence, JoinRequests
from newsletter.newsletters.publications import (
    Newsletter,
    find_newsletter,
    mail_languages,
    named_languages,
)
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.error_pages import content_policy
from newsletter.web.hosts import host_of
from newsletter.web.pages import Pages
from newsletter.web.routing import READER_SECONDS, client_of
from newsletter.web.site import site_of
from newsletter.web.subscribers.field_inputs import inputs_of, submitted
from subscribers.fields.model import Field
from subscribers.fields.store import list_fields
from subscribers.forms.model import JoinForm, origin_of
from subscribers.forms.proof import SOONEST, stamp_form
from subscribers.forms.store import FormStep, count_step, find_form, list_sites
from subscribers.frequency import offered_frequencies
from subscribers.invitations import may_join, require_sight
from subscribers.join_limits import count_display, may_count_display
from subscribers.joining import Origin, consent_wording
from subscribers.people import is_time_zone

_log = logging.getLogger(__name__)

#: A field that is invisible to people. If it is filled by a program, the program gets a success
#: page and nothing is done.
HONEYPOT = "website"
_ADDRESS_LENGTH = 320
_ZONE_LENGTH = 64
_EVIDENCE_LENGTH = 8_192
#: Seconds that counting the display of a form waits for the database; it can be shown without.
_TALLY_SECONDS = 0.5
_BUSY_STATUS = 503
_BUSY = msg(
    "The service is busy at the moment, and your request was not stored. What you entered is still "
    "here: please press the button again in a minute."
)
_STATUSES = {Answer.TOO_MANY: 429, Answer.TOO_YOUNG: 422, Answer.TOO_OLD: 422}
_WORDS: Mapping[Answer, Message] = {
    Answer.TOO_MANY: msg("There are too many requests at the moment. Please try again in an hour."),
    Answer.TOO_YOUNG: msg("That was very quick. Please press the button once more."),
    Answer.TOO_OLD: msg(
        "This page had been open for more than a day. Please check what you entered and press the "
        "button once more."
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownForm:
    """A newsletter's form with its fields and allowed websites.

    Attributes:
        frequencies: The choices of frequency; empty if the form does not ask for it.
        invitation: The secret of the invitation link; empty without one.
        admitted: Whether the newsletter can be joined, publicly or by the invitation.
    """

    newsletter: Newsletter
    form: JoinForm
    fields: Sequence[Field]
    sites: Sequence[str]
    frequencies: Sequence[Frequency] = ()
    invitation: str = ""
    admitted: bool = True

    @property
    def path(self) -> str:
        """The path of the form."""
        path = f"/subscribe/{self.newsletter.slug}"
        return f"{path}/{self.form.slug}" if self.form.slug else path


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """The submission of a form.

    Attributes:
        questioned: The address that was questioned in the previous submission.
    """

    address: str
    name: str
    language: Language
    time_zone: str
    evidence: Evidence
    given: Mapping[str, object]
    frequency: str = ""
    invitation: str = ""
    mail_language: str = ""
    questioned: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """The error of a submission, and its field; empty if it concerns no field."""

    words: Message | NewsletterError
    status: int
    field: str = ""
    answer: Answer | None = None


class JoinPages:
    """Shows forms for joining, and processes their submissions."""

    def __init__(
        self, settings: Settings, engine: Engine, signer: TokenSigner, pages: Pages
    ) -> None:
        self._settings, self._engine, self._signer = settings, engine, signer
        self._pages = pages
        self.requests = JoinRequests.of(settings, engine, signer)

    def find(
        self, slug: str, name: str = "", *, counted_for: str | None = None, invitation: str = ""
    ) -> ShownForm:
        """Return a form; count its display for the network address ``counted_for``, if given.

        Raises:
            NotFoundError: The form does not exist, or its newsletter is hidden and the invitation
                is not valid.
        """
        with reading(self._engine) as session:
            newsletter = find_newsletter(session, slug)
            require_sight(session, newsletter, invitation)
            form = find_form(session, newsletter.id, name)
            fields = form.asked_of(list_fields(session, newsletter.id))
            sites = list_sites(session, newsletter.id)
            admitted = may_join(session, newsletter, invitation)
            offered = offered_frequencies(session, newsletter.id) if form.asks_frequency else ()
        if counted_for is not None:
            self._count_display(newsletter.id, form.id, counted_for)
        return ShownForm(
            newsletter=newsletter,
            form=form,
            fields=fields,
            sites=sites,
            frequencies=offered,
            invitation=invitation if admitted else "",
            admitted=admitted,
        )

    def _count_display(self, newsletter_id: int, form_id: int | None, client: str) -> None:
        """Count the display of a form, if its limits permit and no lock prevents it."""
        pseudonyms, limits = self.requests.pseudonyms, self.requests.limits
        with reading(self._engine) as session:
            if not may_count_display(session, pseudonyms, limits, client, newsletter_id):
                return
        try:
            with transaction(waiting_at_most(self._engine, _TALLY_SECONDS)) as session:
                if count_display(session, pseudonyms, limits, client, newsletter_id):
                    count_step(session, newsletter_id, form_id, FormStep.SHOWN)
        except AWAY as error:
            if not is_away(error):
                raise
            _log.warning("the display of a form was not counted: %s", reason_of(error))

    def language(self, shown: ShownForm, request: Request) -> Language:
        """Return the language of a form for a visitor."""
        return shown.form.language or self._pages.language_of(request, shown.newsletter.language)

    def page(
        self,
        shown: ShownForm,
        language: Language,
        *,
        framed: bool,
        filled: Filled | None = None,
        fault: Fault | None = None,
    ) -> HTMLResponse:
        """Return the page of a form."""
        # A form that was submitted too early keeps its time, so that it can be submitted again.
        goes_on = filled and fault and fault.answer is Answer.TOO_YOUNG
        page = self._pages.show(
            "reader/subscribe.html",
            language=language,
            status=fault.status if fault else 200 if shown.admitted else 403,
            filled=filled,
            fault=fault,
            stamp=filled.evidence.stamp if filled and goes_on else None,
            site=self._settings.public_url,
            here=f"{self._settings.public_url}{shown.path}",
            **self._values(
                shown,
                language,
                framed=framed,
                given=filled.given if filled else None,
                errors={fault.field: fault.words} if fault else None,
            ),
        )
        self._allow(page, shown, framed=framed)
        return page

    def markup(self, shown: ShownForm, language: Language, *, scripted: bool = False) -> str:
        """Return the HTML of a form for another website, without ids for use of several forms."""
        values = self._values(shown, language, framed=False)
        markup = self._pages.render(
            "reader/form_markup.html",
            language=language,
            action=f"{self._settings.public_url}{shown.path}",
            scripted=scripted,
            filled=None,
            fault=None,
            **values,
        )
        # People read and paste this, so blank lines of omitted parts are removed.
        return "\n".join(line for line in markup.splitlines() if line.strip())

    def sent(
        self, shown: ShownForm, language: Language, address: str, *, framed: bool
    ) -> HTMLResponse:
        """Return the page after a submission, if the form does not redirect elsewhere."""
        page = self._pages.show(
            "reader/sent.html",
            language=language,
            status=200,
            address=address,
            **self._values(shown, language, framed=framed),
        )
        self._allow(page, shown, framed=framed)
        return page

    def take(self, shown: ShownForm, filled: Filled, request: Request) -> Fault | str:
        """Process a submission; return the address of the confirmation mail, or an error."""
        requests = replace(self.requests, engine=waiting_at_most(self._engine, READER_SECONDS))
        try:
            address = parse_address(filled.address)
            answer = requests.take(
                shown.newsletter,
                Applicant(
                    address=address,
                    name=filled.name or address.name,
                    origin=Origin(
                        source=_source(request, self._settings),
                        network=site_of(request).network_to_keep(request),
                        wording=consent_wording(shown.newsletter, filled.language),
                        language=filled.language,
                        mail_language=filled.mail_language,
                    ),
                    client=client_of(request),
                    evidence=filled.evidence,
                    time_zone=filled.time_zone if is_time_zone(filled.time_zone) else "",
                    form=shown.form,
                    given=filled.given,
                    frequency=filled.frequency,
                    invitation=filled.invitation,
                    is_certain=filled.questioned == filled.address,
                ),
            )
        except ListError as error:
            field = (error.place.field if error.place else "") or "email"
            return Fault(words=error, status=422, field=field)
        except ForbiddenError as error:
            return Fault(words=error, status=403)
        except AWAY as error:
            if not is_away(error):
                raise
            _log.warning("a request to join was not stored: %s", reason_of(error))
            return Fault(words=_BUSY, status=_BUSY_STATUS)
        if answer in _STATUSES:
            return Fault(words=_WORDS[answer], status=_STATUSES[answer], answer=answer)
        return address.address

    def _values(
        self,
        shown: ShownForm,
        language: Language,
        *,
        framed: bool,
        given: Mapping[str, object] | None = None,
        errors: Mapping[str, Message | NewsletterError] | None = None,
    ) -> dict[str, object]:
        return {
            "newsletter": shown.newsletter,
            "form": shown.form,
            "invitation": shown.invitation,
            "admitted": shown.admitted,
            "frequencies": shown.frequencies if len(shown.frequencies) > 1 else (),
            "inputs": inputs_of(shown.fields, given or {}, language, errors=errors),
            "mail_languages": named_languages(shown.newsletter)
            if shown.newsletter.languages
            else (),
            "path": shown.path + ("?frame=1" if framed else ""),
            "framed": framed,
            "wording": consent_wording(shown.newsletter, language),
            "honeypot": HONEYPOT,
            "soonest": SOONEST,
            "fresh_stamp": stamp_form(self._signer, shown.newsletter.id),
        }

    @staticmethod
    def _allow(page: Response, shown: ShownForm, *, framed: bool) -> None:
        """Allow the newsletter's websites to frame the page, and to be the form's target."""
        page.headers["Content-Security-Policy"] = content_policy(
            frame_ancestors=["'self'", *shown.sites] if framed else (),
            form_action=[origin_of(shown.form.success_url)] if shown.form.success_url else (),
        )

    def answer(
        self, shown: ShownForm, request: Request, form: FormData, *, framed: bool
    ) -> Response:
        """Process a submission, and return a page."""
        filled = read_filled(form, shown, self.language(shown, request))
        outcome = self.take(shown, filled, request)
        if isinstance(outcome, Fault):
            page = self.page(shown, filled.language, framed=framed, filled=filled, fault=outcome)
            return _with_patience(page, outcome)
        if shown.form.success_url and not framed:
            return RedirectResponse(shown.form.success_url, status_code=303)
        return self.sent(shown, filled.language, outcome, framed=framed)

    def answer_script(self, shown: ShownForm, request: Request, form: FormData) -> Response:
        """Process a submission of a script on another website, and return JSON.

        Raises:
            ForbiddenError: The website does not belong to the newsletter.
        """
        self.require_site(shown, request)
        filled = read_filled(form, shown, self.language(shown, request))
        outcome = self.take(shown, filled, request)
        if isinstance(outcome, Fault):
            content = {
                "message": outcome.words.in_language(filled.language),
                "field": outcome.field,
            }
            answer = _with_patience(JSONResponse(content, status_code=outcome.status), outcome)
        else:
            message = msg(
                "We have sent an email to {address}. Open the link in it and press the button "
                "there; then you are done.",
                address=outcome,
            )
            content = {
                "message": message.in_language(filled.language),
                "next": shown.form.success_url,
            }
            answer = JSONResponse(content)
        return share(answer, shown, request)

    def require_site(self, shown: ShownForm, request: Request) -> None:
        """Refuse scripts on websites that do not belong to the newsletter.

        Raises:
            ForbiddenError: The website does not belong to the newsletter.
        """
        origin = request.headers.get("origin", "")
        if origin and origin not in {self._settings.public_url, *shown.sites}:
            raise ForbiddenError(
                msg("Forms of this newsletter may not be used from {origin}.", origin=origin[:200]),
                remedy=msg("Add this website to those of the newsletter."),
            )


def read_filled(form: FormData, shown: ShownForm, usual: Language) -> Filled:
    """Return the submission of a form, with each value cut to its maximum length."""
    page_language, mail_language = str(form.get("lang", "")), str(form.get("mail_language", ""))
    return Filled(
        address=str(form.get("email", ""))[:_ADDRESS_LENGTH],
        name=str(form.get("name", ""))[:_ADDRESS_LENGTH],
        language=Language(page_language) if page_language in set(Language) else usual,
        time_zone=str(form.get("time_zone", ""))[:_ZONE_LENGTH],
        evidence=Evidence(
            stamp=str(form.get("shown", ""))[:_EVIDENCE_LENGTH],
            work=str(form.get("altcha", ""))[:_EVIDENCE_LENGTH],
            trap=str(form.get(HONEYPOT, ""))[:_ZONE_LENGTH],
        ),
        given=submitted(form, shown.fields),
        frequency=str(form.get("frequency", ""))[:_ZONE_LENGTH],
        invitation=str(form.get("invitation", ""))[:_ZONE_LENGTH],
        questioned=str(form.get("questioned", ""))[:_ADDRESS_LENGTH],
        mail_language=mail_language if mail_language in mail_languages(shown.newsletter) else "",
    )


def share(answer: Response, shown: ShownForm, request: Request) -> Response:
    """Allow scripts on the newsletter's websites to read a response (CORS)."""
    origin = request.headers.get("origin", "")
    answer.headers["Vary"] = "Origin"
    if origin in shown.sites:
        answer.headers["Access-Control-Allow-Origin"] = origin
    return answer


def _with_patience(answer: Response, fault: Fault) -> Response:
    if fault.answer is Answer.TOO_MANY:
        answer.headers["Retry-After"] = "3600"
    elif fault.status == _BUSY_STATUS:
        answer.headers["Retry-After"] = "60"
    return answer


def _source(request: Request, settings: Settings) -> str:
    """Return the page that sent a request: ours, or another website according to the browser."""
    origin = request.headers.get("origin", "")
    if origin in {"", "null", settings.public_url}:
        return request.url.path
    return f"{request.url.path} from {host_of(origin)}"[:255]
