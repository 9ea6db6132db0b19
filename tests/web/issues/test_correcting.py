"""Correcting a sent issue on its pages: begun, written, looked at, approved, put into effect."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    CorrectionRow,
    DeliveryRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, MailingState, Role
from newsletter.issues.drafts.saving import correction_draft, save_draft
from newsletter.issues.model import issue_from_json, issue_to_json
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import with_translation
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.corrections import NOTE, titled
from tests.support.stage import Stage
from tests.web.conftest import SEEN, SignIn, csrf_of, fields_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

RIGHT = "十二月四日のお知らせ"


@pytest.fixture
def sent(stage: Stage, issue_id: int) -> str:
    """The path of an issue of which a mailing is under way."""
    stage.subscribe("a@example.jp", "b@example.jp")
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.SENDING, started_at=now()))
    return f"/newsletters/digest/issues/{issue_id}"


def _write(stage: Stage, editor: httpx.Client, sent: str) -> str:
    """Begin the correction in the browser and correct the title; return the draft's path."""
    begun = editor.post(f"{sent}/correct", data={"csrf": csrf_of(editor.get(sent).text)})
    assert "Correction of “" in begun.text
    issue_id = int(sent.rpartition("/")[2])
    with transaction(stage.engine) as session:
        draft = correction_draft(session, issue_id)
        assert draft is not None
        save_draft(session, draft, titled(RIGHT)(draft.issue), author="葵")
    return begun.url.path


def _go_on(
    editor: httpx.Client, draft: str, do: str, note: str = NOTE, **more: str
) -> httpx.Response:
    form = re.findall(r'<form id="correction".*?</form>', editor.get(draft).text, re.DOTALL)[0]
    fields = fields_of(form) | {"note": note, "do": do} | more
    return editor.post(f"{draft}/correction", data=fields)


def test_a_correction_is_written_looked_at_and_put_into_effect(
    stage: Stage, sent: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    draft = _write(stage, editor, sent)
    look = _go_on(editor, draft, "look")
    assert look.url.path == f"{sent}/correction"
    for words in (RIGHT, NOTE, "Copies still to be sent"):
        assert words in look.text

    done = editor.post(f"{sent}/correction", data=fields_of(look.text) | {"warnings": "1"})
    assert "The correction is in effect." in done.text
    assert NOTE in done.text
    with reading(stage.engine) as session:
        assert session.scalars(select(IssueRow.title)).all() == [RIGHT]
    assert editor.get(f"{sent}/corrections/1/mail").status_code == 409
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
    mail = editor.get(f"{sent}/corrections/1/mail")
    assert "2 people" in mail.text
    assert NOTE in editor.get(f"{sent}/corrections/1/mail/frame").text
    mailed = editor.post(f"{sent}/corrections/1/mail", data=fields_of(mail.text))
    assert f"【訂正】{RIGHT}" in mailed.text
    again = editor.post(f"{sent}/correction", data=fields_of(look.text) | {"warnings": "1"})
    assert again.status_code == 409


@pytest.mark.parametrize("state", [MailingState.SENDING, MailingState.FINISHED])
def test_what_went_out_first_is_shown_after_a_correction_as_the_page_says(
    stage: Stage, sent: str, sign_in: SignIn, state: MailingState
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=state))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    look = _go_on(editor, _write(stage, editor, sent), "look")
    done = editor.post(f"{sent}/correction", data=fields_of(look.text) | {"warnings": "1"})
    assert "Below is the mail as it first went out." in done.text
    assert RIGHT not in editor.get(f"{sent}/mail").text


def test_the_note_is_written_in_each_language_that_the_issue_was_sent_in(
    stage: Stage, issue_id: int, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        row = session.get_one(IssueRow, issue_id)
        issue = issue_from_json(row.content)
        english = translation_from_issue(issue, replace(issue, title="Notices"), "en")
        row.content = issue_to_json(with_translation(issue, english))
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.SENDING, started_at=now()))
    sent = f"/newsletters/digest/issues/{issue_id}"
    editor = sign_in("editor@example.jp", Role.EDITOR)
    draft = _write(stage, editor, sent)
    look = _go_on(editor, draft, "look", note_translation="The day was wrong.")
    for words in (NOTE, '<div class="correction-note" lang="en">The day was wrong.</div>'):
        assert words in look.text
    assert "The day was wrong." in editor.get(draft).text

    editor.post(f"{sent}/correction", data=fields_of(look.text) | {"warnings": "1"})
    assert '<div class="correction-note" lang="en">The day' in editor.get(sent).text
    with transaction(stage.engine) as session:
        session.execute(update(DeliveryRow).values(state=DeliveryState.ACCEPTED))
    mail = f"{sent}/corrections/1/mail"
    shown = editor.get(mail, params={"lang": "en"}).text
    assert "[Correction] Notices" in shown
    assert "/mail/frame?lang=en" in shown
    assert "The day was wrong." in editor.get(f"{mail}/frame", params={"lang": "en"}).text


def test_without_a_note_for_readers_it_goes_no_further(
    stage: Stage, sent: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    draft = _write(stage, editor, sent)
    refused = _go_on(editor, draft, "look", note=" ")
    assert (refused.status_code, "The note for readers is missing" in refused.text) == (409, True)
    _go_on(editor, draft, "note", note="Half of it")
    assert "Half of it" in editor.get(draft).text


def test_where_approval_is_demanded_a_correction_needs_it_too(
    stage: Stage, sent: str, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(approval_required=True))
    editor = sign_in("editor@example.jp", Role.EDITOR)
    approver = sign_in("approver@example.jp", Role.APPROVER)
    draft = _write(stage, editor, sent)
    assert "Approval was requested" in _go_on(editor, draft, "ask").text
    with reading(stage.engine) as session:
        readied = session.scalars(select(IssueRow.id).where(IssueRow.corrects.is_not(None))).one()
    assert editor.get(f"{sent}/correction").status_code == 409

    assert "Correction, " in approver.get("/home").text
    review = approver.get(f"/newsletters/digest/issues/{readied}/send/review")
    for words in ("What the correction changes", RIGHT, NOTE, "Copies still to be sent"):
        assert words in review.text
    # What is said of a mailing alone.
    for words in ("(not decided when asked)", "first version", "<dt>Preheader</dt>"):
        assert words not in review.text
    answered = _answer(approver, review, readied)
    assert answered.status_code == 200
    home = editor.get("/home").text
    assert "Approved, to put into effect" in home
    assert "Approved, to send" not in home
    look = _go_on(editor, draft, "look")
    editor.post(f"{sent}/correction", data=fields_of(look.text) | {"warnings": "1"})
    with reading(stage.engine) as session:
        assert session.scalars(select(CorrectionRow.effective_at)).one() is not None
    assert "Approved, to put into effect" not in editor.get("/home").text
    # The mail that asked for approval leads there still.
    assert approver.get(review.url).url.path == sent


def test_a_link_to_a_correction_that_was_discarded_says_who_did_so(
    stage: Stage, sent: str, sign_in: SignIn
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    draft = _write(stage, editor, sent)
    _go_on(editor, draft, "look")
    with reading(stage.engine) as session:
        readied = session.scalars(select(IssueRow.id).where(IssueRow.corrects.is_not(None))).one()
    form = fields_of(
        editor.get(draft).text.split(f'action="{draft}/delete"')[1].split("</form>")[0]
    )
    editor.post(f"{draft}/delete", data=form)

    gone = f"/newsletters/digest/issues/{readied}/send/review"
    for path in (gone, draft, f"{draft}/history"):
        answer = editor.get(path)
        assert answer.status_code == 404
        assert "was deleted by editor" in answer.text
        assert RIGHT in answer.text
    # Who may see nothing there is not told, and neither is who asks for what never was.
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    assert RIGHT not in operator.get(draft).text
    assert "was deleted" not in editor.get("/newsletters/digest/drafts/999").text


def _answer(approver: httpx.Client, review: httpx.Response, readied: int) -> httpx.Response:
    path = f"/newsletters/digest/issues/{readied}/send/approve"
    form = re.findall(rf'action="{path}".*?</form>', review.text, re.DOTALL)[0]
    return approver.post(path, data=fields_of(form) | SEEN)


def test_what_was_not_sent_has_nothing_to_correct(issue_id: int, sign_in: SignIn) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    csrf = csrf_of(editor.get("/newsletters/digest/issues").text)
    path = f"/newsletters/digest/issues/{issue_id}/correct"
    refused = editor.post(path, data={"csrf": csrf})
    assert (refused.status_code, "nothing to correct" in refused.text) == (409, True)
