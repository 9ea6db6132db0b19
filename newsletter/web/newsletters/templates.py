"""Pages of a newsletter's own templates: editing, trial on the last issue, versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Query, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

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
from newsletter.web.access import AdministratorVisit, Visit, newsletter_of, own
from newsletter.web.issues.shown_as import mail_frame, show_to_reader
from newsletter.web.newsletters.choice_names import structure_name
from newsletter.web.pages import show_page
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


def _trial(visit: Visit) -> TemplateTrial:
    """Return the issue and settings for trials of this newsletter's templates."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        return TemplateTrial(
            engine=visit.engine,
            newsletter_id=row.id,
            publisher=publisher_of(row),
            folder=visit.site.settings.templates_dir,
        )


def _show_list(
    visit: Visit,
    *,
    error: NewsletterError | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Show all templates, and the choices for a new one."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        kept = list_templates(session, row.id)
    return show_page(
        visit,
        "newsletters/templates.html",
        status=status,
        newsletter=row,
        kept=kept,
        shipped=[
            (name, structure_name(name, visit.language))
            for name in templates_in(visit.site.settings.templates_dir).names()
        ],
        error=error,
        notice=visit.request.query_params.get("done", ""),
    )


def _show_editor(
    visit: Visit,
    typed: _Typed,
    *,
    error: NewsletterError | None = None,
    remarks: Sequence[Remark] = (),
    status: int = 200,
) -> HTMLResponse:
    """Show the editor of a template, with its errors."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    return show_page(
        visit,
        "newsletters/template.html",
        status=status,
        newsletter=row,
        typed=typed,
        in_use=row.template == OWN + typed.name,
        error=error,
        remarks=remarks,
        notice=visit.request.query_params.get("done", ""),
    )


router = Router(prefix="/newsletters/{newsletter}/templates")


@router.get("")
def _show_all(visit: AdministratorVisit) -> HTMLResponse:
    return _show_list(visit)


@router.get("/-/new")
def _begin(
    visit: AdministratorVisit,
    source: Annotated[str, Query(max_length=60)] = _SHIPPED,
) -> HTMLResponse:
    """Show an unsaved copy of a template."""
    if source.startswith(OWN):
        with reading(visit.engine) as session:
            copied = get_template(session, own(visit), source).source
    else:
        copied = shipped_source(visit.site.settings.templates_dir, source)
    return _show_editor(visit, _Typed.of(copied))


@router.post("/-/import", response_model=None, dependencies=[up_to(2 * _LARGEST_FILE)])
def _bring_in(visit: AdministratorVisit, file: UploadFile) -> Response:
    """Show the unsaved template of an imported MJML file."""
    data = file.file.read(_LARGEST_FILE + 1)
    try:
        taken = import_template(data, source=(file.filename or "")[:100])
    except ContentError as error:
        return _show_list(visit, error=error, status=400)
    shipped = shipped_source(visit.site.settings.templates_dir, _SHIPPED)
    typed = _Typed.of(TemplateSource(body=taken.body, text=shipped.text, subject=shipped.subject))
    return _show_editor(visit, typed, remarks=taken.remarks)


@router.get("/{name}")
def _write(visit: AdministratorVisit, name: str) -> HTMLResponse:
    with reading(visit.engine) as session:
        kept = get_template(session, own(visit), name)
    typed = _Typed.of(kept.source, name=kept.name, version=kept.version)
    return _show_editor(visit, typed)


@router.post("", response_model=None, dependencies=[up_to(_LARGEST)])
def _save(
    newsletter: str,
    visit: AdministratorVisit,
    typed: Annotated[_Typed, Form()],
) -> Response:
    try:
        kept = save_template(
            _trial(visit),
            visit.actor,
            name=typed.name.strip(),
            source=typed.source(),
            version=typed.version,
        )
    except (ContentError, TemplateError, ConflictError) as error:
        status = 409 if isinstance(error, ConflictError) else 400
        return _show_editor(visit, typed, error=error, status=status)
    there = f"/newsletters/{newsletter}/templates/{kept.name}?done=saved"
    return RedirectResponse(there, status_code=303)


@router.post("/-/try", response_model=None, dependencies=[up_to(_LARGEST)])
def _try_out(visit: AdministratorVisit, typed: Annotated[_Typed, Form()]) -> Response:
    """Show the last issue in the entered template; scripts also get the errors with lines."""
    by_script = "application/json" in visit.request.headers.get("accept", "")
    try:
        rendered = try_template(_trial(visit), typed.source())
    except TemplateError as error:
        if by_script:
            return JSONResponse(_fault_for_script(error, visit.language))
        return _show_editor(visit, typed, error=error, status=400)
    reader = sample_reader(visit.language)
    if not by_script:
        return mail_frame(rendered, reader, site=visit.site.url)
    shown = show_to_reader(rendered, reader, dark=False)
    return JSONResponse({"html": shown.html, "text": shown.text, "subject": shown.subject})


@router.post("/{name}/delete", response_model=None)
def _delete(newsletter: str, name: str, visit: AdministratorVisit) -> Response:
    try:
        with transaction(visit.engine) as session:
            delete_template(session, visit.actor, own(visit), name)
    except ConflictError as error:
        return _show_list(visit, error=error, status=409)
    there = f"/newsletters/{newsletter}/templates?done=deleted"
    return RedirectResponse(there, status_code=303)


def _fault_for_script(error: TemplateError, language: Language) -> dict[str, object]:
    place = error.place
    return {
        "fault": error.in_language(language),
        "file": place.file if place else "",
        "line": place.line if place else None,
    }


@router.get("/{name}/versions")
def _show_versions(visit: AdministratorVisit, name: str) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        versions = list_versions(session, row.id, name)
    return show_page(
        visit,
        "newsletters/template_versions.html",
        newsletter=row,
        template=name,
        versions=[
            (version, _changes(before, version, visit.language))
            for version, before in zip(versions, [*versions[1:], None], strict=True)
        ],
    )


@router.post("/{name}/restore", response_model=None)
def _restore(
    newsletter: str,
    name: str,
    visit: AdministratorVisit,
    version: Annotated[int, Form(ge=1)],
) -> Response:
    """Restore a version as the newest one."""
    with reading(visit.engine) as session:
        earlier = get_version(session, own(visit), name, version)
        now = get_template(session, own(visit), name)
    try:
        save_template(
            _trial(visit),
            visit.actor,
            name=name,
            source=earlier.source,
            version=now.version,
        )
    except (ContentError, TemplateError, ConflictError) as error:
        typed = _Typed.of(earlier.source, name=name, version=now.version)
        return _show_editor(visit, typed, error=error, status=409)
    there = f"/newsletters/{newsletter}/templates/{name}?done=restored"
    return RedirectResponse(there, status_code=303)


def _changes(
    before: KeptTemplate | None, after: KeptTemplate, language: Language
) -> list[tuple[str, str]]:
    return list(difference(before.source, after.source, language)) if before else []
