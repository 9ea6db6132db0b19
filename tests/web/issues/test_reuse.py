"""Pages of patterns, recurrence and search."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, DraftRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.issues.drafts.saving import open_issue, save_draft
from newsletter.newsletters.recurrence import find_recurrence, open_due_drafts
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, fields_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BASE = "/newsletters/digest"


def test_an_issue_is_kept_as_a_pattern_a_recurrence_opens_drafts_and_search_leads_to_the_item(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵").id
    editor = sign_in("editor@example.jp", Role.EDITOR)
    page = editor.get(f"{BASE}/patterns")
    form = {"csrf": csrf_of(page.text), "source": f"draft {draft}"}
    assert editor.post(f"{BASE}/patterns", data=form | {"name": " "}).status_code == 422
    kept = editor.post(f"{BASE}/patterns", data=form | {"name": "定例号"})
    assert "定例号" in kept.text
    again = editor.post(f"{BASE}/patterns", data=form | {"name": "定例号"})
    assert again.status_code == 409
    assert "editor@example.jp saved a pattern called “定例号” already." in again.text
    replaced = editor.post(f"{BASE}/patterns", data=form | {"name": "定例号", "replace": "1"})
    assert "The pattern is saved." in replaced.text
    assert "定例号" in editor.get(f"{BASE}/issues/new").text
    begun = editor.post(f"{BASE}/patterns/1/start", data=form)
    assert "/drafts/" in begun.url.path

    day = (now() + timedelta(days=9)).date()
    rule = form | {"every": "week", "weekday": str(day.weekday()), "days_before": "10"}
    changed = editor.post(
        f"{BASE}/recurrence", data=rule | {"pattern": "1", "start": day.isoformat()}
    )
    assert "The schedule is changed." in changed.text
    assert open_due_drafts(stage.engine) == 1
    with reading(stage.engine) as session:
        dates = [row.content["issue_date"] for row in session.scalars(select(DraftRow))]
        assert day.isoformat() in dates
        assert session.scalar(select(AuditEventRow.id).where(AuditEventRow.action == "issue.open"))
    assert "draft opens on" in editor.get("/home").text
    editor.post(f"{BASE}/recurrence", data=form | {"every": ""})
    with reading(stage.engine) as session:
        assert find_recurrence(session, stage.newsletter_id) is None

    found = editor.get(f"{BASE}/search", params={"q": "受付票"}).text
    assert "<mark>受付票</mark>" in found
    assert f"{BASE}/drafts/{draft}#block-c1" in found
    assert "Found nowhere" in editor.get(f"{BASE}/search", params={"q": "<b>"}).text


def test_a_draft_that_somebody_changed_since_it_was_opened_is_not_deleted_unseen(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        draft = open_issue(session, stage.newsletter_id, stage.issue, author="葵")
    editor = sign_in("editor@example.jp", Role.EDITOR)
    path = f"{BASE}/drafts/{draft.id}"

    def delete() -> dict[str, str]:
        return fields_of(
            editor.get(path).text.split(f'action="{path}/delete"')[1].split("</form>")[0]
        )

    form = delete()
    with transaction(stage.engine) as session:
        text = replace(draft.issue, title="二人目の題")
        save_draft(session, draft, text, author="蓮")
    refused = editor.post(f"{path}/delete", data=form)

    assert refused.status_code == 409
    assert "蓮 changed this draft after you opened it." in refused.text
    assert "二人目の題" in refused.text
    editor.post(f"{path}/delete", data=delete())
    assert editor.get(path).status_code == 404
