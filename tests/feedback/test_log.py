"""The bounce log by command: search, count, undo, settle, and delete after the retention."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from typer.testing import Result

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    BounceDecisionRow,
    BounceRow,
    DeliveryRow,
    IncidentRow,
    MailingRow,
    SuppressionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    DeliveryState,
    IncidentKind,
    MailingKind,
    SubscriptionState,
    UnsubscribeWay,
)
from newsletter.errors import ExitCode
from newsletter.feedback import act_on_new_bounces
from newsletter.feedback.log import forget_old_bounces
from newsletter.feedback.mail import is_ours, take_mail
from newsletter.tokens import Purpose
from subscribers.erasure import erase
from subscribers.leaving import unsubscribe
from tests.feedback.conftest import KEYS, SECRET, Post, set_post
from tests.feedback.letters import READER, complaint, notice
from tests.support.commands import run_command

Run = Callable[..., Result]


@pytest.fixture
def both(engine: Engine) -> Post:
    """The same data on each database."""
    return set_post(engine)


@pytest.fixture
def run(post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    url = post.engine.url.render_as_string(hide_password=False)
    for name, value in {
        "DATABASE_URL": url,
        "DATA_DIR": str(tmp_path),
        "SECRET_KEYS": SECRET,
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)

    def run_it(*words: str, code: int = 0) -> Result:
        ran = run_command(["bounce", *words])
        assert isinstance(ran.exception, type(None) | SystemExit) or code
        return ran

    return run_it


def _json(result: Result) -> Any:
    return json.loads(result.stdout)


def _sent(post: Post) -> None:
    with transaction(post.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED, settled_at=now()))
        session.execute(update(MailingRow).values(started_at=now()))


def _come_back(post: Post, *, is_complaint: bool = False) -> int:
    """Report a bounce of the reader's mail and judge it; return the bounce's number."""
    mail = complaint(post.path, message_id=post.message_id) if is_complaint else notice(post.path)
    take_mail(post.engine, mail, KEYS, envelope_to=post.path, is_for_us=True)
    _judge(post)
    return post.rows()[-1].id


def _judge(post: Post) -> None:
    act_on_new_bounces(post.engine, KEYS)


def _suppressed(post: Post) -> int:
    with reading(post.engine) as session:
        return session.scalar(select(func.count()).select_from(SuppressionRow)) or 0


def test_the_log_is_searched_by_each_of_its_fields(post: Post, run: Run) -> None:
    number = _come_back(post)
    finding = [
        ("--address", "READER@"),
        ("--domain", "example.jp"),
        ("--mailing", str(post.mailing_id)),
        ("--kind", "hard"),
        ("--reason", "user-unknown"),
        ("--since", "2020-01-01"),
        ("--newsletter", "digest"),
    ]
    missing = [
        ("--address", "100%"),
        ("--domain", "example.com"),
        ("--mailing", "999"),
        ("--kind", "soft"),
        ("--reason", "mailbox-full"),
        ("--since", "2099-01-01"),
    ]
    found = {
        words: [one["id"] for one in _json(run("list", "--json", *words))] for words in finding
    }
    none = {words: _json(run("list", "--json", *words)) for words in missing}
    assert found == {words: [number] for words in finding}
    assert none == {words: [] for words in missing}


@pytest.mark.parametrize("about", ["info@例え.jp", "info@xn--r8jz45g.jp"])
def test_a_domain_beyond_ascii_is_found_however_it_is_written(
    post: Post, run: Run, about: str
) -> None:
    take_mail(post.engine, notice(about=about), KEYS, envelope_to=post.path, is_for_us=True)
    for asked in (
        ("--domain", "例え.jp"),
        ("--address", "info@例え"),
        ("--domain", about.rpartition("@")[2]),
    ):
        assert len(_json(run("list", "--json", *asked))) == 1, asked


def test_each_time_in_the_list_has_its_zone(post: Post, run: Run) -> None:
    _come_back(post)
    _, row, *_ = run("list").stdout.splitlines()
    assert re.search(r"\d\d? \w{3} \d{4}, \d\d:\d\d UTC ", row)


def test_one_is_shown_with_its_decision_evidence_and_raw_report(post: Post, run: Run) -> None:
    shown = _json(run("show", str(_come_back(post)), "--json"))
    [decision] = shown["decisions"]
    assert (decision["action"], decision["evidence"]["proof"]) == ("suppressed", "return-path")
    assert "Undelivered Mail" in shown["raw"]
    assert shown["suppressions"] == [{"reason": "hard-bounce", "newsletter": None}]
    assert "Undelivered Mail" in run("show", str(shown["id"])).stdout


def test_undoing_lifts_the_suppression_and_is_audited(post: Post, run: Run) -> None:
    number = str(_come_back(post))
    assert _suppressed(post) == 1
    assert "suppressed" in run("undo", number, "--reason", "their server lied").stdout
    assert _suppressed(post) == 0
    with reading(post.engine) as session:
        event = session.scalars(select(AuditEventRow)).one()
    assert (event.action, event.object, event.reason) == (
        "bounce.undo",
        f"bounce {number}",
        "their server lied",
    )
    again = run("undo", number, "--reason", "again", code=ExitCode.CONFLICT)
    assert again.exit_code != 0


def test_undoing_a_complaint_brings_its_reader_back(post: Post, run: Run) -> None:
    number = _come_back(post, is_complaint=True)
    assert post.state() is SubscriptionState.UNSUBSCRIBED
    run("undo", str(number), "--reason", "a button pressed in error")
    assert (post.state(), _suppressed(post)) == (SubscriptionState.CONFIRMED, 0)


def test_undoing_a_complaint_brings_nobody_back_who_has_left_since(post: Post, run: Run) -> None:
    number = _come_back(post, is_complaint=True)
    with transaction(post.engine) as session:
        unsubscribe(
            session,
            newsletter_id=post.ref.newsletter_id,
            subscriber_id=post.ref.subscriber_id,
            mailing_id=post.mailing_id,
            way=UnsubscribeWay.PAGE,
        )
    run("undo", str(number), "--reason", "a button pressed in error")
    assert (post.state(), _suppressed(post)) == (SubscriptionState.UNSUBSCRIBED, 0)
    assert post.ways() == [UnsubscribeWay.COMPLAINT, UnsubscribeWay.PAGE]


@pytest.mark.parametrize(("word", "suppressed"), [("--outage", 0), ("--genuine", 1)])
def test_an_incident_is_listed_and_settled(
    post: Post, run: Run, word: str, suppressed: int
) -> None:
    with transaction(post.engine) as session:
        row = IncidentRow(
            kind=IncidentKind.DOMAIN,
            subject="domain:example.jp",
            bounced=40,
            mailed=50,
            usual_rate=0.01,
            words="550 listed",
            last_seen_at=now(),
        )
        session.add(row)
    _come_back(post)
    assert _suppressed(post) == 0
    [listed] = _json(run("incidents", "--json"))
    assert (listed["subject"], listed["resolution"]) == ("domain:example.jp", None)
    run("settle", str(listed["id"]), word, "--reason", "asked them")
    assert (_json(run("incidents", "--json")), _suppressed(post)) == ([], suppressed)
    [closed] = _json(run("incidents", "--all", "--json"))
    assert closed["resolution"] == word.removeprefix("--")


def test_notices_and_tests_are_no_mailings_with_a_rate(post: Post, run: Run) -> None:
    _sent(post)
    with transaction(post.engine) as session:
        session.get_one(MailingRow, post.mailing_id).kind = MailingKind.NOTICE
    assert _json(run("rates", "--json")) == []


def test_rates_count_people_by_mailing_and_by_domain(post: Post, run: Run) -> None:
    _sent(post)
    _come_back(post)
    take_mail(post.engine, notice(post.path, mark="2"), KEYS, envelope_to=post.path, is_for_us=True)
    _judge(post)
    expected = {"mailed": 2, "hard": 1, "soft": 0, "complaints": 0}
    mailing = {"name": str(post.mailing_id), "title": "まちのデジタル便り 2026年11月号"}
    domain = {"name": "example.jp", "title": "example.jp"}
    assert _json(run("rates", "--json")) == [mailing | expected]
    assert _json(run("rates", "--domains", "--json")) == [domain | expected]
    assert "50.00%" in run("rates").stdout


def test_the_policy_is_set_field_by_field(run: Run) -> None:
    run("policy", "--soft-limit", "3")
    run("policy", "--complaint-everywhere")
    assert _json(run("policy", "--json")) == {
        "soft_limit": 3,
        "soft_days": 60,
        "complaint_everywhere": True,
    }
    assert run("policy", "--soft-limit", "0", code=ExitCode.BAD_INPUT).exit_code != 0


def _age(post: Post, days: int) -> None:
    with transaction(post.engine) as session:
        session.execute(update(BounceRow).values(occurred_at=now() - timedelta(days=days)))


def _forget(post: Post) -> int:
    with transaction(post.engine) as session:
        return forget_old_bounces(session, raw_days=90, row_days=400)


def test_raw_reports_go_first_and_rows_later(both: Post) -> None:
    _come_back(both)
    assert _forget(both) == 0
    _age(both, 91)
    assert (_forget(both), _forget(both)) == (1, 0)
    assert [row.raw for row in both.rows()] == [""]
    _age(both, 401)
    assert (_forget(both), both.rows()) == (1, [])
    assert _suppressed(both) == 1


def test_rows_without_a_decision_are_not_deleted(both: Post) -> None:
    take_mail(both.engine, notice(both.path), KEYS)
    _age(both, 401)
    _forget(both)
    assert len(both.rows()) == 1


def _erase(post: Post) -> None:
    with transaction(post.engine) as session:
        erase(
            session,
            post.ref.subscriber_id,
            KEYS.signer.pseudonyms,
            way=UnsubscribeWay.PAGE,
        )


def _kept(post: Post) -> str:
    """Return all text in the log and its decisions."""
    with reading(post.engine) as session:
        tables = (BounceRow, BounceDecisionRow, IncidentRow, SuppressionRow)
        rows = [row for table in tables for row in session.scalars(select(table)).all()]
        return "\n".join(str(vars(row)) for row in rows).lower()


def test_erasing_somebody_takes_their_address_out_of_the_log(both: Post) -> None:
    ref_path = both.path
    shouted = notice(ref_path, about=READER.upper(), mark="2")
    elsewhere = notice("bounces@example.jp", about="other@example.jp", mark="3").replace(
        b"The mail could", f"Also for {READER}: the mail could".encode()
    )
    for mail in (notice(ref_path), shouted, elsewhere):
        take_mail(both.engine, mail, KEYS)
    _judge(both)
    with transaction(both.engine) as session:
        session.add(
            IncidentRow(
                kind=IncidentKind.DOMAIN,
                subject="domain:example.net",
                bounced=1,
                mailed=1,
                usual_rate=0,
                words=f"550 <{READER}>: unknown",
                last_seen_at=now(),
            )
        )
    _erase(both)
    kept = _kept(both)
    assert READER not in kept
    assert "other@example.jp" in kept
    assert len(both.rows()) == 3


def test_a_report_that_comes_after_the_erasure_keeps_no_address_either(both: Post) -> None:
    path = both.path
    _erase(both)
    take_mail(both.engine, notice(path), KEYS)
    take_mail(both.engine, notice("bounces@example.jp", mark="2"), KEYS)
    _judge(both)
    assert READER not in _kept(both)
    assert len(both.rows()) == 2


@pytest.mark.parametrize(
    "report",
    [
        (
            b"From: mailer-daemon@example.net\nTo: bounces@example.jp\nSubject: failed\n"
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
            b"--b\nContent-Type: text/plain\n\nUser unknown\n"
            b"--b\nContent-Type: message/delivery-status; charset=utf-7\n\n"
            b"Reporting-MTA: dns; mx.example.net\n\n"
            b"Final-Recipient: rfc822; a+2AA-@b.jp\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
        ),
        (
            b"From: a@example.net\nTo: bounces@example.jp\nSubject: Fwd: failed\n"
            b"Content-Type: multipart/mixed; boundary=b\n\n"
            b"--b\nContent-Type: message/rfc822; charset=utf-7\n\n"
            b"Content-Type: multipart/report; comment=+2AA-\n\nUser unknown\n--b--\n"
        ),
    ],
    ids=["in an address", "passed on"],
)
def test_a_lone_surrogate_is_stored_and_not_retried_for_ever(post: Post, report: bytes) -> None:
    take_mail(post.engine, report, KEYS, is_for_us=True)
    assert len(post.rows()) == 1


def test_mail_for_an_address_that_no_database_takes_is_not_ours(post: Post) -> None:
    assert not is_ours(post.engine, KEYS.signer, "\udcff@example.jp")


def test_links_of_another_newsletter_s_reader_stay_out_of_what_operators_read(
    post: Post, run: Run
) -> None:
    choose = KEYS.signer.sign_delivery(Purpose.PREFERENCES, post.ref)
    returned = f"\r\n\r\nYour settings: https://news.example.jp/p/{choose}\r\n"
    mail = notice(post.path, message_id=post.message_id).replace(
        b"text/rfc822-headers", b"message/rfc822"
    )
    mail = mail.replace(b"Subject: digest\r\n\r\n", f"Subject: digest{returned}".encode())
    assert choose.encode() in mail
    take_mail(post.engine, mail, KEYS)
    [row] = post.rows()
    shown = run("show", str(row.id), "--json").stdout
    assert "user unknown" in shown
    assert choose not in shown
    assert "Your settings" not in shown
    # The attribution is stored: it was proven by the return path, which is not displayed.
    act_on_new_bounces(post.engine, KEYS)
    assert post.rows()[0].proven


def test_of_a_report_about_a_notice_no_words_are_kept(post: Post) -> None:
    with transaction(post.engine) as session:
        session.execute(update(MailingRow).values(kind=MailingKind.NOTICE))
    take_mail(post.engine, notice(post.path, message_id=post.message_id), KEYS)
    [row] = post.rows()
    assert "The mail could not be delivered" not in row.raw
    assert "Status: 5.1.1" in row.raw
