"""The pages of series: what is typed wrongly is told on the series' own page."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    DraftRevisionRow,
    MailingRow,
    NewsletterRow,
    SeriesMailingRow,
    SeriesStepRow,
)
from newsletter.database.vocabulary import Role
from tests.support.series import begin_series, write_step
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, fields_of, tight


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


def test_a_day_that_is_none_is_told_on_the_page_of_the_series(
    stage: Stage, sign_in: SignIn
) -> None:
    begin_series(stage.engine)
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = client.get("/newsletters/digest/series/1")
    terms = {"csrf": csrf_of(page.text), "since": "tomorrow", "revision": "0"}

    answer = client.post("/newsletters/digest/series/1/enrol", data=terms)

    assert "“tomorrow” is not a date." in answer.text
    assert "ようこそ" in answer.text
    assert "Write it as 2026-12-01." in answer.text


def test_an_approver_reads_the_mail_that_only_they_may_put_into_effect(
    stage: Stage, sign_in: SignIn
) -> None:
    begin_series(stage.engine, active=False)
    with transaction(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.approval_required = True
        session.execute(update(DraftRevisionRow).values(author="editor@example.jp"))
    here = "/newsletters/digest/series/1"
    writer = sign_in("editor@example.jp", Role.ADMINISTRATOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    operator = sign_in("operator@example.jp", Role.OPERATOR)

    offered = [client.get(f"{here}/activate").text for client in (writer, approver)]
    mails = [client.get(f"{here}/steps/1/mail") for client in (writer, approver, operator)]

    assert ["<button>Activate</button>" in tight(page) for page in offered] == [False, True]
    assert "by an approver who did not write it" in offered[0]
    assert f'src="{here}/steps/1/mail"' in offered[1]
    assert [mail.status_code for mail in mails] == [200, 200, 403]
    assert "本文です。" in mails[1].text
    assert "2026年12月1日" not in mails[1].text


def test_the_draft_of_a_step_offers_no_sending_but_tests(stage: Stage, sign_in: SignIn) -> None:
    begin_series(stage.engine, active=False)
    page = sign_in("admin@example.jp", Role.ADMINISTRATOR).get("/newsletters/digest/drafts/1")

    assert 'id="order"' not in page.text
    assert "The series sends it" in page.text
    assert 'action="/newsletters/digest/drafts/1/test"' in page.text


def test_what_an_approver_did_not_see_is_not_put_into_effect(stage: Stage, sign_in: SignIn) -> None:
    begin_series(stage.engine, active=False)
    with transaction(stage.engine) as session:
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
        newsletter.approval_required = True
    here = "/newsletters/digest/series/1"
    approver = sign_in("approver@example.jp", Role.APPROVER)

    def press(page: str, order: str) -> str:
        form = page.rpartition(f'action="{here}/{order}"')[2].partition("</form>")[0]
        return approver.post(f"{here}/{order}", data=fields_of(form)).text

    seen = approver.get(f"{here}/activate").text
    _write(stage, "誰も見ていない号")
    refused = press(seen, "activate")
    assert _in_effect(stage) == []
    assert "The issue has changed since you last looked at it." in refused
    press(approver.get(f"{here}/activate").text, "activate")
    assert _in_effect(stage) == ["誰も見ていない号"]

    _write(stage, "見た号")
    seen = approver.get(here).text
    _write(stage, "もう一度差し替えた号")
    refused = press(seen, "steps/1/apply")
    assert _in_effect(stage) == ["誰も見ていない号"]
    assert "The issue has changed since you last looked at it." in refused
    press(refused, "steps/1/apply")
    assert _in_effect(stage) == ["誰も見ていない号", "もう一度差し替えた号"]


def _write(stage: Stage, title: str) -> None:
    with transaction(stage.engine) as session:
        write_step(session, session.get_one(SeriesStepRow, 1), title)


def _in_effect(stage: Stage) -> list[str]:
    """Return what versions of the series' step were put into effect, the oldest first."""
    with reading(stage.engine) as session:
        return [
            *session.scalars(
                select(MailingRow.title)
                .join(SeriesMailingRow, SeriesMailingRow.mailing_id == MailingRow.id)
                .order_by(MailingRow.id)
            )
        ]
