"""A newsletter's settings, and a new newsletter: one form, for its administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from newsletter.accounts.audit import record_event
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.errors import ConflictError
from newsletter.language import Language, Said
from newsletter.rendering.environment import templates_in
from newsletter.settings import Settings
from newsletter.web.access import AdministratorVisit, Visit, newsletter_of
from newsletter.web.pages import Pages
from subscribers.newsletters import (
    NewsletterDraft,
    NewsletterSettings,
    change_newsletter,
    create_newsletter,
    find_faults,
    settings_of_newsletter,
)

_Text = Annotated[str, Field(max_length=4000)]


class _Form(BaseModel):
    """The settings as they were typed; what is wrong with them is told beside their fields."""

    slug: _Text = ""
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
    time_zone: _Text = ""
    template: _Text = ""
    approval_required: bool = False
    count_clicks: bool = False

    def values(self) -> dict[str, Any]:
        """Return them without the spaces around, and with one kind of line end."""
        return {
            name: value.replace("\r\n", "\n").strip() if type(value) is str else value
            for name, value in self.model_dump().items()
        }


_TypedForm = Annotated[_Form, Form()]


def newsletters_router(settings: Settings, engine: Engine, pages: Pages) -> APIRouter:
    """Return the routes of settings."""
    router = APIRouter()
    templates = templates_in(settings.templates_dir)

    def _show(
        visit: Visit,
        request: Request,
        wanted: NewsletterSettings,
        *,
        row: NewsletterRow | None = None,
        faults: Mapping[str, Said] | None = None,
    ) -> HTMLResponse:
        return pages.show_to(
            visit,
            request,
            "newsletter_settings.html",
            status=400 if faults else 200,
            row=row,
            wanted=wanted,
            slug=wanted.slug if isinstance(wanted, NewsletterDraft) else "",
            faults={
                name: fault.in_language(visit.language) for name, fault in (faults or {}).items()
            },
            templates=[(name, name) for name in templates.names()],
            zones=sorted(available_timezones()),
            saved=request.query_params.get("said") == "saved",
        )

    @router.get("/newsletters/new")
    def show_new(visit: AdministratorVisit, request: Request) -> HTMLResponse:
        visit.demand_everywhere(Role.ADMINISTRATOR)
        empty = NewsletterDraft(
            slug="",
            name="",
            from_address="",
            postal_address="",
            language=visit.language,
            time_zone=visit.time_zone,
        )
        return _show(visit, request, empty)

    @router.post("/newsletters/new")
    def create(visit: AdministratorVisit, request: Request, form: _TypedForm) -> Response:
        visit.demand_everywhere(Role.ADMINISTRATOR)
        draft = NewsletterDraft(**form.values())
        faults = find_faults(draft) | _template_fault(draft, templates.names())
        if faults:
            return _show(visit, request, draft, faults=faults)
        try:
            with transaction(engine) as session:
                row = create_newsletter(session, draft)
                record_event(
                    session,
                    visit.actor,
                    "newsletter.create",
                    object=row.slug,
                    newsletter_id=row.id,
                )
        except ConflictError as taken:
            said = Said(ja="この短い名前はすでに使われています。", en=taken.what)
            return _show(visit, request, draft, faults={"slug": said})
        return RedirectResponse(f"/newsletters/{draft.slug}/issues", status_code=303)

    @router.get("/newsletters/{newsletter}/settings")
    def show_settings(visit: AdministratorVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            row = newsletter_of(session, visit)
        return _show(visit, request, settings_of_newsletter(row), row=row)

    @router.post("/newsletters/{newsletter}/settings")
    def change(visit: AdministratorVisit, request: Request, form: _TypedForm) -> Response:
        values = form.values()
        del values["slug"]
        wanted = NewsletterSettings(**values)
        faults = find_faults(wanted) | _template_fault(wanted, templates.names())
        with transaction(engine) as session:
            row = newsletter_of(session, visit)
            if faults:
                return _show(visit, request, wanted, row=row, faults=faults)
            changed = change_newsletter(row, wanted)
            if changed:
                record_event(
                    session,
                    visit.actor,
                    "newsletter.settings",
                    object=row.slug,
                    newsletter_id=row.id,
                    details={name: [str(old), str(new)] for name, (old, new) in changed.items()},
                )
        return RedirectResponse(f"{request.url.path}?said=saved", status_code=303)

    return router


def _template_fault(wanted: NewsletterSettings, names: list[str]) -> dict[str, Said]:
    if wanted.template in names:
        return {}
    said = Said(
        ja="このテンプレートはありません。", en=f"There is no template {wanted.template!r}."
    )
    return {"template": said}
