"""Pages for ordering a mailing: audience and time, the confirmation, the order; and test mails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.edit_conflicts import EditConflictError
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.i18n.messages import written
from newsletter.issues.drafts.saving import get_draft
from newsletter.issues.model import issue_from_json
from newsletter.issues.store import get_issue
from newsletter.mailings.ledger.schedule import AT_ONCE, Schedule, read_hour
from newsletter.mailings.orders.ordering import Order, other_day, place_order, review_order
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.orders.test_mails import save_group
from newsletter.mailings.planning.audience import audience_figure
from newsletter.mailings.trials.subjects import LETTERS, own_subject
from newsletter.tokens import new_token
from newsletter.web.access import (
    SeeingVisit,
    SegmentVisit,
    Visit,
    doing,
    newsletter_of,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.issues.shown_as import AsGiven, asked_as, choice_of, show_to_reader
from newsletter.web.issues.workspace import ARCHIVE_PLACES, workspace_of
from newsletter.web.mailings.choice import ChoiceForm, SendChoice
from newsletter.web.mailings.send_page import (
    PATH,
    address_of,
    back_to_page,
    find_issue_of,
    other_place,
    send_test,
    show_sending,
    show_subjects,
    subject_of,
)
from newsletter.web.pages import show_page
from newsletter.web.routing import Router
from subscribers.segments.saved import segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Asked = Annotated[str, Query(max_length=4000)]


router = Router(prefix="/newsletters/{newsletter}")


@router.get(PATH)
def _open_sending(issue_id: int, visit: SeeingVisit) -> Response:
    elsewhere = other_place(visit, issue_id)
    if elsewhere is not None:
        return RedirectResponse(elsewhere, status_code=303)
    return show_sending(visit, issue_id)


@router.get(PATH + "/subjects")
def _check_compared(
    issue_id: int, visit: Annotated[Visit, doing(Action.MAILING_ORDER)]
) -> HTMLResponse:
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        content = issue_from_json(issue.content)
    return show_subjects(visit, newsletter, content)


@router.get(PATH + "/confirm")
def _confirm(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
) -> HTMLResponse:
    choice = SendChoice.asked_in(visit.request) or SendChoice()
    try:
        confirmation = _last_look(visit, issue_id, choice)
    except NotFoundError:
        raise
    except NewsletterError as error:
        return show_sending(visit, issue_id, status=409, error=error, choice=choice)
    return show_page(visit, "mailings/confirm.html", **confirmation, choice=choice, key=new_token())


@router.post(PATH)
def _send(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
    choice: ChoiceForm,
    key: _Field = "",
    digest: _Field = "",
    warnings: _Field = "",
    again: _Field = "",
) -> Response:
    confirmed = _Confirmed(
        choice=choice, key=key, digest=digest, warnings=bool(warnings), again=bool(again)
    )
    try:
        target = _place(visit, issue_id, confirmed)
    except NotFoundError:
        raise
    except NewsletterError as error:
        return show_sending(visit, issue_id, status=409, error=error, choice=choice)
    return RedirectResponse(target, status_code=303)


@router.get("/audience")
def _show_audience(visit: SegmentVisit, segment: _Asked = "", urgent: _Asked = "") -> HTMLResponse:
    with reading(visit.engine) as session:
        newsletter = newsletter_of(session, visit)
        count, error = None, None
        try:
            query = segment_text(session, newsletter.id, segment)
            count = audience_figure(
                session, newsletter, query, visit.site.figures, urgent=bool(urgent)
            )
        except NewsletterError as wrong:
            error = wrong
    return show_page(visit, "mailings/_audience.html", count=count, error=error)


@router.get("/hour")
def _tell_hour(
    visit: Annotated[Visit, doing(Action.MAILING_ORDER)],
    hour: _Asked = "",
    issue: int = 0,
    draft: int = 0,
) -> HTMLResponse:
    with reading(visit.engine) as session:
        newsletter = newsletter_of(session, visit)
        content = (
            get_draft(session, newsletter.id, draft).issue
            if draft
            else issue_from_json(get_issue(session, newsletter.id, issue).content)
        )
    try:
        # What is yet to be filled in is no fault.
        schedule, error = Schedule(hour=read_hour(hour)) if hour.strip() else AT_ONCE, None
    except NewsletterError as wrong:
        schedule, error = AT_ONCE, wrong
    return show_page(
        visit,
        "mailings/_hour.html",
        issue=content,
        hour=schedule.hour,
        other_day=other_day(newsletter, content, schedule) if schedule.hour else None,
        error=error,
    )


def _last_look(visit: Visit, issue_id: int, choice: SendChoice) -> dict[str, Any]:
    """Return the values of the confirmation.

    Raises:
        NewsletterError: The issue cannot be sent with this choice.
    """
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        planned = choice.plan()
        preflight = workspace_of(visit).preflight(session, issue, newsletter)
        query = segment_text(session, newsletter.id, choice.segment)
        review = review_order(
            session,
            newsletter,
            issue,
            preflight,
            replace(planned, segment=query),
            figures=visit.site.figures,
        )
        content, key = issue_from_json(issue.content), asked_as(visit.request)
        shown_as = workspace_of(visit).shown_as(
            session, visit, newsletter, content, key, segment=query, urgent=planned.urgent
        )
        mail = workspace_of(visit).mail_as(session, issue, newsletter, review.rendered, shown_as)
        shown = show_to_reader(mail or review.rendered, shown_as.reader, dark=False)
        base = address_of(newsletter, issue)
        return {
            "other_plan": review.other_plan,
            "text": shown.text,
            "snippet": shown.snippet,
            "newsletter": newsletter,
            "issue": issue,
            "base": base,
            "subject": subject_of(review.rendered),
            "count": review.audience,
            "first": review.first,
            "schedule": planned.schedule,
            "warnings": review.warnings,
            "earlier": review.earlier,
            "trial": planned.trial,
            "own_subject": own_subject(issue_from_json(issue.content)),
            "letters": LETTERS,
            "tried": review.tried,
            "place": review.place,
            "other_day": review.other_day,
            "archive_places": ARCHIVE_PLACES,
            "digest": review.digest,
            **choice_of(visit.request, shown_as, f"{base}/confirm"),
            **workspace_of(visit).line(session, visit, newsletter, issue.id, preflight),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Confirmed:
    """The submitted confirmation.

    Attributes:
        key: The idempotency key; a form that is submitted twice is one order.
        digest: The hash of the content that was shown.
        warnings: Whether preflight's warnings are accepted.
        again: Whether it may be sent although it was sent before.
    """

    choice: SendChoice
    key: str
    digest: str
    warnings: bool
    again: bool


def _place(visit: Visit, issue_id: int, confirmed: _Confirmed) -> str:
    """Order the mailing; return the path of the issue's page, which shows the progress.

    Raises:
        NewsletterError: The issue cannot be sent with this choice.
    """
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
        query = segment_text(session, newsletter.id, confirmed.choice.segment)
        content = issue_from_json(issue.content)
        known = stored_findings(session, newsletter, content, besides=issue.id)
    place_order(
        visit.engine,
        visit.actor,
        issue,
        check_stored(issue, newsletter, visit.site.settings, ask_dns=False, known=known),
        Order(
            key=confirmed.key,
            digest=confirmed.digest,
            plan=replace(confirmed.choice.plan(), segment=query),
            with_warnings=confirmed.warnings,
            again=confirmed.again,
        ),
        batch_size=visit.site.settings.batch_size,
    )
    return f"/newsletters/{newsletter.slug}/issues/{issue.id}"


#: Characters of the shown state in a form, which can contain many groups of some 50 addresses.
LARGEST_SHOWN = 500_000


@router.post(PATH + "/test")
def _test_mail(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.ISSUE_TEST)],
    group: _Field = "",
    shown_as: AsGiven = "",
) -> Response:
    with reading(visit.engine) as session:
        newsletter, issue = find_issue_of(session, visit, issue_id)
    try:
        send_test(visit, newsletter, issue, group=group, shown_as=shown_as)
    except NewsletterError as error:
        return show_sending(visit, issue_id, status=409, error=error)
    return back_to_page(visit.request, "test", cut="/test", shown_as=shown_as, group=group)


@router.post(PATH + "/groups")
def _keep_group(
    issue_id: int,
    visit: Annotated[Visit, doing(Action.TEST_GROUP_SAVE)],
    name: _Field = "",
    addresses: _Field = "",
    shown: Annotated[str, Form(max_length=LARGEST_SHOWN)] = "",
) -> Response:
    try:
        with transaction(visit.engine) as session:
            newsletter, _ = find_issue_of(session, visit, issue_id)
            save_group(
                session,
                visit.actor,
                newsletter.id,
                name=name,
                addresses=addresses,
                shown=shown,
            )
    except NewsletterError as error:
        named = {f"addresses.{name.strip()}": written(name.strip())}
        clash = worded_clash(error, named) if isinstance(error, EditConflictError) else error
        typed = {"name": name, "addresses": addresses}
        return show_sending(
            visit,
            issue_id,
            status=409 if clash is not error else 400,
            error=clash,
            typed_group=typed,
        )
    return back_to_page(visit.request, "group", cut="/groups")
