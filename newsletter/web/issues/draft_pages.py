"""The editor of a draft in each view, with preview and preflight; the page of conflicts."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.actors import colleagues_by_address, name_actor
from newsletter.database.engine import reading
from newsletter.errors import (
    ConflictError,
    ContentError,
    NewsletterError,
    NotFoundError,
    TemplateError,
)
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.checks.findings import Severity
from newsletter.issues.conditions import everything, part_conditions, select_parts
from newsletter.issues.corrections import Note, note_in, written_correction
from newsletter.issues.difference import compare_conflict
from newsletter.issues.drafts.merging import others_writing
from newsletter.issues.drafts.publishing import free_slug
from newsletter.issues.drafts.reuse import moved_on
from newsletter.issues.drafts.saving import Draft, DraftConflictError, find_import_report
from newsletter.issues.library.files import FILE_KINDS
from newsletter.issues.library.search import search_library
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.merge_fields import MERGE_FIELDS
from newsletter.issues.merging import Conflict
from newsletter.issues.model import KINDS, Issue, Link, blocks_to_json, issue_to_json
from newsletter.issues.outline import Part, outline_anchors, to_outline
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.sources.reading import IssueImportReport
from newsletter.issues.store import as_sent, get_issue, series_of_draft
from newsletter.issues.walking import walk_texts
from newsletter.issues.wording import FIELD_NAMES
from newsletter.mailings.approvals.state import approvers, last_plan
from newsletter.mailings.archive import chosen_place
from newsletter.mailings.corrections.notes import note_languages
from newsletter.mailings.ledger.schedule import propose_time
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.progress import IssueProgress, NextStep, Stage
from newsletter.mailings.orders.readiness import stored_findings
from newsletter.mailings.planning.shown_as import Reader
from newsletter.newsletters.look.model import LookPicture, look_of
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.blocks import block_words
from newsletter.rendering.environment import templates_in
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_as, render_issue
from newsletter.rendering.theme import ItemStyle
from newsletter.web.access import Visit, newsletter_of, settings_path
from newsletter.web.issues.blocks import cards_of
from newsletter.web.issues.checked import CheckedIssue, Marked, check_issue, links_of
from newsletter.web.issues.shown_as import asked_as, choice_of, show_to_reader
from newsletter.web.issues.submission import EditorForm
from newsletter.web.issues.workspace import workspace_of
from newsletter.web.mailings.choice import SendChoice, faults_of
from newsletter.web.pages import show_page
from subscribers.fields.store import field_of_row
from subscribers.segments.choices import conditions_in_words


def check_input(visit: Visit, draft: Draft, written: EditorForm) -> CheckedIssue:
    """Parse, render and check an input.

    Raises:
        ContentError: The input cannot be parsed.
        NotFoundError: The input names an unknown template.
    """
    issue, template = written.read(draft, visit.language)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = as_sent(session, draft.id, issue)
        known = stored_findings(
            session,
            row,
            issue,
            besides=draft.stands_for,
            is_correction=draft.corrects is not None,
            figures=visit.site.figures,
        )
    folder = visit.site.settings.templates_dir
    own = visit.site.settings.public_url
    return check_issue(
        issue,
        template,
        row,
        folder=folder,
        text=written.text or "",
        own_site=own,
        known=known,
    )


def render_input(visit: Visit, draft: Draft, written: EditorForm) -> RenderedIssue:
    """Parse and render an input, without checking it.

    Raises:
        ContentError: The input cannot be parsed.
        NotFoundError: The input names an unknown template.
        TemplateError: The template fails.
    """
    issue, template = written.read(draft, visit.language)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = as_sent(session, draft.id, issue)
    return _render(visit, issue, template, row)


def render_input_as(
    visit: Visit, draft: Draft, written: EditorForm, key: str
) -> tuple[RenderedIssue, Reader]:
    """Parse an input and render it for the readers of a key only.

    Raises:
        ContentError: The input cannot be parsed.
        NotFoundError: The input names an unknown template.
        TemplateError: The template fails.
    """
    issue, template = written.read(draft, visit.language)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = as_sent(session, draft.id, issue)
        shown = workspace_of(visit).shown_as(session, visit, row, issue, key)
    issue = resolve_snippets(issue, dict(publisher_of(row).snippets))
    issue = everything(issue) if shown.met is None else select_parts(issue, shown.met)
    return _render(visit, issue, template, row), shown.reader


def _render(visit: Visit, issue: Issue, template: str, row: Newsletter) -> RenderedIssue:
    return render_issue(
        issue,
        template=template or row.template,
        templates_dir=visit.site.settings.templates_dir,
        publisher=publisher_of(row),
        site=visit.site.url,
    )


def show_draft(
    visit: Visit,
    draft: Draft,
    written: EditorForm,
    *,
    status: int = 200,
    error: NewsletterError | None = None,
    choice: SendChoice | None = None,
    asked: Collection[int] | None = None,
) -> HTMLResponse:
    """Show the editor with an input, and with the audience and time of sending.

    Args:
        visit: The visit.
        request: The request.
        draft: The saved draft.
        written: The input.
        status: The status of the response.
        error: Why the requested action was refused.
        choice: The entered choices about sending; None for the saved ones.
        asked: The accounts chosen as approvers; None for the saved ones.
    """
    checked: CheckedIssue | None = None
    try:
        checked = check_input(visit, draft, written)
    except (ContentError, NotFoundError) as failure:
        error = error or failure
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        report = find_import_report(session, draft)
        is_sending = "sending" in visit.request.query_params
        hindrance = _hindrance(session, draft) if is_sending else None
        snippets = kept_snippets(row)
        library = search_library(session, row.id, with_uses=False).items
        day = (checked.issue if checked else draft.issue).issue_date
        proposed = propose_time(session, row, day)
        chosen = choice or SendChoice.asked_in(visit.request)
        beside = _beside(session, visit, row, draft, checked, chosen)
        if chosen is None:
            planned = last_plan(session, draft.issue_id) if draft.issue_id else None
            chosen = SendChoice.of(planned, proposed=proposed)
        chosen = chosen.begun_with(proposed)
        beside |= workspace_of(visit).panel(session, visit, row, chosen, draft.issue)
        beside |= workspace_of(visit).comments(session, draft.issue_id, draft.issue)
        beside |= links_of(session, draft)
        beside["condition_words"] = conditions_in_words(session, row, part_conditions(draft.issue))
        beside |= _correction_values(session, row, draft)
        beside["chosen_place"] = chosen_place(session, draft)
        beside["series"] = series_of_draft(session, draft.id)
        beside["others"] = others_writing(session, draft.id, besides=visit.address)
        path = f"/newsletters/{row.slug}/drafts/{draft.id}"
        view = "/blocks" if written.in_cards else ""
        issue = checked.issue if checked else draft.issue
        shown_as = workspace_of(visit).shown_as(session, visit, row, issue, asked_as(visit.request))
        beside |= choice_of(visit.request, shown_as, path + view)
        rendered = checked.preflight.rendered if checked else None
        if rendered is not None:
            with suppress(TemplateError):
                rendered = render_as(rendered, shown_as.met)
    beside["readers"] = [
        [
            group.label.in_language(visit.language),
            [[key, each.in_language(visit.language)] for key, each in group.choices],
        ]
        for group in beside["reader_choices"]
    ]
    beside["condition_words"] = {
        condition: words.in_language(visit.language)
        for condition, words in beside["condition_words"].items()
    }
    undo = visit.request.query_params.get("undo", "")
    return show_page(
        visit,
        "issues/write.html",
        status=status,
        newsletter=row,
        draft=draft,
        written=written,
        sheet=written.sheet,
        cards=cards_of(written.sheet) if written.sheet else (),
        undo=undo if undo.isdecimal() else "",
        notice=visit.request.query_params.get("done", ""),
        tested_group=visit.request.query_params.get("group", ""),
        moved=visit.request.query_params.get("moved", "").split("."),
        hindrance=hindrance,
        barred=_errors(checked) if is_sending else (),
        picture_base=f"{visit.site.url}/images/",
        report=report,
        places=places_of(draft.issue, report),
        parts=part_names(draft.issue),
        error=error,
        order_faults=faults_of(error) if choice else {},
        marked=checked.marked if checked else (),
        value=_value(written, checked),
        kinds=KINDS,
        snippets=snippets,
        library=library,
        surface=_surface(
            row, draft, visit.site.settings.templates_dir, undated=beside["series"] is not None
        ),
        merge_fields=merge_fields_of(row, visit.language),
        settings_url=settings_path(visit),
        shown=show_to_reader(rendered, shown_as.reader, dark=False) if rendered else None,
        panel_first="send" if error and choice else _first_part(beside["standing"], checked),
        asked_of=asked,
        view=view,
        **beside,
    )


def show_checked(visit: Visit, draft: Draft, written: EditorForm, key: str) -> HTMLResponse:
    """Show the findings, with all parts of the editor that depend on them.

    Raises:
        ContentError: The input cannot be parsed.
        NotFoundError: The input names an unknown template.
    """
    checked = check_input(visit, draft, written)
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        shown_as = workspace_of(visit).shown_as(session, visit, row, checked.issue, key)
        return show_page(
            visit,
            "issues/checked.html",
            newsletter=row,
            draft=draft,
            written=written,
            title=checked.issue.title,
            marked=checked.marked,
            barred=_errors(checked),
            hindrance=_hindrance(session, draft),
            settings_url=settings_path(visit),
            approvers=approvers(session, row.id, besides=visit.account_id),
            **choice_of(visit.request, shown_as, visit.path),
            **_beside(session, visit, row, draft, checked),
        )


def _beside(
    session: Session,
    visit: Visit,
    row: Newsletter,
    draft: Draft,
    checked: CheckedIssue | None,
    choice: SendChoice | None = None,
) -> dict[str, Any]:
    """Return the line of states, which is that of the draft's issue if both are equal."""
    preflight = checked.preflight if checked else None
    issue = get_issue(session, row.id, draft.issue_id) if draft.issue_id else None
    if checked and issue is not None and issue.content == issue_to_json(checked.issue):
        preflight = workspace_of(visit).preflight(session, issue, row)
    line = workspace_of(visit).line(
        session, visit, row, draft.issue_id, preflight, draft.id, choice=choice
    )
    # A draft without a prepared issue can be a correction, too.
    return line | {"line_corrects": draft.corrects}


def show_conflict(
    visit: Visit,
    conflict: DraftConflictError,
    *,
    by_script: bool = False,
) -> Response:
    """Show both versions of each conflicting part; nothing is saved until a person chooses."""
    conflicts = conflict.merge.conflicts
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        colleagues = colleagues_by_address(session)
    author = name_actor(conflict.theirs.author, colleagues).in_language(visit.language)
    values = {
        "author": author,
        "conflicts": [
            (
                each,
                *zip(
                    compare_conflict(each, conflict.theirs.issue, visit.language),
                    _as_blocks(each),
                    strict=True,
                ),
            )
            for each in conflicts
        ],
        "field_names": {**FIELD_NAMES, "template": msg("Template")},
    }
    if by_script:
        shown = visit.site.pages.render("issues/_conflicts.html", language=visit.language, **values)
        return JSONResponse(
            {"author": author, "count": len(conflicts), "form": shown},
            status_code=409,
        )
    return show_page(
        visit,
        "issues/conflict.html",
        status=409,
        newsletter=row,
        draft=conflict.theirs,
        text=to_markdown(conflict.mine.issue, template=conflict.mine.template),
        base=json.dumps(
            issue_to_json(replace(conflict.base.issue, translations=())), ensure_ascii=False
        ),
        base_template=conflict.base.template,
        **values,
    )


def merge_fields_of(newsletter: Newsletter, language: Language) -> list[tuple[str, str]]:
    """Return the merge fields by name, with their labels."""
    named = [(name, kind.label.in_language(language)) for name, kind in MERGE_FIELDS.items()]
    own = map(field_of_row, newsletter.fields)
    return [*named, *((each.key, each.label(language)) for each in own)]


def kept_snippets(newsletter: Newsletter) -> list[dict[str, Any]]:
    """Return a newsletter's snippets for the script of the page, by name."""
    kept = sorted(publisher_of(newsletter).snippets)
    return [{"name": name, "blocks": blocks_to_json(blocks)} for name, blocks in kept]


def _as_blocks(conflict: Conflict) -> tuple[str, str]:
    """Return both versions of a block for the script of the page; empty for other parts."""
    versions = (conflict.theirs, conflict.mine)
    theirs, mine = (
        json.dumps(blocks_to_json((each,)), ensure_ascii=False)
        if each is not None and not conflict.name and not isinstance(each, Part | Link)
        else ""
        for each in versions
    )
    return theirs, mine


def _surface(
    newsletter: Newsletter, draft: Draft, folder: Path, *, undated: bool
) -> dict[str, Any]:
    """Return the parts of the mail around the editable content: header, fixed texts, boxes."""
    look = look_of(newsletter)
    template = draft.template or newsletter.template
    return {
        "look": {
            "masthead": look.masthead.value,
            "undated": undated,
            "tagline": look.tagline,
            "logo": _drawn(look.logo),
            "header": _drawn(look.header),
        },
        "boxed": look.items is ItemStyle.CARD,
        "contents": templates_in(folder).prints_contents(template),
        "mail-words": block_words(draft.issue.language),
        "file-kinds": {media_type: name for name, media_type in FILE_KINDS.items()},
    }


def _drawn(picture: LookPicture | None) -> dict[str, Any] | None:
    """Return a picture of the look with a URL for these pages, whose host may be another one."""
    if picture is None:
        return None
    return {"url": picture.path, "alt": picture.alt, "width": picture.width}


def _value(written: EditorForm, checked: CheckedIssue | None) -> dict[str, Any] | None:
    """Return the issue for the script of the page; None if the input cannot be parsed."""
    if written.value is not None:
        text, template = written.value
        with suppress(ValueError, RecursionError):
            return {"issue": json.loads(text), "template": template}
        return None
    if checked is None:
        return None
    return {"issue": issue_to_json(checked.issue), "template": checked.template}


def _correction_values(session: Session, row: Newsletter, draft: Draft) -> dict[str, Any]:
    """Return the values of the page about a correction; empty if the draft is none."""
    if not draft.corrects:
        return {"note": Note(), "note_languages": (), "corrected": None}
    correction = written_correction(session, draft.corrects)
    return {
        "note": note_in(correction) if correction else Note(),
        "note_languages": note_languages(session, draft.corrects),
        "corrected": get_issue(session, row.id, draft.corrects),
    }


def _first_part(standing: IssueProgress, checked: CheckedIssue | None) -> str:
    """Return the section of the panel that is open at first: the findings, or the next step."""
    if standing.returned is not None or standing.step is NextStep.APPROVE:
        return "approval"
    if standing.stage is Stage.APPROVED:
        return "send"
    return "checks" if checked is None or checked.marked else "send"


def _errors(checked: CheckedIssue | None) -> list[Marked]:
    marked = checked.marked if checked else ()
    return [entry for entry in marked if entry.finding.severity is Severity.ERROR]


def _hindrance(session: Session, draft: Draft) -> ConflictError | None:
    """Return why a draft without errors cannot be sent."""
    try:
        free_slug(session, draft)
    except ConflictError as error:
        return error
    return None


def places_of(issue: Issue, report: IssueImportReport | None) -> dict[str, str]:
    """Return the anchor of the part that contains each unassigned line."""
    unplaced = {entry.text for entry in report.unplaced} if report else set()
    found: dict[str, str] = {}
    for place, text in walk_texts(issue) if unplaced else ():
        if text in unplaced:
            found.setdefault(text, place.anchor or place.field.value)
    return found


def part_names(issue: Issue) -> list[tuple[str, str]]:
    """Return the anchors and headings of all parts, as choices."""
    outline = to_outline(issue)
    return [
        (anchor, "\u3000" * (part.level - 1) + part.heading)
        for anchor, part in zip(outline_anchors(outline), outline, strict=True)
    ]


def to_draft(newsletter: str, number: int, *, in_blocks: bool, tail: str = "") -> RedirectResponse:
    """Redirect to the view of the draft that was used."""
    view = "/blocks" if in_blocks else ""
    return RedirectResponse(
        f"/newsletters/{newsletter}/drafts/{number}{view}{tail}", status_code=303
    )


def to_duplicate(newsletter: str, begun: Draft, source: Issue) -> RedirectResponse:
    """Redirect to a draft that was created from an issue; the page lists the adjusted dates."""
    moved = ".".join(moved_on(source, begun.issue))
    return to_draft(newsletter, begun.id, in_blocks=False, tail=f"?done=duplicated&moved={moved}")
