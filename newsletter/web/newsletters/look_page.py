"""The page that shows and changes a newsletter's look, with or without scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Form, Query, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ContentError, TemplateError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message
from newsletter.issues.library.images import LARGEST_PICTURE
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import list_issues
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.look.actions import (
    LARGEST_FILE,
    USUAL_LOGO,
    change_look,
    find_look_faults,
    keep_look_file,
    keep_look_picture,
    read_look_file,
    write_look_file,
)
from newsletter.newsletters.look.contrast import find_unreadable
from newsletter.newsletters.look.designs import DESIGNS, find_design
from newsletter.newsletters.look.model import (
    LOGO_WIDTHS,
    Look,
    look_of,
    theme_of,
)
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.model import Publisher, RenderedIssue
from newsletter.rendering.render import render_issue
from newsletter.rendering.theme import Theme
from newsletter.samples import sample_issue
from newsletter.web.access import AdministratorVisit, Visit, newsletter_of
from newsletter.web.issues.shown_as import mail_frame, show_to_reader
from newsletter.web.newsletters.choice_names import FONTS, HEADINGS, ITEMS, MASTHEADS
from newsletter.web.newsletters.look_form import LookForm
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, up_to

_Word = TypeVar("_Word", bound=StrEnum)


@lru_cache(maxsize=64)
def _sample_mail(theme: Theme, language: Language, templates_dir: Path) -> RenderedIssue:
    """Render the sample issue in a design; the result is cached for the page of all designs."""
    issue = _sample(language)
    publisher = Publisher(
        name=issue.masthead,
        sender_name=issue.masthead,
        sender_address="newsletter@example.jp",
        postal_address="〒100-0000",
        theme=theme,
    )
    return render_issue(issue, template="digest", templates_dir=templates_dir, publisher=publisher)


@lru_cache(maxsize=4)
def _sample(language: Language) -> Issue:
    return read_issue(sample_issue(language), source="sample").issue


def _sample_of(row: Newsletter) -> Issue:
    """Return the sample issue with the name of a newsletter."""
    sample = _sample(row.language)
    text = json.dumps(issue_to_json(sample)).replace(
        json.dumps(sample.masthead)[1:-1], json.dumps(row.name)[1:-1]
    )
    return issue_from_json(json.loads(text))


class _Sent(LookForm):
    """The submitted form, with pictures and the pressed button."""

    verb: Annotated[str, Field(max_length=50)] = "save"
    dark: bool = False
    logo_file: UploadFile | None = None
    header_file: UploadFile | None = None


def _show(
    visit: Visit,
    form: LookForm | None = None,
    *,
    faults: Mapping[str, Message] | None = None,
    notice: str = "",
    error: ConflictError | None = None,
) -> HTMLResponse:
    """Show the saved look or the input."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
    form = form or LookForm.of(look_of(row))
    look, _ = form.read()
    language = visit.language
    return show_page(
        visit,
        "newsletters/look.html",
        status=409 if error else 400 if faults else 200,
        error=error,
        newsletter=row,
        typed=form,
        look=look,
        designs=DESIGNS,
        forms=[LookForm.of(design.look) for design in DESIGNS],
        fonts=_choices(FONTS, language),
        mastheads=_choices(MASTHEADS, language),
        item_styles=_choices(ITEMS, language),
        heading_styles=_choices(HEADINGS, language),
        logo_widths=LOGO_WIDTHS,
        usual_logo=USUAL_LOGO,
        faults=faults or {},
        unreadable={each.field: each for each in find_unreadable(look.palette)},
        typed_mail=urlencode(_filled(form)) if notice == "unsaved" else "",
        notice=notice or visit.request.query_params.get("done", ""),
    )


def _render(visit: Visit, session: Session, row: Newsletter, look: Look) -> RenderedIssue:
    """Render the last issue in a look, or the sample issue if there is none.

    Raises:
        TemplateError: Neither issue can be rendered.
    """
    issues = list_issues(session, row.id)
    return render_issue(
        issue_from_json(issues[0].content) if issues else _sample_of(row),
        template=(issues[0].template if issues else "") or row.template,
        templates_dir=visit.site.settings.templates_dir,
        publisher=replace(publisher_of(row), theme=theme_of(look)),
    )


def _keep_pictures(visit: Visit, form: _Sent) -> tuple[LookForm, dict[str, Message]]:
    """Store the uploaded pictures, and return the form with them."""
    faults: dict[str, Message] = {}
    shown: LookForm = form
    for name, file in (("logo", form.logo_file), ("header", form.header_file)):
        if file is None or not file.filename:
            continue
        try:
            with transaction(visit.engine) as session:
                picture = keep_look_picture(
                    session,
                    newsletter_of(session, visit).id,
                    file.file.read(LARGEST_PICTURE + 1),
                    source=file.filename[:100],
                    alt=getattr(form, f"{name}_alt"),
                    site=visit.site.settings.public_url,
                )
        except ContentError as error:
            faults[name] = error.message
        else:
            shown = shown.with_picture(name, picture)
    return shown, faults


def _from_now_on(visit: Visit, form: LookForm) -> LookForm:
    """Return a form as a change of the saved look."""
    with reading(visit.engine) as session:
        return form.beginning_with(look_of(newsletter_of(session, visit)))


def _save(visit: Visit, form: LookForm) -> Response:
    """Save the input, or show its errors."""
    look, faults = form.read()
    try:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            faults = faults or find_look_faults(session, look)
            if not faults:
                change_look(
                    session,
                    visit.actor,
                    row.id,
                    look,
                    site=visit.site.settings.public_url,
                    began_with=form.began,
                )
    except ConflictError as error:
        return _show(visit, _from_now_on(visit, form), error=error)
    if faults:
        return _show(visit, form, faults=faults)
    return RedirectResponse(f"{visit.path}?done=saved", status_code=303)


router = Router(prefix="/newsletters/{newsletter}/look")
designs_router = Router(prefix="/designs")


@router.get("")
def _show_look(visit: AdministratorVisit) -> HTMLResponse:
    return _show(visit)


@router.post("", response_model=None, dependencies=[up_to(3 * LARGEST_PICTURE)])
def _change(visit: AdministratorVisit, sent: Annotated[_Sent, Form()]) -> Response:
    """Save the look, or apply another button to the unsaved form."""
    form, faults = _keep_pictures(visit, sent)
    if faults:
        return _show(visit, form, faults=faults)
    what, _, name = sent.verb.partition(":")
    match what:
        case "design":
            return _show(visit, form.in_design(name), notice="unsaved")
        case "remove" if name in {"logo", "header"}:
            return _show(visit, form.without_picture(name), notice="unsaved")
        case "upload":
            return _show(visit, form, notice="unsaved")
        case _:
            return _save(visit, form)


@router.post("/preview", response_model=None, dependencies=[up_to(3 * LARGEST_PICTURE)])
def _preview(
    visit: AdministratorVisit,
    form: Annotated[_Sent, Form()],
) -> Response:
    """Show the last issue in the look of the form; scripts also get the errors."""
    look, faults = form.read()
    by_script = "application/json" in visit.request.headers.get("accept", "")
    language = visit.language
    worded = {name: fault.in_language(language) for name, fault in faults.items()}
    if faults and by_script:
        return JSONResponse({"faults": worded, "unreadable": []})
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        try:
            rendered = _render(visit, session, row, look_of(row) if faults else look)
        except TemplateError:
            rendered = _sample_mail(theme_of(look), row.language, visit.site.settings.templates_dir)
    reader = sample_reader(language)
    if not by_script:
        return mail_frame(rendered, reader, site=visit.site.settings.public_url)
    unreadable = [
        {
            "field": each.field,
            "nearest": each.nearest,
            "refused": each.refused,
            "words": each.message.in_language(language),
        }
        for each in find_unreadable(look.palette)
    ]
    html = show_to_reader(rendered, reader, dark=form.dark).html
    return JSONResponse({"html": html, "faults": {}, "unreadable": unreadable})


@router.get("/mail")
def _mail(visit: AdministratorVisit, typed: Annotated[LookForm, Query()]) -> HTMLResponse:
    """Show the last issue in the saved look, or in the look of the query parameters."""
    look, faults = typed.read()
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        kept = faults or not visit.request.query_params
        rendered = _render(visit, session, row, look_of(row) if kept else look)
    return mail_frame(rendered, sample_reader(visit.language), site=visit.site.settings.public_url)


@router.get("/export")
def _export(visit: AdministratorVisit) -> Response:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        data = write_look_file(session, look_of(row))
    headers = {"Content-Disposition": f'attachment; filename="{row.slug}-look.json"'}
    return Response(data, media_type="application/json", headers=headers)


@router.post("/import", response_model=None, dependencies=[up_to(LARGEST_FILE + 100_000)])
def _bring_in(visit: AdministratorVisit, file: UploadFile) -> Response:
    """Store the pictures of an imported look, and show the unsaved look."""
    name = (file.filename or "")[:100]
    try:
        read = read_look_file(file.file.read(LARGEST_FILE + 1), source=name)
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            look = keep_look_file(session, row.id, read, source=name, site=visit.site.url)
    except ContentError as error:
        return _show(visit, faults={"file": error.message})
    form = _from_now_on(visit, LookForm.of(look))
    return _show(visit, form, notice="unsaved")


@designs_router.get("/{name}")
def _thumbnail(visit: AdministratorVisit, name: str) -> HTMLResponse:
    theme = theme_of(find_design(name).look)
    rendered = _sample_mail(theme, visit.language, visit.site.settings.templates_dir)
    shown = mail_frame(rendered, sample_reader(visit.language), site=visit.site.settings.public_url)
    shown.headers["Cache-Control"] = "private, max-age=3600"
    return shown


def _filled(form: LookForm) -> dict[str, str]:
    """Return the filled fields of a form as query parameters."""
    return {
        name: "1" if value is True else str(value)
        for name, value in form.model_dump().items()
        if value not in {"", False}
    }


def _choices(words: Mapping[_Word, Message], language: Language) -> list[tuple[str, str]]:
    return [(str(value), message.in_language(language)) for value, message in words.items()]
