"""An editor sends once what they confirmed, to those the page counted, approved by another."""

from __future__ import annotations

from datetime import timedelta

import httpx
from sqlalchemy import func, select, update

from newsletter.accounts.administration import find_account
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind, Role, SubscriptionState, SuppressionReason
from newsletter.issues.drafts.saving import open_issue
from newsletter.mailings.planning.audience import LeftOut, count_audience
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from subscribers.suppression import suppress
from tests.support.databases import each_database
from tests.support.series import begin_series
from tests.support.stage import Stage
from tests.web.conftest import SEEN, SignIn, csrf_of, fields_of


def _people_of_all_kinds(stage: Stage) -> None:
    stage.subscribe(
        "gets@example.jp", "too@example.jp", "left@example.jp", "waits@example.jp",
        "bounced@example.jp", "rests@example.jp", "あおい@example.jp",
    )  # fmt: skip
    changes: dict[str, dict[str, object]] = {
        "left@example.jp": {"state": SubscriptionState.UNSUBSCRIBED},
        "waits@example.jp": {"state": SubscriptionState.PENDING},
        "rests@example.jp": {"paused_until": now() + timedelta(days=3)},
    }
    with transaction(stage.engine) as session:
        for address, values in changes.items():
            session.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.subscriber_id == stage.subscriber_id(address))
                .values(**values)
            )
        suppress(session, address_key="bounced@example.jp", reason=SuppressionReason.HARD_BOUNCE)


@each_database
def test_the_count_is_what_planning_makes(stage: Stage) -> None:
    _people_of_all_kinds(stage)
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        count = count_audience(session, newsletter, "")
    assert plan_mailing(stage.engine, stage.mail()) == count.included == 3
    assert count.left_out == {
        LeftOut.LEFT: 1,
        LeftOut.UNCONFIRMED: 1,
        LeftOut.SUPPRESSED: 1,
        LeftOut.PAUSED: 1,
    }
    assert count.beyond_ascii == 1


def test_a_segment_leaves_out_the_others(stage: Stage) -> None:
    stage.subscribe("a@example.jp", "b@example.com")
    with reading(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        count = count_audience(session, newsletter, 'domain = "example.com"')
    assert (count.included, count.left_out) == (1, {LeftOut.OTHER_SEGMENT: 1})


def _confirmed(client: httpx.Client, issue_id: int, **choice: str) -> dict[str, str]:
    page = client.get(f"/newsletters/digest/issues/{issue_id}/send/confirm", params=choice)
    assert page.status_code == 200, page.text
    return fields_of(page.text) | {"warnings": "1"}


def _mailings(stage: Stage) -> int:
    with reading(stage.engine) as session:
        query = select(func.count()).where(MailingRow.kind == MailingKind.ISSUE)
        return session.scalar(query) or 0


@each_database
def test_the_same_form_sent_twice_is_one_mailing(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    stage.subscribe("gets@example.jp")
    client = sign_in("editor@example.jp", Role.EDITOR)
    form = _confirmed(client, issue_id)
    for _ in range(2):
        answer = client.post(
            f"/newsletters/digest/issues/{issue_id}/send", data=form, follow_redirects=False
        )
        assert answer.headers["location"] == f"/newsletters/digest/issues/{issue_id}"
    assert _mailings(stage) == 1


def test_sending_an_issue_again_is_asked_for(stage: Stage, issue_id: int, sign_in: SignIn) -> None:
    stage.subscribe("gets@example.jp")
    stage.mail()
    client = sign_in("editor@example.jp", Role.EDITOR)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    assert client.post(address, data=_confirmed(client, issue_id)).status_code == 409
    assert _mailings(stage) == 1


def test_what_changed_since_the_confirmation_is_not_sent(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    stage.subscribe("gets@example.jp")
    client = sign_in("editor@example.jp", Role.EDITOR)
    form = _confirmed(client, issue_id)
    _rename(stage, issue_id)
    answer = client.post(f"/newsletters/digest/issues/{issue_id}/send", data=form)
    assert answer.status_code == 409
    assert _mailings(stage) == 0


@each_database
def test_a_second_person_approves_exactly_this_content(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    stage.subscribe("gets@example.jp")
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    other = sign_in("approver@example.jp", Role.APPROVER)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    assert editor.get(f"{address}/confirm").status_code == 409
    form = fields_of(editor.get(address).text)
    editor.post(f"{address}/approval", data=form)
    assert editor.post(f"{address}/approve", data=form | SEEN).status_code == 403
    other.post(f"{address}/approve", data=fields_of(other.get(address).text) | SEEN)
    assert editor.get(f"{address}/confirm").status_code == 200
    _rename(stage, issue_id)
    assert editor.get(f"{address}/confirm").status_code == 409


def test_whoever_asked_cannot_approve(stage: Stage, issue_id: int, sign_in: SignIn) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    person = sign_in("both@example.jp", Role.ADMINISTRATOR)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    form = fields_of(person.get(address).text)
    person.post(f"{address}/approval", data=form)
    assert person.post(f"{address}/approve", data=form | SEEN).status_code == 403


@each_database
def test_a_test_mail_is_marked_and_not_counted(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    csrf = csrf_of(client.get(address).text)
    client.post(
        f"{address}/groups",
        data={"csrf": csrf, "name": "編集部", "addresses": "a@example.jp\nb@example.jp"},
    )
    answer = client.post(f"{address}/test", data={"csrf": csrf, "group": "1"})
    assert "The test email is on its way to 編集部." in answer.text
    with reading(stage.engine) as session:
        mailing = session.scalars(select(MailingRow)).one()
        assert (mailing.kind, mailing.planned) == (MailingKind.TEST, 2)
        assert load_content(session, mailing.id).rendered.subject[0] == "【テスト】"
        actions = session.scalars(select(AuditEventRow.action)).all()
        assert {"issue.test", "test-group.save"} <= set(actions)


def test_no_address_that_a_test_went_to_stays_in_the_log(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    begin_series(stage.engine, active=False)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    form = {"csrf": csrf_of(client.get(address).text)}
    members = {"name": "編集部", "addresses": "a@example.jp\neditor@example.jp"}
    client.post(f"{address}/groups", data=form | members)
    client.post(f"{address}/test", data=form | {"group": "1"})
    client.post("/newsletters/digest/series/1/steps/1/test", data=form | {"to": "a@example.jp"})
    with reading(stage.engine) as session:
        logged = {
            event.action: event.details
            for event in session.scalars(select(AuditEventRow))
            if event.action.endswith((".test", "group.save"))
        }
        editor = find_account(session, "editor@example.jp")
    assert logged == {
        "test-group.save": {"recipients": 2, "accounts": [editor]},
        "issue.test": logged["issue.test"] | {"mailing": 1, "recipients": 2},
        "series.test": {"step": 1, "mailing": 2, "recipients": 1},
    }
    assert "a@example.jp" not in str(logged)


def test_the_hour_is_told_with_its_weekday_and_where_the_issue_is_dated_otherwise(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)

    def told(hour: str, **of: int) -> str:
        answer = client.get("/newsletters/digest/hour", params={"hour": hour, **of})
        assert answer.status_code == 200
        return " ".join(answer.text.split())

    assert told("2026-11-20T09:00", issue=issue_id) == "Fri 20 Nov 2026, 09:00"
    other = told("2026-11-26T09:00", issue=issue_id)
    assert "Thu 26 Nov 2026, 09:00" in other
    assert "The issue is dated" in other
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="aoki").id
    assert "The issue is dated" in told("2026-11-26T09:00", draft=draft)
    assert "alert" in told("in the morning", issue=issue_id)
    assert told("", issue=issue_id) == ""


def test_an_operator_may_look_but_not_send(issue_id: int, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    address = f"/newsletters/digest/issues/{issue_id}/send"
    page = client.get(address)
    assert page.status_code == 200
    assert client.get(f"{address}/confirm").status_code == 403
    assert client.post(address, data={"csrf": csrf_of(page.text)}).status_code == 403


def _rename(stage: Stage, issue_id: int) -> None:
    with transaction(stage.engine) as session:
        row = session.get_one(IssueRow, issue_id)
        row.content = row.content | {"title": "別の件名"}
