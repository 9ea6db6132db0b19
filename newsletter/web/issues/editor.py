"""Routes for editing a draft in blocks or Markdown, which is saved without losing any changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from newsletter.accounts.actors import colleagues_by_address, name_actor
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ConflictError, ContentError, NewsletterError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.merging import save_merged
from newsletter.issues.drafts.saving import (
    Draft,
    DraftConflictError,
    get_draft,
    restore_revision,
    save_draft,
)
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.merging import Version
from newsletter.issues.model import issue_to_json
from newsletter.issues.sent import IssueSentError, sent_as
from newsletter.newsletters.dictionary import add_word
from newsletter.newsletters.issue_actions import duplicate_issue, find_draft
from newsletter.web.access import EditorVisit, Visit, own
from newsletter.web.issues.blocks import EditedIssue, Pressed, press
from newsletter.web.issues.draft_pages import (
    check_input,
    show_conflict,
    show_draft,
    to_draft,
)
from newsletter.web.issues.submission import EditorForm, WrittenForm, error_fields
from newsletter.web.routing import Router

_SENT_MEANWHILE = IssueSentError(
    msg("This issue was sent in the meantime, so this change was not saved."),
    remedy=msg("Choose Save to continue in a new issue."),
)
_UNDONE = msg("Undone.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Saved:
    """A draft after saving.

    Attributes:
        draft: The saved draft.
        changed: The result of a pressed button.
        undo: The revision to restore if the button's action is undone.
        with_author: The author of changes that were merged; empty if nobody saved meanwhile.
    """

    draft: Draft
    changed: EditedIssue | None = None
    undo: str = ""
    with_author: str = ""


router = Router(prefix="/newsletters/{newsletter}/drafts/{number}")


@router.get("", response_model=None)
def _write(newsletter: str, number: int, visit: EditorVisit) -> Response:
    return _open(newsletter, number, visit, in_blocks=False)


@router.get("/blocks", response_model=None)
def _write_blocks(newsletter: str, number: int, visit: EditorVisit) -> Response:
    return _open(newsletter, number, visit, in_blocks=True)


def _open(newsletter: str, number: int, visit: Visit, *, in_blocks: bool) -> Response:
    with reading(visit.engine) as session:
        draft = find_draft(session, own(visit), number)
        if draft.issue_id is not None and sent_as(session, draft.issue_id):
            return RedirectResponse(
                f"/newsletters/{newsletter}/issues/{draft.issue_id}", status_code=303
            )
    return show_draft(visit, draft, EditorForm.of(draft, in_blocks=in_blocks))


@router.post("", response_model=None)
def _save_draft(newsletter: str, number: int, visit: EditorVisit, written: WrittenForm) -> Response:
    by_script = "application/json" in visit.request.headers.get("accept", "")
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    try:
        saved = _save(visit, draft, written, by_itself=by_script)
    except (ConflictError, ContentError, NotFoundError) as error:
        if isinstance(error, DraftConflictError):
            return show_conflict(visit, error, by_script=by_script)
        if by_script:
            return _refuse_script(error, visit.language)
        if isinstance(error, IssueSentError):
            return _go_on_apart(newsletter, visit, draft, written)
        return show_draft(visit, draft, written, status=422, error=error)
    if by_script:
        return JSONResponse(_answer(saved, written))
    focus = saved.changed.focus if saved.changed else ""
    undo = f"?undo={saved.undo}" if saved.undo else ""
    joined = "?done=joined" if saved.with_author and not undo else ""
    tail = undo + joined + (f"#block-{focus}" if focus else "")
    return to_draft(newsletter, number, in_blocks=written.in_cards, tail=tail)


def _save(visit: Visit, draft: Draft, written: EditorForm, *, by_itself: bool) -> _Saved:
    """Save the input, and then apply the pressed button, in one transaction."""
    pressed = Pressed.read(written.press) if written.press else None
    issue, template = written.read(draft, visit.language)
    by_itself = by_itself and not written.kept
    kind = RevisionKind.AUTOSAVED if by_itself or pressed else RevisionKind.SAVED
    if written.fix:
        found = check_input(visit, draft, written).preflight.findings
        mend = next((f.fix for f in found if f.key == written.fix and f.fix), None)
        issue, kind = (mend(issue), RevisionKind.FIXED) if mend else (issue, kind)
    with transaction(visit.engine) as session:
        began = began_with(get_draft(session, own(visit), draft.id), written.revision)
        merged = save_merged(
            session,
            began,
            Version(issue=issue, template=template),
            author=visit.address,
            kind=kind,
            base=written.read_base(draft, visit.language),
            choices=written.choices,
        )
        saved = merged.draft
        if written.known_word:
            add_word(session, visit.actor, own(visit), written.known_word)
        if pressed is None:
            other = name_actor(merged.with_author, colleagues_by_address(session))
            return _Saved(draft=saved, with_author=other.in_language(visit.language))
        if pressed.verb == "undo":
            before = pressed.numbers[0]
            saved = restore_revision(session, saved, before, author=visit.address)
            return _Saved(draft=saved, changed=EditedIssue(issue=saved.issue, message=_UNDONE))
        return _do(session, visit, saved, press(saved.issue, pressed))


def _do(session: Session, visit: Visit, draft: Draft, changed: EditedIssue) -> _Saved:
    # If something is removed, a separate revision is saved, so that the previous one can be
    # restored.
    kind = RevisionKind.SAVED if changed.takes_away else RevisionKind.AUTOSAVED
    saved = save_draft(session, draft, changed.issue, author=visit.address, kind=kind)
    undo = str(draft.revision) if changed.takes_away else ""
    return _Saved(draft=saved, changed=changed, undo=undo)


def _go_on_apart(
    newsletter: str, visit: Visit, draft: Draft, written: EditorForm
) -> RedirectResponse:
    """Save the input for an issue that was sent meanwhile as a draft of the next issue."""
    issue, template = written.read(draft, visit.language)
    with transaction(visit.engine) as session:
        begun = duplicate_issue(session, visit.actor, draft.newsletter_id, issue, template=template)
    return to_draft(newsletter, begun.id, in_blocks=written.in_cards, tail="?done=apart")


@router.post("/value", response_model=None)
def _convert(number: int, visit: EditorVisit, written: WrittenForm) -> JSONResponse:
    """Convert the input of one view for another view; nothing is saved."""
    with reading(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
    try:
        issue, template = written.read(draft, visit.language)
    except ContentError as error:
        return JSONResponse(error_fields(error, visit.language), status_code=422)
    return JSONResponse(both_forms(replace(draft, issue=issue, template=template)))


def both_forms(draft: Draft) -> dict[str, object]:
    """Return a draft for the script of the page: as a value and as Markdown."""
    return {
        "issue": issue_to_json(draft.issue),
        "text": to_markdown(draft.issue, template=draft.template),
        "template": draft.template,
    }


def _answer(saved: _Saved, written: EditorForm) -> dict[str, object]:
    """Return the result of saving for the script, with the draft if it differs from the input."""
    answer: dict[str, object] = {"revision": saved.draft.revision, "author": saved.with_author}
    return answer | both_forms(saved.draft) if written.fix or saved.with_author else answer


def _refuse_script(error: NewsletterError, language: Language) -> JSONResponse:
    """Return the reason why nothing was saved, for the script of the page."""
    known = _SENT_MEANWHILE if isinstance(error, IssueSentError) else error
    return JSONResponse(error_fields(known, language), status_code=422)


def began_with(draft: Draft, revision: int) -> Draft:
    """Return the draft with the revision of the form, so that later saves are seen as conflicts."""
    return replace(draft, revision=revision)
