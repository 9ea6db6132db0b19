"""The page of a newsletter's digests: whether and when they are sent, their look, the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import DigestDetail, Frequency
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, ListError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailings.digests.opening import DigestSetting, list_digests, preview_digest
from newsletter.mailings.digests.rules import (
    DIGESTS,
    DigestTerms,
    count_by_frequency,
    find_rules,
    pause_digest,
    resume_digest,
    set_digest,
    terms_of,
)
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.publications import Newsletter
from newsletter.newsletters.templates import own_templates
from newsletter.rendering.environment import templates_in
from newsletter.web.access import (
    SeeingVisit,
    Visit,
    doing,
    newsletter_of,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.issues.shown_as import in_frame, show_to_reader
from newsletter.web.newsletters.choice_names import structure_name
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_Text = Annotated[str, Field(max_length=4000)]


class _Form(BaseModel):
    """The settings of a digest as they were entered."""

    offered: bool = False
    day: int = 0
    hour: _Text = ""
    everywhere: bool = False
    introduction: _Text = ""
    detail: DigestDetail = DigestDetail.SUMMARIES
    template: _Text = ""
    shown: Annotated[str, Field(max_length=20_000)] = ""

    def terms(self) -> DigestTerms:
        """Return the settings as a value."""
        values: dict[str, Any] = self.model_dump(exclude={"shown"})
        values["introduction"] = self.introduction.replace("\r\n", "\n").strip()
        return DigestTerms(**values)


_TypedForm = Annotated[_Form, Form()]


def _show(
    visit: Visit,
    *,
    error: NewsletterError | None = None,
    typed: tuple[Frequency, DigestTerms] | None = None,
    begun: str = "",
) -> HTMLResponse:
    """Show the page with an input and its error; ``begun`` is the state shown by the form."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        rules = find_rules(session, row.id)
        own = [name for name, _ in own_templates(row)]
        readers = count_by_frequency(session, row.id)
        shown = []
        for frequency in DIGESTS:
            rule = rules.get(frequency)
            preview, fault = None, None
            if rule is not None:
                try:
                    preview = preview_digest(session, row, rule, _setting(visit))
                except NewsletterError as failed:
                    fault = failed
            terms = terms_of(rule, frequency)
            kept = shown_of(terms)
            if typed is not None and typed[0] is frequency:
                terms, kept = typed[1], begun or kept
            shown.append((frequency, rule, terms, preview, fault, kept))
        digests = list_digests(session, row.id)
    return show_page(
        visit,
        "newsletters/digests.html",
        status=400 if error else 200,
        newsletter=row,
        shown=shown,
        readers=readers,
        digests=digests,
        details=DigestDetail,
        templates=[
            (name, structure_name(name, visit.language)) for name in [*_shipped(visit), *own]
        ],
        error=error,
        wrong=typed[0].value if typed and error else "",
        notice=visit.request.query_params.get("done", ""),
    )


def _change_digest(visit: Visit, frequency: Frequency, form: _Form) -> Response:
    """Save the settings of a digest, or show their errors."""
    terms = form.terms()
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        kept = terms_of(find_rules(session, row.id).get(frequency), frequency)
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            _require_template(visit, row, terms.template)
            set_digest(session, visit.actor, row, frequency, terms, shown=form.shown)
    except EditConflictError as error:
        merged = merge_changes(form.shown, terms, kept).value
        clash = worded_clash(error)
        return _show(visit, error=clash, typed=(frequency, merged))
    except ListError as error:
        typed = (frequency, terms)
        return _show(visit, error=error, typed=typed, begun=form.shown)
    return _back(visit.request, f"/{frequency}", "saved")


def _require_template(visit: Visit, row: Newsletter, name: str) -> None:
    """Refuse an unknown template.

    Raises:
        ListError: The template does not exist.
    """
    own = [each for each, _ in own_templates(row)]
    if name and name not in [*_shipped(visit), *own]:
        raise ListError(msg("There is no template “{template}”.", template=name))


def _setting(visit: Visit) -> DigestSetting:
    return DigestSetting.of(visit.site.settings)


def _shipped(visit: Visit) -> Sequence[str]:
    return [*templates_in(visit.site.settings.templates_dir).names()]


router = Router(prefix="/newsletters/{newsletter}/digests")


@router.get("")
def _show_digests(visit: SeeingVisit) -> HTMLResponse:
    return _show(visit)


@router.get("/{frequency}/mail")
def _show_next(frequency: str, visit: SeeingVisit) -> Response:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        rule = find_rules(session, row.id).get(_frequency(frequency))
        digest = preview_digest(session, row, rule, _setting(visit)) if rule else None
    if digest is None or digest.rendered is None:
        raise NotFoundError(msg("No issue waits for this digest."))
    shown = show_to_reader(digest.rendered, sample_reader(visit.language), dark=False)
    return in_frame(shown.html, visit.site.settings.public_url)


@router.post("/{frequency}")
def _change(
    frequency: str,
    visit: Annotated[Visit, doing(Action.NEWSLETTER_DIGEST)],
    form: _TypedForm,
) -> Response:
    return _change_digest(visit, _frequency(frequency), form)


@router.post("/{frequency}/pause")
def _pause(frequency: str, visit: Annotated[Visit, doing(Action.DIGEST_PAUSE)]) -> Response:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            pause_digest(session, visit.actor, row, _frequency(frequency))
    except ConflictError as error:
        return _show(visit, error=error)
    return _back(visit.request, f"/{frequency}/pause", "paused")


@router.post("/{frequency}/resume")
def _resume(
    frequency: str,
    visit: Annotated[Visit, doing(Action.DIGEST_RESUME)],
    without: Annotated[str, Form()] = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            resume_digest(
                session,
                visit.actor,
                row,
                _frequency(frequency),
                without_waiting=bool(without),
            )
    except ConflictError as error:
        return _show(visit, error=error)
    return _back(visit.request, f"/{frequency}/resume", "resumed")


def _frequency(text: str) -> Frequency:
    if text not in {each.value for each in DIGESTS}:
        raise NotFoundError(msg("A digest is weekly or monthly."))
    return Frequency(text)


def _back(request: Request, cut: str, done: str) -> Response:
    return RedirectResponse(f"{request.url.path.removesuffix(cut)}?done={done}", status_code=303)
