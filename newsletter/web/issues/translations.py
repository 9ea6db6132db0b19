"""Pages of a draft's translations: the languages, and each translation beside the original."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import File, Form, UploadFile
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import (
    ConflictError,
    ContentError,
    NewsletterError,
    NotFoundError,
    TemplateError,
)
from newsletter.i18n.language import offered_languages, own_language_name
from newsletter.i18n.messages import msg
from newsletter.issues.conditions import part_conditions
from newsletter.issues.drafts.saving import Draft, get_draft
from newsletter.issues.drafts.translating import (
    SavedUnits,
    UnitFields,
    changes_between,
    get_translation_revision,
    list_translation_revisions,
    progress_of,
    save_units,
)
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.sources.reading import LARGEST_ISSUE, ReadIssue, read_issue
from newsletter.issues.store import as_sent
from newsletter.issues.translations import find_translation, translated, unit_statuses
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.audience import count_languages
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.issue_actions import (
    add_translation,
    import_translation,
    remove_translation,
    restore_translation,
)
from newsletter.newsletters.publications import mail_languages
from newsletter.rendering.render import render_issue
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own, settings_path
from newsletter.web.issues.draft_pages import merge_fields_of
from newsletter.web.issues.shown_as import in_frame, mail_frame
from newsletter.web.issues.translation_view import UnitsForm, view_parts
from newsletter.web.pages import show_page
from newsletter.web.routing import Router, up_to
from subscribers.segments.choices import conditions_in_words

_Short = Annotated[str, Form(max_length=80)]


def _show_languages(
    number: int,
    visit: Visit,
    error: NewsletterError | None = None,
    typed: str = "",
) -> HTMLResponse:
    """Show the languages of a draft."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        draft = get_draft(session, row.id, number)
        issue = draft.issue
        tags = [each.language for each in issue.translations]
        people = count_languages(session, row, issue, tags)
        saved = {tag: list_translation_revisions(session, draft, tag) for tag in tags}
    offered = [each for each in offered_languages(row.languages) if each not in tags]
    return show_page(
        visit,
        "issues/translations.html",
        status=422 if error else 200,
        newsletter=row,
        draft=draft,
        translations=[
            {
                "tag": tag,
                "progress": progress_of(unit_statuses(issue, tag)),
                "people": people[tag],
                "offered": tag in mail_languages(row),
                "saved": saved[tag][0] if saved[tag] else None,
            }
            for tag in tags
        ],
        languages_offered=[each for each in offered if each != issue.tag],
        own_name=own_language_name,
        typed=typed,
        settings_url=settings_path(visit),
        error=error,
    )


def _show_translation(
    draft: Draft,
    tag: str,
    visit: Visit,
    *,
    typed: Iterable[UnitFields] = (),
    faults: Mapping[str, NewsletterError] | None = None,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show a translation beside its original, with inputs that have errors."""
    statuses = unit_statuses(draft.issue, tag)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        revisions = list_translation_revisions(session, draft, tag)
        conditions = conditions_in_words(session, row, part_conditions(draft.issue))
    faults = faults or {}
    kept = {each.source: each for each in typed if each.source in faults or error}
    known = {each.unit.source for each in statuses}
    parts = view_parts(draft.issue, statuses, kept, faults)
    progress = progress_of(statuses)
    return show_page(
        visit,
        "issues/translation.html",
        status=422 if faults or error else 200,
        newsletter=row,
        draft=draft,
        tag=tag,
        parts=parts,
        texts={
            unit.key: {"original": unit.original_json, "said": unit.translated_json}
            for part in parts
            for unit in part.units
            if unit.has_text
        },
        lost=[each for source, each in kept.items() if source not in known],
        progress=progress,
        last=revisions[0] if revisions else None,
        merge_fields=merge_fields_of(row, visit.language),
        segments=[],
        condition_words={
            condition: words.in_language(visit.language) for condition, words in conditions.items()
        },
        error=error,
        faults=len(faults),
        notice=visit.request.query_params.get("done", ""),
    )


def _answer(saved: SavedUnits, tag: str, source: str, visit: Visit) -> JSONResponse:
    """Return the result for a unit that the script of the page saved."""
    statuses = unit_statuses(saved.draft.issue, tag)
    with reading(visit.engine) as session:
        revisions = list_translation_revisions(session, saved.draft, tag)
    parts = view_parts(saved.draft.issue, statuses, {}, saved.faults)
    progress = progress_of(statuses)
    units = (unit for part in parts for unit in part.units)
    unit = next((each for each in units if each.status.unit.source == source), None)
    shown = show_page(
        visit,
        "issues/unit_saved.html",
        unit=unit,
        tag=tag,
        fault=saved.faults.get(source),
        last=revisions[0] if revisions else None,
    )
    return JSONResponse(
        {
            "state": unit.status.state.value if unit else "",
            "seen": unit.fields.seen if unit else "",
            "done": progress.done,
            "total": progress.total,
            "fault": bool(saved.faults),
            "words": bytes(shown.body).decode(),
        },
        status_code=422 if saved.faults else 200,
    )


router = Router(prefix="/newsletters/{newsletter}/drafts/{number}/translations")


@router.get("")
def _languages(number: int, visit: EditorVisit) -> HTMLResponse:
    return _show_languages(number, visit)


@router.post("", response_model=None)
def _add(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    language: _Short = "",
    other: _Short = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            draft = get_draft(session, own(visit), number)
            _draft, tag = add_translation(session, visit.actor, draft, other or language)
    except (ContentError, ConflictError) as error:
        return _show_languages(number, visit, error, other)
    return RedirectResponse(_path(newsletter, number, tag), status_code=303)


@router.get("/{tag}")
def _translation(number: int, tag: str, visit: EditorVisit) -> HTMLResponse:
    with reading(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
    return _show_translation(draft, tag, visit)


@router.get("/{tag}/mail")
def _mail(number: int, tag: str, visit: EditorVisit) -> HTMLResponse:
    """Return the present mail, in which untranslated parts are in the original language."""
    with reading(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
        row = newsletter_of(session, visit)
        issue = as_sent(session, draft.id, draft.issue)
    try:
        rendered = render_issue(
            translated(issue, tag),
            template=draft.template or row.template,
            templates_dir=visit.site.settings.templates_dir,
            publisher=publisher_of(row),
            site=visit.site.url,
        )
    except TemplateError:
        # Preflight shows the error on the page of the draft.
        return in_frame("", visit.site.url)
    return mail_frame(rendered, sample_reader(rendered.language), site=visit.site.url)


@router.post("/{tag}", response_model=None)
def _save(
    newsletter: str,
    number: int,
    tag: str,
    visit: EditorVisit,
    typed: UnitsForm,
) -> Response:
    with reading(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
    kind = RevisionKind.AUTOSAVED if typed.alone else RevisionKind.SAVED
    try:
        with transaction(visit.engine) as session:
            saved = save_units(session, draft, tag, typed.units, author=visit.actor.name, kind=kind)
    except ConflictError as error:
        if typed.alone:
            faults = {each.source: error for each in typed.units}
            saved = SavedUnits(draft=draft, faults=faults)
        else:
            return _show_translation(draft, tag, visit, typed=typed.units, error=error)
    if typed.alone and typed.units:
        return _answer(saved, tag, typed.units[0].source, visit)
    if saved.faults:
        return _show_translation(saved.draft, tag, visit, typed=typed.units, faults=saved.faults)
    return RedirectResponse(f"{_path(newsletter, number, tag)}?done=saved", status_code=303)


@router.get("/{tag}/history")
def _history(number: int, tag: str, visit: EditorVisit, at: int | None = None) -> HTMLResponse:
    """Show the history of a translation: authors, parts and times of changes."""
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        draft = get_draft(session, row.id, number)
        if find_translation(draft.issue, tag) is None:
            raise NotFoundError(msg("There is no such translation."))
        revisions = list_translation_revisions(session, draft, tag)
        chosen = next((each for each in revisions if each.number == at), None)
        changes = (
            changes_between(
                get_translation_revision(session, draft, tag, chosen.number - 1),
                get_translation_revision(session, draft, tag, chosen.number),
            )
            if chosen
            else ()
        )
    return show_page(
        visit,
        "issues/translation_history.html",
        newsletter=row,
        draft=draft,
        tag=tag,
        revisions=revisions,
        chosen=chosen,
        changes=changes,
    )


@router.post("/{tag}/restore", response_model=None)
def _restore(
    newsletter: str,
    number: int,
    tag: str,
    visit: EditorVisit,
    at: Annotated[int, Form(ge=1)] = 1,
) -> Response:
    with transaction(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
        restore_translation(session, visit.actor, draft, tag, at)
    return RedirectResponse(f"{_path(newsletter, number, tag)}?done=restored", status_code=303)


@router.post("/{tag}/remove", response_model=None)
def _remove(newsletter: str, number: int, tag: str, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
        remove_translation(session, visit.actor, draft, tag)
    return RedirectResponse(_path(newsletter, number), status_code=303)


@router.get("/{tag}/markdown")
def _markdown(number: int, tag: str, visit: EditorVisit) -> PlainTextResponse:
    """Return the translation as Markdown, which can be completed elsewhere and imported."""
    with reading(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
    name = f"{draft.issue.issue_date.isoformat()}-{tag}.md"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    text = to_markdown(translated(draft.issue, tag))
    return PlainTextResponse(text, headers=headers, media_type="text/markdown")


@router.post("/{tag}/file", response_model=None, dependencies=[up_to(2 * LARGEST_ISSUE)])
def _take_file(
    newsletter: str,
    number: int,
    tag: str,
    visit: EditorVisit,
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    with reading(visit.engine) as session:
        draft = _with_translation(session, visit, number, tag)
    try:
        read = _read_file(file)
        with transaction(visit.engine) as session:
            import_translation(session, visit.actor, draft, tag, read.issue)
    except (ContentError, ConflictError) as error:
        return _show_translation(draft, tag, visit, error=error)
    return RedirectResponse(f"{_path(newsletter, number, tag)}?done=imported", status_code=303)


def _read_file(file: UploadFile | None) -> ReadIssue:
    if file is None or not file.filename:
        raise ContentError(msg("No file was chosen."), remedy=msg("Choose one."))
    return read_issue(file.file.read(LARGEST_ISSUE + 1), source=file.filename[:100])


def _with_translation(session: Session, visit: Visit, number: int, tag: str) -> Draft:
    draft = get_draft(session, own(visit), number)
    if find_translation(draft.issue, tag) is None:
        raise NotFoundError(msg("There is no such translation."))
    return draft


def _path(newsletter: str, number: int, tag: str = "") -> str:
    path = f"/newsletters/{newsletter}/drafts/{number}/translations"
    return f"{path}/{tag}" if tag else path
