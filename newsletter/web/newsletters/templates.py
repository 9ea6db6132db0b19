"""Pages of a newsletter's own templates: editing, trial on the last issue, versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, NewsletterError, TemplateError
from newsletter.i18n.language import Language
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.templates import (
    KeptTemplate,
    TemplateTrial,
    delete_template,
    difference,
    get_template,
    get_version,
    list_templates,
    list_versions,
    save_template,
    shipped_source,
    try_template,
)
from newsletter.rendering.environment import templates_in
from newsletter.rendering.foreign_templates import Remark, import_template
from newsletter.rendering.model import OWN, TemplateSource
from newsletter.settings import Settings
from newsletter.web.access import AdministratorVisit, Visit, newsletter_of, own
from newsletter.web.issues.shown_as import mail_frame, show_to_reader
from newsletter.web.newsletters.choice_names import structure_name
from newsletter.web.pages import Pages
from newsletter.web.routing import Router, up_to

#: Characters of a part in the form, and octets of the form; see `LONGEST_PART`.
_Part = Annotated[str, Field(max_length=250_000)]
_LARGEST = 6_000_000
#: Octets of an imported file.
_LARGEST_FILE = 200_000
_SHIPPED = "letter"


class _Typed(BaseModel):
    """The form of a template; ``version`` is the one that the form showed, 0 for a new template."""

    name: Annotated[str, Field(max_length=60)] = ""
    version: Annotated[int, Field(ge=0)] = 0
    body: _Part = ""
    text: _Part = ""
    subject: Annotated[str, Field(max_length=1000)] = ""
    csrf: str = ""

    def source(self) -> TemplateSource:
        """Return the template with normalized line ends."""
        return TemplateSource(
            body=self.body.replace("\r\n", "\n"),
            text=self.text.replace("\r\n", "\n"),
            subject=self.subject.strip() + "\n" if self.subject.strip() else "",
        )

    @classmethod
    def of(cls, source: TemplateSource, *, name: str = "", version: int = 0) -> _Typed:
        """Return the form of a template."""
        return cls(
            name=name,
            version=version,
            body=source.body,
            text=source.text,
            subject=source.subject.strip(),
        )


class _TemplatePage:
    """Shows the pages of templates."""

    def __init__(self, settings: Settings, engine: Engine, pages: Pages) -> None:
        self.folder, self.site = settings.templates_dir, settings.public_url
        self.engine = engine
        self.pages = pages

    def trial(self, visit: Visit) -> TemplateTrial:
        """Return the issue and settings for trials of this newsletter's templates."""
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
            return TemplateTrial(
                engine=self.engine,
                newsletter_id=row.id,
                publisher=publisher_of(row),
                folder=self.folder,
            )

    def show_list(
        self,
        visit: Visit,
        request: Request,
        *,
        error: NewsletterError | None = None,
        status: int = 200,
    ) -> HTMLResponse:
        """Show all templates, and the choices for a new one."""
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
            kept = list_templates(session, row.id)
        return self.pages.show_to(
            visit,
            request,
            "newsletters/templates.html",
            status=status,
            newsletter=row,
            kept=kept,
            shipped=[
                (name, structure_name(name, visit.language))
                for name in templates_in(self.folder).names()
            ],
            error=error,
            notice=request.query_params.get("done", ""),
        )

    def show_editor(
        self,
        visit: Visit,
        request: Request,
        typed: _Typed,
        *,
        error: NewsletterError | None = None,
        remarks: Sequence[Remark] = (),
        status: int = 200,
    ) -> HTMLResponse:
        """Show the editor of a template, with its errors."""
        with reading(self.engine) as session:
            row = newsletter_of(session, visit)
        return self.pages.show_to(
            visit,
            request,
            "newsletters/template.html",
            status=status,
            newsletter=row,
            typed=typed,
            in_use=row.template == OWN + typed.name,
            error=error,
            remarks=remarks,
            notice=request.query_params.get("done", ""),
        )


def templates_router(settings: Settings, engine: Engine, pages: Pages) -> Router:
    """Return the routes of templates."""
    router = Router(prefix="/newsletters/{newsletter}/templates")
    page = _TemplatePage(settings, engine, pages)
    _add_beginning(router, page)
    _add_writing(router, page)
    _add_versions(router, page)
    return router


def _add_beginning(router: Router, page: _TemplatePage) -> None:
    @router.get("")
    def show(visit: AdministratorVisit, request: Request) -> HTMLResponse:
        return page.show_list(visit, request)

    @router.get("/-/new")
    def begin(
        visit: AdministratorVisit,
        request: Request,
        source: Annotated[str, Query(max_length=60)] = _SHIPPED,
    ) -> HTMLResponse:
        """Show an unsaved copy of a template."""
        if source.startswith(OWN):
            with reading(page.engine) as session:
                copied = get_template(session, own(visit), source).source
        else:
            copied = shipped_source(page.folder, source)
        return page.show_editor(visit, request, _Typed.of(copied))

    @router.post("/-/import", response_model=None, dependencies=[up_to(2 * _LARGEST_FILE)])
    def bring_in(visit: AdministratorVisit, request: Request, file: UploadFile) -> Response:
        """Show the unsaved template of an imported MJML file."""
        data = file.file.read(_LARGEST_FILE + 1)
        try:
            taken = import_template(data, source=(file.filename or "")[:100])
        except ContentError as error:
            return page.show_list(visit, request, error=error, status=400)
        shipped = shipped_source(page.folder, _SHIPPED)
        typed = _Typed.of(
            TemplateSource(body=taken.body, text=shipped.text, subject=shipped.subject)
        )
        return page.show_editor(visit, request, typed, remarks=taken.remarks)


def _add_writing(router: Router, page: _TemplatePage) -> None:
    @router.get("/{name}")
    def show(visit: AdministratorVisit, request: Request, name: str) -> HTMLResponse:
        with reading(page.engine) as session:
            kept = get_template(session, own(visit), name)
        typed = _Typed.of(kept.source, name=kept.name, version=kept.version)
        return page.show_editor(visit, request, typed)

    @router.post("", response_model=None, dependencies=[up_to(_LARGEST)])
    def save(
        newsletter: str,
        visit: AdministratorVisit,
        request: Request,
        typed: Annotated[_Typed, Form()],
    ) -> Response:
        try:
            kept = save_template(
                page.trial(visit),
                visit.actor,
                name=typed.name.strip(),
                source=typed.source(),
                version=typed.version,
            )
        except (ContentError, TemplateError, ConflictError) as error:
            status = 409 if isinstance(error, ConflictError) else 400
            return page.show_editor(visit, request, typed, error=error, status=status)
        there = f"/newsletters/{newsletter}/templates/{kept.name}?done=saved"
        return RedirectResponse(there, status_code=303)

    @router.post("/-/try", response_model=None, dependencies=[up_to(_LARGEST)])
    def try_out(
        visit: AdministratorVisit, request: Request, typed: Annotated[_Typed, Form()]
    ) -> Response:
        """Show the last issue in the entered template; scripts also get the errors with lines."""
        by_script = "application/json" in request.headers.get("accept", "")
        try:
            rendered = try_template(page.trial(visit), typed.source())
        except TemplateError as error:
            if by_script:
                return JSONResponse(_fault_for_script(error, visit.language))
            return page.show_editor(visit, request, typed, error=error, status=400)
        reader = sample_reader(visit.language)
        if not by_script:
            return mail_frame(rendered, reader, site=page.site)
        shown = show_to_reader(rendered, reader, dark=False)
        return JSONResponse({"html": shown.html, "text": shown.text, "subject": shown.subject})

    @router.post("/{name}/delete", response_model=None)
    def delete(newsletter: str, name: str, visit: AdministratorVisit, request: Request) -> Response:
        try:
            with transaction(page.engine) as session:
                delete_template(session, visit.actor, own(visit), name)
        except ConflictError as error:
            return page.show_list(visit, request, error=error, status=409)
        there = f"/newsletters/{newsletter}/templates?done=deleted"
        return RedirectResponse(there, status_code=303)


def _fault_for_script(error: TemplateError, language: Language) -> dict[str, object]:
    place = error.place
    return {
        "fault": error.in_language(language),
        "file": place.file if place else "",
        "line": place.line if place else None,
    }


def _add_versions(router: Router, page: _TemplatePage) -> None:
    @router.get("/{name}/versions")
    def show(visit: AdministratorVisit, request: Request, name: str) -> HTMLResponse:
        with reading(page.engine) as session:
            row = newsletter_of(session, visit)
            versions = list_versions(session, row.id, name)
        return page.pages.show_to(
            visit,
            request,
            "newsletters/template_versions.html",
            newsletter=row,
            template=name,
            versions=[
                (version, _changes(before, version, visit.language))
                for version, before in zip(versions, [*versions[1:], None], strict=True)
            ],
        )

    @router.post("/{name}/restore", response_model=None)
    def restore(
        newsletter: str,
        name: str,
        visit: AdministratorVisit,
        request: Request,
        version: Annotated[int, Form(ge=1)],
    ) -> Response:
        """Restore a version as the newest one."""
        with reading(page.engine) as session:
            earlier = get_version(session, own(visit), name, version)
            now = get_template(session, own(visit), name)
        try:
            save_template(
                page.trial(visit),
                visit.actor,
                name=name,
                source=earlier.source,
                version=now.version,
            )
        except (ContentError, TemplateError, ConflictError) as error:
            typed = _Typed.of(earlier.source, name=name, version=now.version)
            return page.show_editor(visit, request, typed, error=error, status=409)
        there = f"/newsletters/{newsletter}/templates/{name}?done=restored"
        return RedirectResponse(there, status_code=303)


def _changes(
    before: KeptTemplate | None, after: KeptTemplate, language: Language
) -> list[tuple[str, str]]:
    return list(difference(before.source, after.source, language)) if before else []
