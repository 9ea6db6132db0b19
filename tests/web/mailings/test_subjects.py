"""Comparing subjects: ordered, approved, watched and decided on the pages of a mailing."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import ApprovalRow, AuditEventRow, NewsletterRow, SubjectTrialRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role, TrialVerdict
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.stage import Stage
from tests.web.conftest import SEEN, SignIn, csrf_of, fields_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OTHER = "年末の窓口と催し"


@pytest.fixture
def send(stage: Stage, issue_id: int) -> str:
    """The path of an issue's sending page, in a newsletter that counts clicks."""
    stage.subscribe(*(f"reader{number}@example.jp" for number in range(20)))
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=True))
    return f"/newsletters/digest/issues/{issue_id}/send"


def _choice(hours: int = 3) -> dict[str, str]:
    decide = now().astimezone(ZoneInfo("Asia/Tokyo")) + timedelta(hours=hours)
    return {
        "subject": OTHER,
        "preheader": "窓口は28日まで",
        "share": "50",
        "decide": f"{decide:%Y-%m-%dT%H:%M}",
        "when": "now",
    }


def test_subjects_are_confirmed_watched_and_decided_by_hand(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    confirmation = editor.get(f"{send}/confirm", params=_choice())
    for words in (OTHER, "窓口は28日まで", "To 50 % of the recipients", "About 5 each."):
        assert words in confirmation.text
    sent = editor.post(send, data=fields_of(confirmation.text) | {"warnings": "1"})
    assert sent.status_code == 200
    with reading(stage.engine) as session:
        trial = session.scalars(select(SubjectTrialRow)).one()
        assert [each["title"] for each in trial.subjects][1:] == [OTHER]
        mailing = trial.mailing_id
    plan_mailing(stage.engine, mailing)
    page = f"/newsletters/digest/mailings/{mailing}"
    line = tight(editor.get(page.replace(f"mailings/{mailing}", "issues/1")).text)
    assert "The subjects are being compared. The rest is sent on" in line
    assert "Comparing subjects" in line
    shown = editor.get(page).text
    assert "50 % of the recipients are in the trial" in shown
    assert re.search(r"<span>A 0%</span><span>B 0%</span><span[^>]*>Decision at", tight(shown))

    chosen = editor.post(
        f"{page}/decide",
        data={"csrf": csrf_of(editor.get(page).text), "place": "1", "reason": "shorter"},
    )
    assert "editor chose subject B for everyone else" in chosen.text
    again = editor.post(f"{page}/decide", data={"csrf": csrf_of(chosen.text), "place": "0"})
    assert (again.status_code, "decided already" in again.text) == (409, True)
    with reading(stage.engine) as session:
        trial = session.get_one(SubjectTrialRow, mailing)
        assert (trial.chosen, trial.verdict) == (1, TrialVerdict.BY_HAND)
        actions = session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id)).all()
    assert [each for each in actions if each.startswith("mailing.")] == [
        "mailing.order",
        "mailing.decide",
    ]


def test_an_approver_sees_every_subject_and_approves_them_with_the_mail(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    lookalike = {"preheader": "窓\u2f1dは28日まで"}
    editor.post(f"{send}/approval", data=fields_of(editor.get(send).text) | _choice() | lookalike)

    review = approver.get(f"{send}/review")
    assert OTHER in review.text
    assert "In subject B: Characters that only look right" in review.text
    button = re.findall(rf'action="{send}/approve".*?</form>', review.text, re.DOTALL)[0]
    assert approver.post(f"{send}/approve", data=fields_of(button) | SEEN).status_code == 200

    planned = editor.get(send).text
    assert f'value="{OTHER}"' in planned
    alone = editor.get(f"{send}/confirm", params={"when": "now"})
    assert (alone.status_code, "not been approved" in alone.text) == (409, True)
    assert editor.get(f"{send}/confirm", params=_choice(hours=5) | lookalike).status_code == 200


def test_subjects_chosen_after_the_approval_can_be_asked_for_where_they_are_refused(
    stage: Stage, issue_id: int, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    editor.post(
        f"/newsletters/digest/issues/{issue_id}/open", data={"csrf": csrf_of(editor.get(send).text)}
    )
    draft = "/newsletters/digest/drafts/1"
    form = fields_of(editor.get(draft).text)
    editor.post(f"{draft}/approval", data=form | {"when": "now"})
    approver.post(f"{send}/approve", data=fields_of(approver.get(f"{send}/review").text) | SEEN)

    refused = editor.post(f"{draft}/order", data=fields_of(editor.get(draft).text) | _choice())
    assert refused.status_code == 409
    assert "Request approval first" in refused.text
    assert "It can be sent" not in refused.text
    asked = editor.post(f"{draft}/approval", data=fields_of(refused.text) | _choice())
    assert "Approval was requested" in asked.text
    assert OTHER in approver.get(f"{send}/review").text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": "90"}, "not a share of the audience"),
        ({"decide": ""}, "the subject is decided is missing"),
        ({"decide": "14:00"}, "“14:00” is not a date with a time"),
        ({"subject": "x" * 301}, "more than 300 characters"),
        ({"subject": "x\u202ey"}, "In subject B: Control characters"),
    ],
)
def test_what_is_wrong_with_a_comparison_is_said_and_the_form_keeps_what_was_typed(
    send: str, sign_in: SignIn, change: dict[str, str], words: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    refused = editor.get(f"{send}/confirm", params=_choice() | change)
    assert refused.status_code == 409
    assert words in refused.text
    assert "--decide-at" not in refused.text
    assert "窓口は28日まで" in refused.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"share": "90"}, "share"),
        ({"decide": ""}, "decide"),
        ({"decide": "2020-01-01T14:00"}, "decide"),
        ({"when": "later", "hour": "2020-01-01T08:00"}, "hour"),
        ({"over": "900"}, "over"),
    ],
)
def test_a_fault_of_an_order_stands_at_its_field(
    send: str, sign_in: SignIn, change: dict[str, str], field: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    refused = editor.get(f"{send}/confirm", params=_choice() | change).text
    marked = re.findall(r'<input\s+id="(\w+)"[^>]*?aria-invalid="true"', refused)
    assert marked == [field]
    assert f'id="{field}-error"' in refused


def test_approval_is_not_asked_of_a_plan_that_cannot_be_sent(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    form = fields_of(editor.get(send).text)
    for change, words in (
        ({"decide": "2020-01-01T14:00"}, "before the trial has begun"),
        ({"when": "later", "hour": "2020-01-01T08:00"}, "already passed"),
        ({"decide": ""}, "decided is missing"),
    ):
        refused = editor.post(f"{send}/approval", data=form | _choice() | change)
        assert (refused.status_code, words in refused.text) == (409, True)
    with reading(stage.engine) as session:
        assert session.scalar(select(func.count()).select_from(ApprovalRow)) == 0


def test_without_counted_clicks_the_form_offers_no_comparison(
    stage: Stage, send: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(count_clicks=False))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    page = editor.get(send).text
    assert "does not count clicks" in page
    assert 'name="subject"' not in page
    setting = "Count clicks on links as totals, without recording persons"
    assert f"An administrator can turn on “{setting}” in the newsletter’s settings." in page
    boss = sign_in("boss@example.jp", Role.ADMINISTRATOR)
    assert f'/settings#count-clicks">{setting}</a>' in boss.get(send).text
    assert "does not count clicks" in editor.get(f"{send}/confirm", params=_choice()).text
