"""Actions from the page of a draft: requesting approval, confirming and sending, test mails."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Archived
from newsletter.errors import NewsletterError
from newsletter.issues.drafts.publishing import UnfitDraftError
from newsletter.issues.drafts.saving import DraftConflictError, get_draft
from newsletter.issues.sent import IssueSentError
from newsletter.mailings.approvals.notices import Post
from newsletter.mailings.approvals.readying import ask_approval_of_draft, ready_draft
from newsletter.mailings.archive import place_draft
from newsletter.mailings.orders.ordering import review_order
from newsletter.mailings.orders.test_mails import order_test
from newsletter.newsletters.actions import set_approval_rule
from newsletter.newsletters.issue_actions import publish_draft
from newsletter.tokens import Pseudonyms
from newsletter.web.access import (
    Visit,
    doing,
    newsletter_of,
    own,
)
from newsletter.web.issues.draft_pages import DraftPages, to_draft
from newsletter.web.issues.editor import began_with
from newsletter.web.issues.shown_as import AsGiven, with_shown_as
from newsletter.web.issues.submission import EditorForm
from newsletter.web.mailings.choice import ChoiceForm, SendChoice
from newsletter.web.mailings.send_page import SendingPage
from newsletter.web.routing import Router, add_routes
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Revision = Annotated[int, Form(ge=0)]
_PREFIX = "/newsletters/{newsletter}/drafts/{number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Decision:
    """An action from the page of a draft, which redirects to the page afterwards."""

    page: SendingPage
    shown: DraftPages

    def act(
        self,
        visit: Visit,
        request: Request,
        number: int,
        choice: SendChoice,
        do: Callable[[], Response],
        asked: Collection[int] | None = None,
    ) -> Response:
        """Run an action; if it is refused, redirect to the draft, which shows the reason."""
        slug = request.path_params["newsletter"]
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
            with reading(self.page.engine) as session:
                draft = get_draft(session, own(visit), number)
            written = EditorForm.of(draft, in_blocks=False)
            return self.shown.show(
                visit,
                request,
                draft,
                written,
                status=409,
                error=error,
                choice=choice,
                asked=asked,
            )


def deciding_router(page: SendingPage, shown: DraftPages, pseudonyms: Pseudonyms) -> Router:
    """Return the routes for decisions about a draft and for test mails."""
    router = Router()
    decision = _Decision(page=page, shown=shown)
    add_routes(router, _ordering_router(decision), _test_router(decision, pseudonyms))
    return router


def _ordering_router(decision: _Decision) -> Router:
    router = Router(prefix=_PREFIX)
    page = decision.page
    engine, settings = page.engine, page.settings
    post = Post(templates_dir=settings.templates_dir, public_url=settings.public_url.rstrip("/"))

    @router.get("/subjects")
    def check_compared(
        number: int, visit: Annotated[Visit, doing(Action.MAILING_ORDER)], request: Request
    ) -> HTMLResponse:
        with reading(engine) as session:
            row, draft = newsletter_of(session, visit), get_draft(session, own(visit), number)
            return page.show_subjects(visit, request, row, draft.issue)

    @router.post("/approval", response_model=None)
    def ask_approval(
        newsletter: str,
        number: int,
        visit: Annotated[Visit, doing(Action.ISSUE_APPROVAL_REQUESTED)],
        request: Request,
        revision: _Revision,
        choice: ChoiceForm,
        asked: Annotated[list[int] | None, Form()] = None,
    ) -> Response:
        def act() -> Response:
            plan = choice.plan()
            with transaction(engine) as session:
                draft = began_with(get_draft(session, own(visit), number), revision)
                ask_approval_of_draft(
                    session, visit.actor, draft, settings, post=post, plan=plan, asked=asked or ()
                )
            tail = f"?done=asked&{choice.query()}"
            return to_draft(newsletter, number, in_blocks=False, tail=tail)

        return decision.act(visit, request, number, choice, act, asked=asked or ())

    @router.post("/approval-rule")
    def require_approval(
        newsletter: str,
        number: int,
        visit: Annotated[Visit, doing(Action.NEWSLETTER_APPROVAL_RULE)],
    ) -> RedirectResponse:
        """Require the approval of a second person for the draft's newsletter from now on."""
        with transaction(engine) as session:
            draft = get_draft(session, own(visit), number)
            set_approval_rule(session, visit.actor, draft.newsletter_id, required=True)
        return to_draft(newsletter, number, in_blocks=False, tail="?done=rule#panel-send")

    @router.post("/order", response_model=None)
    def look_once_more(
        newsletter: str,
        number: int,
        visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
        request: Request,
        revision: _Revision,
        choice: ChoiceForm,
        shown_as: AsGiven = "",
    ) -> Response:
        def act() -> Response:
            plan = choice.plan()
            with transaction(engine) as session:
                draft = began_with(get_draft(session, own(visit), number), revision)
                issue, preflight = ready_draft(session, visit.actor, draft, settings)
                row = newsletter_of(session, visit)
                query = segment_text(session, row.id, plan.segment)
                # What hinders it is said where it is chosen.
                asked = replace(plan, segment=query)
                review_order(session, row, issue, preflight, asked, figures=page.figures)
                path = f"/newsletters/{newsletter}/issues/{issue.id}/send/confirm"
            target = with_shown_as(f"{path}?{choice.query()}", shown_as)
            return RedirectResponse(target, status_code=303)

        return decision.act(visit, request, number, choice, act)

    @router.post("/archive")
    def choose_place(
        newsletter: str,
        number: int,
        visit: Annotated[Visit, doing(Action.ISSUE_ARCHIVE)],
        place: Annotated[Archived | Literal[""], Form()] = "",
    ) -> Response:
        """Set the visibility of the draft's issue in the archive."""
        with transaction(engine) as session:
            draft = get_draft(session, own(visit), number)
            place_draft(session, visit.actor, draft, place or None)
        return to_draft(newsletter, number, in_blocks=False, tail="?done=placed")

    return router


def _test_router(decision: _Decision, pseudonyms: Pseudonyms) -> Router:
    router = Router(prefix=_PREFIX)
    engine, settings = decision.page.engine, decision.page.settings

    @router.post("/test", response_model=None)
    def send_test(
        newsletter: str,
        number: int,
        visit: Annotated[Visit, doing(Action.ISSUE_TEST)],
        request: Request,
        revision: _Revision,
        group: _Field = "",
        shown_as: AsGiven = "",
    ) -> Response:
        def act() -> Response:
            with transaction(engine) as session:
                row = newsletter_of(session, visit)
                draft = began_with(get_draft(session, own(visit), number), revision)
                issue = publish_draft(session, visit.actor, draft)
            order_test(
                engine,
                visit.actor,
                row,
                issue,
                group=group,
                to=visit.address,
                shown_as=shown_as,
                sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
                settings=settings,
                pseudonyms=pseudonyms,
            )
            tail = f"?{urlencode({'done': 'test', 'group': group})}"
            tail = f"{with_shown_as(tail, shown_as)}#panel-send"
            return to_draft(newsletter, number, in_blocks=False, tail=tail)

        return decision.act(visit, request, number, SendChoice(), act)

    return router
