"""Pages for correcting a sent issue: start, editing as a draft, review, publication."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.errors import ConflictError, ListError, NewsletterError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.corrections import Note, note_in
from newsletter.issues.difference import compare_issues
from newsletter.issues.drafts.saving import Draft, DraftConflictError, correction_draft, get_draft
from newsletter.issues.model import issue_from_json
from newsletter.issues.store import get_issue
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.approvals.requests import ask_approval_of_draft, ready_draft
from newsletter.mailings.corrections.copies import count_copies
from newsletter.mailings.corrections.effect import (
    put_into_effect,
    require_readied,
    review_correction,
)
from newsletter.mailings.corrections.mail import (
    CorrectionMail,
    compose_correction_mail,
    send_correction_mail,
)
from newsletter.mailings.corrections.notes import keep_note
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.planning.shown_as import sample_reader
from newsletter.newsletters.issue_actions import begin_correction
from newsletter.web.access import (
    EditorVisit,
    Visit,
    doing,
    newsletter_of,
    own,
)
from newsletter.web.issues.draft_pages import show_draft, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.shown_as import mail_frame
from newsletter.web.issues.submission import EditorForm
from newsletter.web.issues.workspace import workspace_of
from newsletter.web.mailings.send_page import post_of, subject_of
from newsletter.web.pages import show_page
from newsletter.web.routing import Router

_Field = Annotated[str, Form(max_length=4000)]
_Tag = Annotated[str, Query(max_length=64)]


def _typed_note(
    note: _Field = "",
    note_language: Annotated[list[str] | None, Form()] = None,
    note_translation: Annotated[list[str] | None, Form()] = None,
) -> Note:
    """Return the note of the form, which has a field for each language."""
    translations = zip(note_language or (), note_translation or (), strict=False)
    return Note(original=note, translations=dict(translations))


_TypedNote = Annotated[Note, Depends(_typed_note)]


router = Router(prefix="/newsletters/{newsletter}")
mail_router = Router(
    prefix="/newsletters/{newsletter}/issues/{issue_id}/corrections/{correction}/mail"
)


@router.post("/issues/{issue_id}/correct")
def _begin(newsletter: str, issue_id: int, visit: EditorVisit) -> Response:
    with transaction(visit.engine) as session:
        draft = begin_correction(session, visit.actor, own(visit), issue_id)
    return to_draft(newsletter, draft.id, in_blocks=False)


@router.post("/drafts/{number}/correction", response_model=None)
def _go_on(
    newsletter: str,
    number: int,
    visit: EditorVisit,
    note: _TypedNote,
    revision: Annotated[int, Form(ge=0)] = 0,
    do: Annotated[str, Form(max_length=20)] = "",
    asked: Annotated[list[int] | None, Form()] = None,
) -> Response:
    """Save the note; then request approval of the correction, or show the review again."""
    try:
        with transaction(visit.engine) as session:
            draft = get_draft(session, own(visit), number)
            keep_note(session, _corrected(draft), note.original, note.translations)
            if do == "note":
                return to_draft(newsletter, number, in_blocks=False, tail="?done=note")
            draft = began_with(draft, revision)
            if do == "ask":
                ask_approval_of_draft(
                    session,
                    visit.actor,
                    draft,
                    visit.site.settings,
                    post=post_of(visit),
                    plan=SendingPlan(),
                    asked=asked or (),
                )
                return to_draft(newsletter, number, in_blocks=False, tail="?done=asked")
            ready_draft(session, visit.actor, draft, visit.site.settings)
    except DraftConflictError:
        return to_draft(newsletter, number, in_blocks=False, tail="?done=changed")
    except (ConflictError, ListError) as error:
        with reading(visit.engine) as session:
            draft = get_draft(session, own(visit), number)
        written = EditorForm.of(draft, in_blocks=False)
        return show_draft(visit, draft, written, status=409, error=error)
    return RedirectResponse(
        f"/newsletters/{newsletter}/issues/{_corrected(draft)}/correction", status_code=303
    )


@router.get("/issues/{issue_id}/correction")
def _show_correction(
    issue_id: int, visit: Annotated[Visit, doing(Action.ISSUE_CORRECT)]
) -> HTMLResponse:
    return _look(visit, issue_id)


@router.post("/issues/{issue_id}/correction")
def _take_effect(
    newsletter: str,
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_CORRECT)],
    digest: _Field = "",
    warnings: _Field = "",
) -> Response:
    try:
        with reading(visit.engine) as session:
            row = newsletter_of(session, visit)
            issue = get_issue(session, row.id, issue_id)
            readied = require_readied(session, issue.id)
            known = stored_findings(
                session,
                row,
                issue_from_json(readied.content),
                besides=issue.id,
                is_correction=True,
            )
        put_into_effect(
            visit.engine,
            visit.actor,
            issue,
            readied,
            check_stored(readied, row, visit.site.settings, ask_dns=False, known=known),
            digest,
            with_warnings=bool(warnings),
        )
    except ConflictError as error:
        return _look(visit, issue_id, error=error)
    return RedirectResponse(
        f"/newsletters/{newsletter}/issues/{issue_id}?done=corrected", status_code=303
    )


@mail_router.get("")
def _show_mail(
    issue_id: int,
    correction: int,
    visit: Annotated[Visit, doing(Action.MAILING_CORRECTION)],
    lang: _Tag = "",
) -> HTMLResponse:
    return _look_at_mail(visit, issue_id, correction, lang)


@mail_router.get("/frame")
def _frame_mail(
    issue_id: int,
    correction: int,
    visit: Annotated[Visit, doing(Action.MAILING_CORRECTION)],
    lang: _Tag = "",
) -> HTMLResponse:
    with reading(visit.engine) as session:
        row = newsletter_of(session, visit)
        issue = get_issue(session, row.id, issue_id)
        mail = compose_correction_mail(session, row, issue, correction, visit.site.settings)
    return mail_frame(
        mail.said_in(lang), sample_reader(visit.language), site=visit.site.settings.public_url
    )


@mail_router.post("")
def _send_mail(
    newsletter: str,
    issue_id: int,
    correction: int,
    visit: Annotated[Visit, doing(Action.MAILING_CORRECTION)],
    digest: _Field = "",
) -> Response:
    try:
        with reading(visit.engine) as session:
            row = newsletter_of(session, visit)
            issue = get_issue(session, row.id, issue_id)
            mail = compose_correction_mail(session, row, issue, correction, visit.site.settings)
        mailing = send_correction_mail(
            visit.engine,
            visit.actor,
            issue,
            mail,
            digest,
            batch_size=visit.site.settings.batch_size,
        )
    except ConflictError as error:
        return _look_at_mail(visit, issue_id, correction, error=error)
    return RedirectResponse(f"/newsletters/{newsletter}/mailings/{mailing}", status_code=303)


def _look_at_mail(
    visit: Visit,
    issue_id: int,
    number: int,
    lang: str = "",
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the mail about a correction in one language, and the number of its recipients."""
    with reading(visit.engine) as session:
        newsletter = newsletter_of(session, visit)
        issue = get_issue(session, newsletter.id, issue_id)
        mail: CorrectionMail | None = None
        try:
            mail = compose_correction_mail(session, newsletter, issue, number, visit.site.settings)
        except ConflictError as conflict:
            error = error or conflict
    return show_page(
        visit,
        "issues/correction_mail.html",
        status=409 if error else 200,
        newsletter=newsletter,
        issue=issue,
        number=number,
        mail=mail,
        shown_in=lang,
        subject=subject_of(mail.said_in(lang) if mail else None),
        error=error,
    )


def _corrected(draft: Draft) -> int:
    """Return the id of the sent issue that a draft corrects.

    Raises:
        NotFoundError: The draft is not a correction.
    """
    if draft.corrects is None:
        raise NotFoundError(msg("This draft is not the correction of a sent issue."))
    return draft.corrects


def _look(
    visit: Visit,
    issue_id: int,
    *,
    error: NewsletterError | None = None,
) -> HTMLResponse:
    """Show the changes of a correction, the copies that it applies to, and its problems."""
    with reading(visit.engine) as session:
        newsletter = newsletter_of(session, visit)
        issue = get_issue(session, newsletter.id, issue_id)
        draft = correction_draft(session, issue.id)
        values: dict[str, Any] = {"review": None, "readied": None, "groups": ()}
        try:
            readied = require_readied(session, issue.id)
            preflight = workspace_of(visit).preflight(session, readied, newsletter)
            review = review_correction(session, newsletter, issue, readied, preflight)
            values = {
                "readied": readied,
                "review": review,
                "note": note_in(review.correction),
                "original": review.before.tag,
                "groups": compare_issues(review.before, review.after, visit.language),
            }
        except ConflictError as conflict:
            error = error or conflict
        return show_page(
            visit,
            "issues/correction.html",
            status=409 if error else 200,
            newsletter=newsletter,
            issue=issue,
            draft=draft,
            copies=count_copies(session, issue.id),
            error=error,
            **values,
        )
