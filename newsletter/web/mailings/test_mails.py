"""Routes for test mails to oneself or to a saved group of addresses."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form
from fastapi.responses import Response

from newsletter.accounts.audit_actions import Action
from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading, transaction
from newsletter.edit_conflicts import EditConflictError
from newsletter.errors import NewsletterError
from newsletter.i18n.messages import written
from newsletter.mailings.orders.test_mails import order_test, save_group
from newsletter.web.access import (
    Visit,
    doing,
)
from newsletter.web.edit_conflicts import worded_clash
from newsletter.web.issues.shown_as import AsGiven
from newsletter.web.mailings.send_page import (
    PATH,
    back_to_page,
    find_issue_of,
    show_sending,
)
from newsletter.web.routing import Router

#: Characters of the shown state in a form, which can contain many groups of some 50 addresses.
LARGEST_SHOWN = 500_000
_Field = Annotated[str, Form(max_length=4000)]


router = Router(prefix="/newsletters/{newsletter}")


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
        order_test(
            visit.engine,
            visit.actor,
            newsletter,
            issue,
            group=group,
            to=visit.address,
            shown_as=shown_as,
            sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
            settings=visit.site.settings,
            pseudonyms=visit.site.pseudonyms,
        )
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
