"""The form for a newsletter's settings and for new newsletters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Joining, Visibility
from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of
from newsletter.errors import ConflictError, NotFoundError
from newsletter.feedback.policy import (
    MOST_DAYS,
    MOST_SOFT,
    FeedbackPolicy,
    find_policy_faults,
    load_policy,
    set_policy,
)
from newsletter.i18n.language import SUGGESTED_LANGUAGES, Language, time_zone_names
from newsletter.i18n.messages import Message, msg
from newsletter.newsletters.actions import change_settings, create_newsletter
from newsletter.newsletters.look.designs import DESIGNS, find_design
from newsletter.newsletters.publications import (
    Newsletter,
    NewsletterDraft,
    NewsletterSettings,
    find_faults,
    merge_settings,
    settings_of_newsletter,
)
from newsletter.newsletters.templates import own_templates
from newsletter.rendering.environment import templates_in
from newsletter.web.access import (
    AdministratorVisit,
    OverallAdministratorVisit,
    Visit,
    newsletter_of,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.newsletters.choice_names import structure_name
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, read_number

_Text = Annotated[str, Field(max_length=4000)]


#: Separators between the names of languages.
_BETWEEN_LANGUAGES = re.compile("[,;、，；・\n]")


#: Fields of the form that are no settings of the newsletter.
_BESIDE_SETTINGS = {"shown", "soft_limit", "soft_days", "complaint_everywhere", "shown_policy"}


class _Form(BaseModel):
    """The submitted settings, whose errors are shown next to their fields."""

    slug: _Text = ""
    design: _Text = "standard"
    name: _Text = ""
    from_name: _Text = ""
    from_address: _Text = ""
    reply_to: _Text = ""
    postal_address: _Text = ""
    bounce_address: _Text = ""
    unsubscribe_address: _Text = ""
    website_url: _Text = ""
    contact_url: _Text = ""
    language: Language = Language.JAPANESE
    languages: Annotated[list[_Text], Field(max_length=50)] = []
    time_zone: _Text = ""
    template: _Text = ""
    visibility: Visibility = Visibility.PRIVATE
    joining: Joining = Joining.UNLISTED
    description: _Text = ""
    approval_required: bool = False
    count_clicks: bool = False
    shown: Annotated[str, Field(max_length=100_000)] = ""
    soft_limit: _Text = ""
    soft_days: _Text = ""
    complaint_everywhere: bool = False
    shown_policy: Annotated[str, Field(max_length=1000)] = ""

    def values(self) -> dict[str, Any]:
        """Return the settings, stripped and with normalized line ends."""
        values = {
            name: value.replace("\r\n", "\n").strip() if type(value) is str else value
            for name, value in self.model_dump(exclude=_BESIDE_SETTINGS).items()
        }
        languages = map(str.strip, _BETWEEN_LANGUAGES.split("\n".join(self.languages)))
        return values | {"languages": tuple(filter(None, languages))}

    def policy(self) -> FeedbackPolicy:
        """Return the handling of bounces; a text that is no number becomes 0, out of range."""
        return FeedbackPolicy(
            soft_limit=read_number(self.soft_limit.strip()) or 0,
            soft_days=read_number(self.soft_days.strip()) or 0,
            complaint_everywhere=self.complaint_everywhere,
        )


_TypedForm = Annotated[_Form, Form()]


def _names(visit: Visit, row: Newsletter | None) -> list[str]:
    """Return the templates that a newsletter may use, including its own."""
    names = [name for name, _ in own_templates(row)] if row else []
    return [*templates_in(visit.site.settings.templates_dir).names(), *names]


def _faults(
    visit: Visit, settings: NewsletterSettings, row: Newsletter | None = None
) -> dict[str, Message]:
    """Return the errors by field."""
    faults = find_faults(settings) | _template_fault(settings, _names(visit, row))
    if isinstance(settings, NewsletterDraft):
        try:
            find_design(settings.design)
        except NotFoundError as error:
            faults["design"] = error.message
    return faults


def _show(
    visit: Visit,
    settings: NewsletterSettings,
    *,
    row: Newsletter | None = None,
    policy: FeedbackPolicy | None = None,
    faults: Mapping[str, Message] | None = None,
    error: ConflictError | None = None,
    shown: str = "",
    shown_policy: str = "",
) -> HTMLResponse:
    """Show the page; for a new newsletter, ``row`` is None.

    ``shown`` and ``shown_policy`` are the states that the submitted form showed; by default,
    the saved states.
    """
    kept_policy = _policy_of(visit, row)
    return show_page(
        visit,
        "newsletters/settings.html",
        status=409 if error else 400 if faults else 200,
        row=row,
        error=error,
        shown=shown or (shown_of(settings_of_newsletter(row)) if row else ""),
        policy=policy or kept_policy,
        shown_policy=shown_policy or shown_of(kept_policy),
        most={"soft": MOST_SOFT, "days": MOST_DAYS},
        wanted=settings,
        slug=settings.slug if isinstance(settings, NewsletterDraft) else "",
        faults=faults or {},
        templates=[(name, structure_name(name, visit.language)) for name in _names(visit, row)],
        zones=time_zone_names(visit.language),
        suggested=[tag for tag in SUGGESTED_LANGUAGES if tag not in settings.languages],
        designs=DESIGNS,
        saved=visit.request.query_params.get("done") == "saved",
    )


def _policy_of(visit: Visit, row: Newsletter | None) -> FeedbackPolicy:
    if row is None:
        return FeedbackPolicy()
    with reading(visit.engine) as session:
        return load_policy(session, row.id)


router = Router()


@router.get("/newsletters/new")
def _show_new(visit: OverallAdministratorVisit) -> HTMLResponse:
    empty = NewsletterDraft(
        slug="",
        name="",
        from_address="",
        postal_address="",
        language=visit.language,
        time_zone=visit.time_zone,
    )
    return _show(visit, empty)


@router.post("/newsletters/new")
def _create(visit: OverallAdministratorVisit, form: _TypedForm) -> Response:
    draft = NewsletterDraft(**form.values())
    faults = _faults(visit, draft)
    if faults:
        return _show(visit, draft, faults=faults)
    try:
        with transaction(visit.engine) as session:
            create_newsletter(session, visit.actor, draft)
    except ConflictError:
        taken = msg("There is already a newsletter with this short name.")
        return _show(visit, draft, faults={"slug": taken})
    return RedirectResponse(f"/newsletters/{draft.slug}/issues", status_code=303)


@router.get("/newsletters/{newsletter}/settings")
def _show_settings(visit: AdministratorVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    return _show(visit, settings_of_newsletter(row), row=row)


@router.post("/newsletters/{newsletter}/settings")
def _change(visit: AdministratorVisit, form: _TypedForm) -> Response:
    values = form.values()
    del values["slug"], values["design"]
    settings = NewsletterSettings(**values)
    policy = form.policy()
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            faults = _faults(visit, settings, row) | find_policy_faults(policy)
            if faults:
                return _show(
                    visit,
                    settings,
                    row=row,
                    policy=policy,
                    faults=faults,
                    shown=form.shown,
                    shown_policy=form.shown_policy,
                )
            change_settings(session, visit.actor, row.id, settings, shown=form.shown)
            set_policy(session, visit.actor, row, policy, shown=form.shown_policy)
    except EditConflictError:
        return _show_conflict(visit, form, settings, policy)
    return RedirectResponse(f"{visit.path}?done=saved", status_code=303)


def _show_conflict(
    visit: Visit,
    form: _Form,
    settings: NewsletterSettings,
    policy: FeedbackPolicy,
) -> HTMLResponse:
    """Show what was submitted, and the saved values of all that both changed."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        kept = load_policy(session, row.id)
    merged = merge_settings(form.shown, settings, row)
    merged_policy = merge_changes(form.shown_policy, policy, kept)
    error = EditConflictError({**merged.clashes, **merged_policy.clashes})
    return _show(
        visit,
        merged.value,
        row=row,
        policy=merged_policy.value,
        error=worded_clash(error),
    )


def _template_fault(settings: NewsletterSettings, names: list[str]) -> dict[str, Message]:
    if settings.template in names:
        return {}
    message = msg("There is no template “{template}”.", template=settings.template)
    return {"template": message}
