"""Actions from the page of a draft: requesting approval, confirming and sending, test mails."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Archived
from newsletter.errors import NewsletterError
from newsletter.issues.drafts.publishing import UnfitDraftError
from newsletter.issues.drafts.saving import DraftConflictError, get_draft
from newsletter.issues.sent import IssueSentError
from newsletter.mailings.approvals.requests import ask_approval_of_draft, ready_draft
from newsletter.mailings.archive import place_draft
from newsletter.mailings.orders.ordering import review_order
from newsletter.newsletters.actions import set_approval_rule
from newsletter.newsletters.issue_actions import publish_draft
from newsletter.web.access import (
    Visit,
    doing,
    newsletter_of,
    own,
)
from newsletter.web.issues.draft_pages import show_draft, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.shown_as import AsGiven, with_shown_as
from newsletter.web.issues.submission import EditorForm
from newsletter.web.mailings.choice import ChoiceForm, SendChoice
from newsletter.web.mailings.send_page import post_of, send_test, show_subjects
from newsletter.web.routing import Router
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Revision = Annotated[int, Form(ge=0)]
_PREFIX = "/newsletters/{newsletter}/drafts/{number}"


def _act(
    visit: Visit,
    number: int,
    choice: SendChoice,
    do: Callable[[], Response],
    asked: Collection[int] | None = None,
) -> Response:
    """Run an action; if it is refused, redirect to the draft, which shows the reason."""
    slug = visit.request.path_params["newsletter"]
    more = f"&{choice.query()}" if choice.query() else ""
    try:
        return do()
    except DraftConflictError:
        return to_draft(slug, number, in_blocks=False, tail=f"?done=changed{more}")
    except IssueSentError:
        return to_draft(slug, number, in_blocks=False)
    except UnfitDraftError:
        # The page determines the reason itself, so that it can be reloaded.
        return to_draft(slug, number, in_blocks=False, tail=f"?sending=1{more}")
    except NewsletterError as error:
        with reading(visit.engine) as session:
            draft = get_draft(session, own(visit), number)
        written = EditorForm.of(draft, in_blocks=False)
        return show_draft(
            visit,
            draft,
            written,
            status=409,
            error=error,
            choice=choice,
            asked=asked,
        )


router = Router(prefix=_PREFIX)


@router.get("/subjects")
def _check_compared(
    number: int, visit: Annotated[Visit, doing(Action.MAILING_ORDER)]
) -> HTMLResponse:
    with reading(visit.engine) as session:
        row, draft = newsletter_of(session, visit), get_draft(session, own(visit), number)
        return show_subjects(visit, row, draft.issue)


@router.post("/approval", response_model=None)
def _ask_approval(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.ISSUE_APPROVAL_REQUESTED)],
    revision: _Revision,
    choice: ChoiceForm,
    asked: Annotated[list[int] | None, Form()] = None,
) -> Response:
    def act() -> Response:
        plan = choice.plan()
        with transaction(visit.engine) as session:
            draft = began_with(get_draft(session, own(visit), number), revision)
            ask_approval_of_draft(
                session,
                visit.actor,
                draft,
                visit.site.settings,
                post=post_of(visit),
                plan=plan,
                asked=asked or (),
            )
        tail = f"?done=asked&{choice.query()}"
        return to_draft(newsletter, number, in_blocks=False, tail=tail)

    return _act(visit, number, choice, act, asked=asked or ())


@router.post("/approval-rule")
def _require_approval(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.NEWSLETTER_APPROVAL_RULE)],
) -> RedirectResponse:
    """Require the approval of a second person for the draft's newsletter from now on."""
    with transaction(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
        set_approval_rule(session, visit.actor, draft.newsletter_id, required=True)
    return to_draft(newsletter, number, in_blocks=False, tail="?done=rule#panel-send")


@router.post("/order", response_model=None)
def _look_once_more(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
    revision: _Revision,
    choice: ChoiceForm,
    shown_as: AsGiven = "",
) -> Response:
    def act() -> Response:
        plan = choice.plan()
        with transaction(visit.engine) as session:
            draft = began_with(get_draft(session, own(visit), number), revision)
            issue, preflight = ready_draft(session, visit.actor, draft, visit.site.settings)
            row = newsletter_of(session, visit)
            query = segment_text(session, row.id, plan.segment)
            # What hinders it is said where it is chosen.
            asked = replace(plan, segment=query)
            review_order(session, row, issue, preflight, asked, figures=visit.site.figures)
            path = f"/newsletters/{newsletter}/issues/{issue.id}/send/confirm"
        target = with_shown_as(f"{path}?{choice.query()}", shown_as)
        return RedirectResponse(target, status_code=303)

    return _act(visit, number, choice, act)


@router.post("/archive")
def _choose_place(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.ISSUE_ARCHIVE)],
    place: Annotated[Archived | Literal[""], Form()] = "",
) -> Response:
    """Set the visibility of the draft's issue in the archive."""
    with transaction(visit.engine) as session:
        draft = get_draft(session, own(visit), number)
        place_draft(session, visit.actor, draft, place or None)
    return to_draft(newsletter, number, in_blocks=False, tail="?done=placed")


@router.post("/test", response_model=None)
def _send_test(
    newsletter: str,
    number: int,
    visit: Annotated[Visit, doing(Action.ISSUE_TEST)],
    revision: _Revision,
    group: _Field = "",
    shown_as: AsGiven = "",
) -> Response:
    def act() -> Response:
        with transaction(visit.engine) as session:
            row = newsletter_of(session, visit)
            draft = began_with(get_draft(session, own(visit), number), revision)
            issue = publish_draft(session, visit.actor, draft)
        send_test(visit, row, issue, group=group, shown_as=shown_as)
        tail = f"?{urlencode({'done': 'test', 'group': group})}"
        tail = f"{with_shown_as(tail, shown_as)}#panel-send"
        return to_draft(newsletter, number, in_blocks=False, tail=tail)

    return _act(visit, number, SendChoice(), act)
