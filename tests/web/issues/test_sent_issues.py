"""Pages of issues that were sent: shown as they went out, begun anew, never changed."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BounceRow, DraftRow, IssueRow, NewsletterRow
from newsletter.database.vocabulary import BounceKind, BounceSource, Role
from newsletter.issues.drafts.saving import open_issue
from newsletter.mailings.orders.test_mails import send_test
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.reports import count_outcomes
from newsletter.newsletters.publications import find_newsletter
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from tests.support.rendering import render_stored
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BASE = "/newsletters/digest"
HTML = {"accept": "text/html"}


def _sent(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())


def _draft(stage: Stage) -> int:
    with transaction(stage.engine) as session:
        return open_issue(session, stage.newsletter_id, stage.issue, author="葵").id


def test_a_sent_issue_is_shown_as_it_went_out_wherever_it_is_opened(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    draft = _draft(stage)
    _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)

    assert f"{BASE}/issues/{issue_id}" in client.get(f"{BASE}/issues").text
    for door in (f"/drafts/{draft}", f"/drafts/{draft}/blocks", f"/issues/{issue_id}"):
        page = client.get(BASE + door)
        assert page.url.path == f"{BASE}/issues/{issue_id}"
        assert "is being sent and cannot be changed" in page.text
    mail = client.get(f"{BASE}/issues/{issue_id}/mail")
    assert "sandbox" in mail.headers["content-security-policy"]
    with reading(stage.engine) as session:
        assert session.scalars(select(IssueRow.title)).one() in mail.text


def test_a_new_issue_is_started_from_a_sent_one(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    page = client.get(f"{BASE}/issues/{issue_id}")
    begun = client.post(f"{BASE}/issues/{issue_id}/duplicate", data={"csrf": csrf_of(page.text)})
    assert "/drafts/" in begun.url.path
    assert "A new issue was created" in begun.text
    assert "The text is the same as that of “" in begun.text
    with reading(stage.engine) as session:
        draft = session.scalars(select(DraftRow)).one()
        issue = session.scalars(select(IssueRow)).one()
    assert draft.issue_id is None
    assert draft.content["chapters"] == issue.content["chapters"]
    assert str(draft.content["issue_date"]) > str(issue.content["issue_date"])


def test_what_was_moved_on_is_told_in_sentences_without_blanks_in_japanese(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    _sent(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    here = f"{BASE}/issues/{issue_id}"
    csrf = csrf_of(client.get(here).text)
    client.post("/display", data={"csrf": csrf, "language": "ja", "back": here})
    begun = client.post(f"{here}/duplicate", data={"csrf": csrf})
    assert "新しい号を作成しました。日付は" in begun.text


def test_a_save_into_an_issue_sent_meanwhile_becomes_a_new_draft(
    stage: Stage, sign_in: SignIn
) -> None:
    draft = _draft(stage)
    client = sign_in("editor@example.jp", Role.EDITOR)
    page = client.get(f"{BASE}/drafts/{draft}")
    _sent(stage)
    typed = {
        "csrf": csrf_of(page.text),
        "revision": "1",
        "text": "---\ntitle: 書きかけ\ndate: 2026-12-01\n---\n\n本文です。\n",
    }
    by_script = client.post(
        f"{BASE}/drafts/{draft}", data=typed, headers={"accept": "application/json"}
    )
    assert by_script.status_code == 422
    assert "was sent in the meantime" in by_script.json()["what"]

    kept = client.post(f"{BASE}/drafts/{draft}", data=typed)
    assert "saved as the draft of a new one" in kept.text
    assert "本文です。" in kept.text
    with reading(stage.engine) as session:
        assert len(session.scalars(select(DraftRow)).all()) == 2


def test_a_test_mail_makes_no_issue_a_sent_one(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    folder = Settings(_env_file=None).templates_dir
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = session.get_one(IssueRow, issue_id)
        rendered = render_stored(issue, newsletter, templates_dir=folder)
        address = [parse_address("test@example.jp")]
        pseudonyms = TokenSigner([b"k" * 40]).pseudonyms
        send_test(session, COMMAND_LINE, newsletter, issue, rendered, address, pseudonyms)
    page = sign_in("editor@example.jp", Role.EDITOR).get(f"{BASE}/issues")
    assert "Ready to send" in page.text


@pytest.mark.usefixtures("stage")
def test_send_with_an_error_says_so_on_top_at_an_address_that_can_be_loaded_again(
    sign_in: SignIn,
) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    page = client.get(f"{BASE}/issues/new")
    empty = {"csrf": csrf_of(page.text), "title": "十二月号", "date": "2026-12-01"}
    draft = client.post(f"{BASE}/issues/new", data=empty)
    path = draft.url.path
    fields = {"csrf": csrf_of(draft.text), "revision": "1"}
    refused = client.post(f"{path}/order", data=fields)

    assert refused.url.path == path
    assert 'id="barred"' in refused.text
    assert "It cannot be sent yet" in client.get(str(refused.url)).text
    again = client.get(f"{path}/order", headers=HTML)
    assert again.url.path == path


@pytest.mark.parametrize(
    ("act", "change", "words"),
    [
        ("order", {"over": "200"}, "Choose from 0 to"),
        ("approval", {"over": "200"}, "Choose from 0 to"),
        ("approval", {"subject": "別の件名"}, "no link whose clicks could be counted"),
    ],
)
def test_what_keeps_a_sound_draft_from_going_on_is_said_and_the_form_keeps_what_was_typed(
    stage: Stage, sign_in: SignIn, act: str, change: dict[str, str], words: str
) -> None:
    with transaction(stage.engine) as session:
        rules = {"approval_required": True, "count_clicks": True}
        session.execute(update(NewsletterRow).values(**rules))
    client = sign_in("editor@example.jp", Role.EDITOR)
    page = client.get(f"{BASE}/issues/new")
    begun = {"csrf": csrf_of(page.text), "title": "十二月号", "date": "2026-12-01"}
    path = client.post(f"{BASE}/issues/new", data=begun).url.path
    text = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n本文です。\n"
    typed = {"csrf": csrf_of(client.get(path).text), "revision": "1", "text": text}
    written = client.post(path, data=typed)
    choice = {"csrf": csrf_of(written.text), "revision": "2", "decide": "2027-12-01T10:00"} | change
    refused = client.post(f"{path}/{act}", data=choice)

    assert refused.status_code == 409
    assert words in refused.text
    for name, value in change.items():
        assert re.search(rf'name="{name}"[^>]*value="{value}"', refused.text)


@pytest.mark.usefixtures("stage")
def test_an_editor_is_never_shown_the_readers_page_of_what_is_not_there(sign_in: SignIn) -> None:
    client = sign_in("editor@example.jp", Role.EDITOR)
    for path in ("/nowhere", f"{BASE}/drafts/999", f"{BASE}/mailings/x", "/newsletters/no/issues"):
        page = client.get(path, headers=HTML)
        assert page.status_code == 404
        assert "There is no such page" in page.text
        assert "the link in your mail" not in page.text
    assert (
        "the link in your mail"
        in client.get("/archive/no", headers=HTML | {"accept-language": "en"}).text
    )


def test_a_refusal_while_handing_over_is_no_bounce_that_came_later(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    number = stage.mail()
    with transaction(stage.engine) as session:
        for source in (BounceSource.SMTP, BounceSource.MAIL):
            session.add(
                BounceRow(
                    source=source,
                    kind=BounceKind.HARD,
                    reader="test",
                    event_id=source.value,
                    mailing_id=number,
                    newsletter_id=stage.newsletter_id,
                    address=f"{source.value}@example.jp",
                )
            )
    with reading(stage.engine) as session:
        assert count_outcomes(session, number).bounced == 1


def test_what_can_be_ordered_stands_below_the_figures(stage: Stage, sign_in: SignIn) -> None:
    _sent(stage)
    page = sign_in("admin@example.jp", Role.ADMINISTRATOR).get(f"{BASE}/issues/1").text
    assert page.rindex('class="figures"') < page.index("/pause")
