"""Translations of a draft: the languages it has, and each beside the original, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.errors import (
    ConflictError,
    ContentError,
    NewsletterError,
    NotFoundError,
    TemplateError,
)
from newsletter.i18n.language import SUGGESTED_LANGUAGES
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import Draft, get_draft
from newsletter.issues.drafts.translating import UnitFields, count_done, fields_of, save_units
from newsletter.issues.markdown.writer import blocks_to_markdown, to_markdown
from newsletter.issues.sources.form import LinkFields
from newsletter.issues.sources.reading import LARGEST_ISSUE, ReadIssue, read_issue
from newsletter.issues.step_drafts import as_sent
from newsletter.issues.translations import (
    UnitState,
    UnitStatus,
    find_translation,
    translated,
    unit_statuses,
)
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.languages import count_languages
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.issue_actions import (
    add_translation,
    import_translation,
    remove_translation,
)
from newsletter.newsletters.publications import mail_languages
from newsletter.rendering.render import render_issue
from newsletter.web.access import EditorVisit, Visit, newsletter_of, own, settings_path
from newsletter.web.issues.draft_pages import DraftPages
from newsletter.web.issues.proof import in_frame, mail_frame
from newsletter.web.issues.submission import WRITTEN_OCTETS
from newsletter.web.pages import Pages
from newsletter.web.routing import BodyLimit, Router, up_to

_MAX_FIELDS = 20_000
_LONGEST = WRITTEN_OCTETS // 3
_Short = Annotated[str, Form(max_length=80)]


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitView:
    """A unit as its row shows it; ``fault`` is what is wrong with what was typed."""

    status: UnitStatus
    fields: UnitFields
    fault: NewsletterError | None = None

    @property
    def original_body(self) -> str:
        """The body of the original as Markdown."""
        return blocks_to_markdown(self.status.unit.body)

    @property
    def has_body(self) -> bool:
        """Whether there is a body to translate."""
        return bool(self.status.unit.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedUnits:
    """A submitted form of units."""

    units: tuple[UnitFields, ...]


async def read_units(
    request: Request, _bound: Annotated[None, Depends(BodyLimit(WRITTEN_OCTETS))]
) -> TypedUnits:
    """Read a submitted form; ``unit`` begins a unit, and what follows belongs to it."""
    form = await request.form(max_fields=_MAX_FIELDS, max_part_size=_LONGEST)
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    if sum(len(value) for _, value in fields) > _LONGEST:
        raise HTTPException(413, f"The text has more than {_LONGEST:,} characters.")
    return TypedUnits(units=tuple(_units_of_fields(fields)))


def _units_of_fields(fields: Iterable[tuple[str, str]]) -> list[UnitFields]:
    units: list[UnitFields] = []
    for name, value in fields:
        text = value.replace("\r\n", "\n").replace("\r", "\n")
        if name == "unit":
            units.append(UnitFields(source=text))
            continue
        if not units:
            continue
        unit = units[-1]
        match name:
            case "seen":
                units[-1] = replace(unit, seen=text)
            case "text":
                units[-1] = replace(unit, text=text)
            case "body":
                units[-1] = replace(unit, body=text)
            case "confirmed":
                units[-1] = replace(unit, confirmed=True)
            case "link":
                units[-1] = replace(unit, links=(*unit.links, LinkFields(url=text)))
            case "label" if unit.links:
                last = LinkFields(url=unit.links[-1].url, label=text)
                units[-1] = replace(unit, links=(*unit.links[:-1], last))
            case _:
                pass
    return units


UnitsForm = Annotated[TypedUnits, Depends(read_units)]


class TranslationPages:
    """Shows the translations of a draft."""

    def __init__(self, engine: Engine, pages: Pages) -> None:
        self._engine, self._pages = engine, pages

    def show_languages(
        self, number: int, visit: Visit, request: Request, error: NewsletterError | None = None
    ) -> HTMLResponse:
        """Show the languages of a draft."""
        with reading(self._engine) as session:
            row = newsletter_of(session, visit)
            draft = get_draft(session, row.id, number)
            issue = draft.issue
            tags = [each.language for each in issue.translations]
            people = count_languages(session, row, issue, tags)
        statuses = {tag: unit_statuses(issue, tag) for tag in tags}
        return self._pages.show_to(
            visit,
            request,
            "issues/translations.html",
            status=422 if error else 200,
            newsletter=row,
            draft=draft,
            translations=[
                {
                    "tag": tag,
                    "done": count_done(statuses[tag]),
                    "total": len(statuses[tag]),
                    "people": people[tag],
                    "offered": tag in mail_languages(row),
                }
                for tag in tags
            ],
            suggested=[
                each
                for each in dict.fromkeys((*row.languages, *SUGGESTED_LANGUAGES))
                if each not in {*tags, issue.tag}
            ],
            settings_url=settings_path(visit),
            error=error,
        )

    def show(
        self,
        draft: Draft,
        tag: str,
        visit: Visit,
        request: Request,
        *,
        typed: Iterable[UnitFields] = (),
        faults: Mapping[str, NewsletterError] | None = None,
        error: NewsletterError | None = None,
    ) -> HTMLResponse:
        """Show a translation beside its original, with what was typed where that has a fault."""
        statuses = unit_statuses(draft.issue, tag)
        with reading(self._engine) as session:
            row = newsletter_of(session, visit)
        faults = faults or {}
        kept = {each.source: each for each in typed if each.source in faults or error}
        known = {each.unit.source for each in statuses}
        return self._pages.show_to(
            visit,
            request,
            "issues/translation.html",
            status=422 if faults or error else 200,
            newsletter=row,
            draft=draft,
            tag=tag,
            units=[_view(each, kept, faults) for each in statuses],
            lost=[each for source, each in kept.items() if source not in known],
            done=count_done(statuses),
            states=UnitState,
            error=error,
            faults=len(faults),
            notice=request.query_params.get("done", ""),
        )


def translations_router(engine: Engine, pages: Pages, drafts: DraftPages) -> Router:
    """Return the routes of a draft's translations."""
    router = Router(prefix="/newsletters/{newsletter}/drafts/{number}/translations")
    shown = TranslationPages(engine, pages)

    @router.get("")
    def languages(number: int, visit: EditorVisit, request: Request) -> HTMLResponse:
        return shown.show_languages(number, visit, request)

    @router.post("", response_model=None)
    def add(
        newsletter: str, number: int, visit: EditorVisit, request: Request, language: _Short = ""
    ) -> Response:
        try:
            with transaction(engine) as session:
                draft = get_draft(session, own(visit), number)
                _draft, tag = add_translation(session, visit.actor, draft, language)
        except (ContentError, ConflictError) as error:
            return shown.show_languages(number, visit, request, error)
        return RedirectResponse(_path(newsletter, number, tag), status_code=303)

    @router.get("/{tag}")
    def translation(number: int, tag: str, visit: EditorVisit, request: Request) -> HTMLResponse:
        with reading(engine) as session:
            draft = _with_translation(session, visit, number, tag)
        return shown.show(draft, tag, visit, request)

    @router.post("/{tag}", response_model=None)
    def save(
        newsletter: str,
        number: int,
        tag: str,
        visit: EditorVisit,
        request: Request,
        typed: UnitsForm,
    ) -> Response:
        with reading(engine) as session:
            draft = _with_translation(session, visit, number, tag)
        try:
            with transaction(engine) as session:
                saved = save_units(session, draft, tag, typed.units)
        except ConflictError as error:
            return shown.show(draft, tag, visit, request, typed=typed.units, error=error)
        if saved.faults:
            return shown.show(
                saved.draft, tag, visit, request, typed=typed.units, faults=saved.faults
            )
        return RedirectResponse(f"{_path(newsletter, number, tag)}?done=saved", status_code=303)

    @router.get("/{tag}/mail")
    def mail(number: int, tag: str, visit: EditorVisit) -> HTMLResponse:
        """Return the mail as it would be now; what is not translated is in the original."""
        with reading(engine) as session:
            draft = _with_translation(session, visit, number, tag)
            row = newsletter_of(session, visit)
            issue = as_sent(session, draft.id, draft.issue)
        try:
            rendered = render_issue(
                translated(issue, tag),
                template=draft.template or row.template,
                templates_dir=drafts.templates_dir,
                publisher=publisher_of(row),
                site=drafts.site,
            )
        except TemplateError:
            # Preflight tells it, on the page of the draft.
            return in_frame("", drafts.site)
        return mail_frame(rendered, sample_reader(rendered.language), site=drafts.site)

    _add_files(router, engine, shown)
    return router


def _add_files(router: Router, engine: Engine, shown: TranslationPages) -> None:
    """Add the routes by which a translation comes and goes as a whole."""

    @router.post("/{tag}/remove", response_model=None)
    def remove(newsletter: str, number: int, tag: str, visit: EditorVisit) -> Response:
        with transaction(engine) as session:
            draft = get_draft(session, own(visit), number)
            remove_translation(session, visit.actor, draft, tag)
        return RedirectResponse(_path(newsletter, number), status_code=303)

    @router.get("/{tag}/markdown")
    def markdown(number: int, tag: str, visit: EditorVisit) -> PlainTextResponse:
        """Return the translation as Markdown to be completed elsewhere, and brought back."""
        with reading(engine) as session:
            draft = _with_translation(session, visit, number, tag)
        name = f"{draft.issue.issue_date.isoformat()}-{tag}.md"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        text = to_markdown(translated(draft.issue, tag))
        return PlainTextResponse(text, headers=headers, media_type="text/markdown")

    @router.post("/{tag}/file", response_model=None, dependencies=[up_to(2 * LARGEST_ISSUE)])
    def take_file(
        newsletter: str,
        number: int,
        tag: str,
        visit: EditorVisit,
        request: Request,
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        with reading(engine) as session:
            draft = _with_translation(session, visit, number, tag)
        try:
            read = _read_file(file)
            with transaction(engine) as session:
                import_translation(session, visit.actor, draft, tag, read.issue)
        except (ContentError, ConflictError) as error:
            return shown.show(draft, tag, visit, request, error=error)
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


def _view(
    status: UnitStatus, typed: Mapping[str, UnitFields], faults: Mapping[str, NewsletterError]
) -> UnitView:
    source = status.unit.source
    fields = fields_of(status)
    if (kept := typed.get(source)) is not None:
        # Saved once more, it replaces what was seen beside the fault.
        fields = replace(kept, seen=fields.seen)
    return UnitView(status=status, fields=fields, fault=faults.get(source))


def _path(newsletter: str, number: int, tag: str = "") -> str:
    path = f"/newsletters/{newsletter}/drafts/{number}/translations"
    return f"{path}/{tag}" if tag else path
