"""The audit log's page: what it says of what was acted on, to whoever administers everything."""

from __future__ import annotations

import re

from newsletter.accounts.audit import COMMAND_LINE, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.model import Issue
from newsletter.newsletters.issue_actions import create_draft
from tests.support.stage import Stage
from tests.web.conftest import SignIn


def _cells(page: str, name: str) -> list[str]:
    cells = re.findall(rf'<td[^>]* data-label="{name}">(.*?)</td>', page, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells]


def test_a_draft_that_is_still_there_is_named_by_its_title(stage: Stage, sign_in: SignIn) -> None:
    issue = Issue(title="秋のお知らせ", issue_date=now().date(), language=Language.JAPANESE)
    with transaction(stage.engine) as session:
        draft = create_draft(session, COMMAND_LINE, stage.newsletter_id, issue)
        record_event(session, COMMAND_LINE, Action.ISSUE_DELETE, object=f"draft {draft.id + 1}")
    page = sign_in("admin@example.jp", Role.ADMINISTRATOR).get("/audit").text
    objects = _cells(page, "To what")
    assert f"draft {draft.id} 秋のお知らせ" in objects
    assert f"draft {draft.id + 1}" in objects


def test_the_checksum_of_what_was_approved_is_in_the_log_alone(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        record_event(session, COMMAND_LINE, Action.ISSUE_APPROVED, details={"digest": "ab" * 32})
    admin = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    assert _cells(admin.get("/audit?action=issue.approved").text, "Details") == ["–"]
    assert "ab" * 32 in admin.get("/audit.csv").text


def test_an_action_is_named_in_words_and_its_code_is_no_part_of_them(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        record_event(session, COMMAND_LINE, Action.ISSUE_APPROVED)
    page = sign_in("admin@example.jp", Role.ADMINISTRATOR).get("/audit?action=issue.approved").text
    assert _cells(page, "What") == ["Approved"]
    assert str(now().year) in _cells(page, "When")[0]
    assert 'title="issue.approved"' in page
