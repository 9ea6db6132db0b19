"""A mailing's page tells what became of it, holds it and ends it, and hands its figures out."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from lxml import html
from sqlalchemy import Engine, event, select, update

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, DeliveryRow, MailingRow, SubjectTrialRow
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    EDITIONS,
    DeliveryState,
    MailingKind,
    MailingState,
    Role,
)
from newsletter.mailings.ledger.schedule import Schedule, read_hour
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.mailings.reports.progress import progress
from newsletter.mailings.reports.reports import report_on, summarise
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.operations.alarms import find_flow_alarms
from newsletter.operations.overview import look_at_flow
from newsletter.rendering.model import Subject
from subscribers.segments.saved import change_segment, save_segment
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of


def _sent(stage: Stage) -> int:
    stage.subscribe("a@example.jp", "b@example.jp", "c@example.com")
    number = stage.mail()
    plan_mailing(stage.engine, number)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED, settled_at=now()))
        session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.subscriber_id == stage.subscriber_id("c@example.com"))
            .values(state=DeliveryState.REJECTED, reply="=no such user")
        )
    return number


@each_database
def test_the_report_counts_by_time_domain_and_reason(stage: Stage) -> None:
    number = _sent(stage)
    with reading(stage.engine) as session:
        figures = Figures(stage.engine)
        mailing = summarise(session, stage.newsletter_id, number, figures)
        report = report_on(session, mailing, figures).value
    assert mailing.of(DeliveryState.ACCEPTED) == 2
    assert dict(report.by_domain) == {
        "example.jp": {DeliveryState.ACCEPTED: 2},
        "example.com": {DeliveryState.REJECTED: 1},
    }
    assert [(r.state, r.words, r.count) for r in report.reasons] == [
        (DeliveryState.REJECTED, "=no such user", 1)
    ]
    assert sum(sum(counts.values()) for _, counts in report.by_time) == 3


@each_database
def test_a_reply_is_no_formula_in_the_csv(stage: Stage, sign_in: SignIn) -> None:
    number = _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    csv = client.get(f"/newsletters/digest/mailings/{number}/missed.csv").text
    assert "c@example.com,Rejected" in csv
    assert ",'=no such user" in csv


def test_whoever_downloads_the_missed_stands_in_the_audit_log(
    stage: Stage, sign_in: SignIn
) -> None:
    number = _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    client.get(f"/newsletters/digest/mailings/{number}/missed.csv")
    with reading(stage.engine) as session:
        entry = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == Action.MAILING_EXPORT)
        ).one()
    assert (entry.actor, entry.object) == ("editor@example.jp", f"mailing {number}")
    assert entry.newsletter_id == stage.newsletter_id


@pytest.mark.usefixtures("_servers")
def test_redis_that_is_down_is_a_reason_why_nothing_flows(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    seen = look_at_flow(stage.engine, number, redis_url="redis://127.0.0.1:1/0")
    assert "redis-down" in {alarm.kind for alarm in find_flow_alarms(seen)}


@each_database
def test_an_operator_pauses_resumes_and_cancels_and_the_log_tells(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    plan_mailing(stage.engine, number)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    address = f"/newsletters/digest/mailings/{number}"
    form = {"csrf": csrf_of(client.get(address).text), "reason": "wrong title"}
    client.post(f"{address}/pause", data=form)
    assert str(progress(stage.engine, number).halt_reason) == "wrong title"
    client.post(f"{address}/resume", data=form)
    assert progress(stage.engine, number).state is MailingState.SENDING
    client.post(f"{address}/cancel", data=form)
    assert progress(stage.engine, number).state is MailingState.CANCELLED
    assert client.post(f"{address}/resume", data=form).status_code == 409
    with reading(stage.engine) as session:
        actions = session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id)).all()
    assert [a for a in actions if a.startswith("mailing.")] == [
        "mailing.pause",
        "mailing.resume",
        "mailing.cancel",
    ]


def test_the_page_of_an_issue_pauses_what_is_being_sent_and_stays(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    client = sign_in("editor@example.jp", Role.EDITOR)
    issue = "/newsletters/digest/issues/1"
    assert "Pause" in client.get(issue).text

    plan_mailing(stage.engine, number)
    for verb, then in (
        ("pause", MailingState.PAUSED),
        ("resume", MailingState.SENDING),
        ("cancel", MailingState.CANCELLED),
    ):
        page = html.fromstring(client.get(issue).text)
        (form,) = page.xpath(f"//form[contains(@action, '/mailings/{number}/{verb}')]")
        answer = client.post(form.get("action"), data=dict(form.form_values()))
        # Nothing had left: what is cancelled may be sent anew.
        assert answer.url.path == (f"{issue}/send" if verb == "cancel" else issue)
        assert progress(stage.engine, number).state is then


def test_an_approver_is_offered_no_order_on_the_page_of_an_issue(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.mail()
    client = sign_in("approver@example.jp", Role.APPROVER)
    page = html.fromstring(client.get("/newsletters/digest/issues/1").text)
    assert not page.xpath("//form[contains(@action, '/mailings/')]")


def test_the_page_is_shown_anew_once_sending_began(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    client = sign_in("editor@example.jp", Role.EDITOR)
    with client.stream("GET", f"/newsletters/digest/mailings/{number}/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("data: ")
        plan_mailing(stage.engine, number)
        assert "event: rest" in lines
        assert progress(stage.engine, number).state is MailingState.SENDING


def test_what_was_cancelled_before_it_began_is_no_report_and_leads_back_to_its_issue(
    stage: Stage, sign_in: SignIn
) -> None:
    number = stage.mail(schedule=Schedule(hour=read_hour("2999-01-01T08:00")))
    client = sign_in("editor@example.jp", Role.EDITOR)
    address = f"/newsletters/digest/mailings/{number}"
    issue = "/newsletters/digest/issues/1"
    scheduled = client.get(issue).text
    (form,) = html.fromstring(scheduled).xpath("//form[@id='unschedule']")
    assert "The issue becomes a draft again" in " ".join(form.text_content().split())
    assert "cannot be undone" not in scheduled
    back = client.post(form.get("action"), data={"csrf": csrf_of(scheduled)})
    assert "The schedule was cancelled" in back.text

    page = client.get(address).text

    assert "It was cancelled before it began." in page
    assert "After sending" not in page
    (link,) = html.fromstring(page).xpath(f"//main//a[@href='{issue}']")
    assert link.text_content().strip() == "Open the issue"
    assert "2999" not in client.get("/newsletters/digest/mailings").text
    assert "2999" not in client.get("/home").text
    assert "Listed" in scheduled
    assert 'href="/archive/' not in scheduled


def _shown(page: str) -> str:
    """Return the times that a page's form of another hour says it showed."""
    return str(html.fromstring(page).xpath("string(//*[@id='new-hour']//*[@name='shown']/@value)"))


@each_database
def test_the_hour_of_a_scheduled_mailing_is_changed_on_its_page(
    stage: Stage, sign_in: SignIn
) -> None:
    later = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None, second=0, microsecond=0)
    before, after = later + timedelta(days=2), later + timedelta(days=3)
    trial = SubjectTrial(
        others=(Subject(title="別の件名", preheader=""),),
        share=20,
        decide=before + timedelta(hours=1),
    )
    number = stage.mail(schedule=Schedule(hour=before), trial=trial)
    address = f"/newsletters/digest/mailings/{number}"
    client = sign_in("editor@example.jp", Role.EDITOR)
    listed = html.fromstring(client.get("/newsletters/digest/mailings").text)
    (planned,) = listed.xpath("//td[@data-label='Planned']")
    assert planned.text_content().strip() == "–", "nobody counted them yet"
    issue = client.get("/newsletters/digest/issues/1").text
    assert _shown(issue)
    page = client.get(address).text
    assert f'value="{before.isoformat(timespec="minutes")}"' in page
    form = {"csrf": csrf_of(page)}

    refused = client.post(f"{address}/reschedule", data=form | {"hour": "2020-01-01T08:00"})
    assert refused.status_code == 409
    assert 'value="2020-01-01T08:00"' in refused.text
    assert "already passed" in refused.text
    form["shown"] = _shown(page)
    moved = client.post(f"{address}/reschedule", data=form | {"hour": after.isoformat()})
    assert moved.url.path == "/newsletters/digest/issues/1"
    (said,) = html.fromstring(moved.text).xpath("//main//*[@role='status']")
    assert said.xpath(".//time/@datetime") == [
        each.replace(tzinfo=ZoneInfo("Asia/Tokyo")).isoformat() for each in (before, after)
    ]
    late = {"hour": before.isoformat()}
    refused = client.post(f"{address}/reschedule", data=form | late)
    assert refused.status_code == 409
    assert "Somebody else changed the time meanwhile" in refused.text
    assert _shown(refused.text) != form["shown"]

    there = "/newsletters/digest/issues/1"
    form["shown"] = _shown(client.get(there).text)
    refused = client.post(f"{there}/reschedule", data=form | {"hour": "2020-01-01T08:00"})
    assert refused.status_code == 409
    assert refused.url.path == f"{there}/reschedule"
    (field,) = html.fromstring(refused.text).xpath("//*[@id='new-hour']//*[@name='hour']")
    assert field.get("value") == "2020-01-01T08:00"
    assert field.get("aria-invalid") == "true"
    moved = client.post(f"{there}/reschedule", data=form | late)
    assert moved.url.path == there

    assert f'value="{before.isoformat(timespec="minutes")}"' in client.get(address).text
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    assert "new-hour" not in operator.get(address).text


def test_after_a_restore_it_goes_on_only_when_some_may_get_it_twice(
    stage: Stage, sign_in: SignIn
) -> None:
    number = _sent(stage)
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.QUEUED, settled_at=None))
        session.execute(update(MailingRow).values(state=MailingState.PAUSED, restored=True))
    client = sign_in("operator@example.jp", Role.OPERATOR)
    address = f"/newsletters/digest/mailings/{number}"
    page = client.get(address).text
    assert "3 recipients have no record of receiving it" in page
    form = {"csrf": csrf_of(page)}
    refused = client.post(f"{address}/resume", data=form)
    assert refused.status_code == 409
    assert "receive it twice" in refused.text
    client.post(f"{address}/resume", data=form | {"twice": "yes"})
    assert progress(stage.engine, number).state is MailingState.SENDING


@each_database
def test_an_order_that_cannot_be_written_down_is_not_carried_out(
    stage: Stage, sign_in: SignIn
) -> None:
    number = stage.mail()
    client = sign_in("operator@example.jp", Role.OPERATOR)
    address = f"/newsletters/digest/mailings/{number}"
    form = {"csrf": csrf_of(client.get(address).text)}

    def die(*values: object) -> None:
        if str(values[2]).startswith("INSERT INTO audit_event"):
            raise ConnectionError

    # The pages have an engine of their own before the same database.
    event.listen(Engine, "before_cursor_execute", die)
    assert client.post(f"{address}/pause", data=form).status_code == 500
    event.remove(Engine, "before_cursor_execute", die)
    assert progress(stage.engine, number).state is MailingState.PLANNING


def test_an_approver_may_not_pause(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    client = sign_in("approver@example.jp", Role.APPROVER)
    address = f"/newsletters/digest/mailings/{number}"
    form = {"csrf": csrf_of(client.get(address).text)}
    assert client.post(f"{address}/pause", data=form).status_code == 403


def test_mail_that_is_no_edition_is_neither_held_nor_exported_by_its_number(
    stage: Stage, sign_in: SignIn
) -> None:
    number = _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    csrf = csrf_of(client.get("/account").text)
    page = f"/newsletters/digest/mailings/{number}"
    for kind in set(MailingKind) - EDITIONS:
        with transaction(stage.engine) as session:
            session.execute(update(MailingRow).values(kind=kind, state=MailingState.SENDING))
        for verb in ("pause", "resume", "cancel", "decide"):
            answer = client.post(f"{page}/{verb}", data={"csrf": csrf, "place": "0"})
            assert answer.status_code == 404, (kind, verb)
        missed = client.get(f"{page}/missed.csv")
        assert (missed.status_code, "example.com" in missed.text) == (404, False), kind
    with reading(stage.engine) as session:
        assert session.scalars(select(MailingRow.state)).one() is MailingState.SENDING


def test_progress_streams_until_the_mailing_rests(stage: Stage, sign_in: SignIn) -> None:
    number = _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    address = f"/newsletters/digest/mailings/{number}"
    client.post(f"{address}/pause", data={"csrf": csrf_of(client.get(address).text)})
    answer = client.get(f"{address}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("event: rest\ndata: now\n\n")


def test_a_mailing_to_a_saved_segment_names_it_with_what_it_asks_for(
    stage: Stage, sign_in: SignIn
) -> None:
    query = 'domain = "example.jp"'
    with transaction(stage.engine) as session:
        save_segment(session, stage.newsletter_id, name="町の人", query=query)
    number = stage.mail(segment=query)
    plan_mailing(stage.engine, number)
    client = sign_in("editor@example.jp", Role.EDITOR)
    with reading(stage.engine) as session:
        issue = session.get_one(MailingRow, number).issue_id
    for path in (f"mailings/{number}", f"issues/{issue}"):
        page = html.fromstring(client.get(f"/newsletters/digest/{path}").text)
        assert f"町の人 {query}" in " ".join(str(page.text_content()).split())
    with transaction(stage.engine) as session:
        change_segment(
            session,
            stage.newsletter_id,
            "町の人",
            name="町の人",
            query='domain = "example.com"',
            before=query,
        )
    page = html.fromstring(client.get(f"/newsletters/digest/mailings/{number}").text)
    assert "町の人" not in page.text_content()
    assert query in page.text_content()


def test_lists_say_until_when_a_mailing_compares_subjects(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe(*(f"p{n}@example.jp" for n in range(20)))
    decide = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None) + timedelta(days=1)
    other = (Subject(title="別の件名", preheader=""),)
    number = stage.mail(trial=SubjectTrial(others=other, share=50, decide=decide))
    plan_mailing(stage.engine, number)
    client = sign_in("editor@example.jp", Role.EDITOR)
    with transaction(stage.engine) as session:
        assert session.get_one(MailingRow, number).state is MailingState.SENDING

    def said(path: str) -> str:
        page = html.fromstring(client.get(path).text)
        return " ".join(str(page.xpath("//main")[0].text_content()).split())

    for path in ("/newsletters/digest/mailings", "/home"):
        assert "Comparing subjects" in said(path)
        assert "Decision at" in said(path)
        assert "Sending" not in said(path)
    with transaction(stage.engine) as session:
        session.execute(update(SubjectTrialRow).values(decided_at=now(), chosen=0))
    assert "Comparing subjects" not in said("/newsletters/digest/mailings")


def test_the_reason_of_a_pause_is_asked_for_a_booking_only_when_it_is_to_be_held(
    stage: Stage, sign_in: SignIn
) -> None:
    number = stage.mail()
    with transaction(stage.engine) as session:
        mailing = session.get_one(MailingRow, number)
        mailing.state, mailing.scheduled_at = MailingState.SCHEDULED, now() + timedelta(days=1)
    client = sign_in("editor@example.jp", Role.EDITOR)
    address = f"/newsletters/digest/mailings/{number}"
    page = html.fromstring(client.get(address).text)
    assert page.xpath("//details//input[@name='reason']")
    assert page.text_content().count("Starts") == 1
    client.post(f"{address}/pause", data={"csrf": csrf_of(client.get(address).text)})
    held = client.get(address).text
    assert "Starts" in held
    assert "Started" not in held
