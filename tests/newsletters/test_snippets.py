"""Snippets: kept once, put in by name, and never changing what was sent."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, IssueRow, SnippetRow
from newsletter.errors import ConflictError, ContentError, NotFoundError
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.store import find_issue
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.orders.readiness import check_stored
from newsletter.mailings.planning.content import load_content
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.newsletters.snippets import delete_snippet, list_snippets, save_snippet
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from tests.support.stage import Stage, set_stage

SOURCE = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n- 一\n\n  :::snippet 窓口\n".encode()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine, SOURCE)
    stage.subscribe("a@example.jp")
    return stage


def _save(stage: Stage, text: str, *, name: str = "窓口", number: int | None = None) -> int:
    with transaction(stage.engine) as session:
        row = save_snippet(
            session, COMMAND_LINE, stage.newsletter_id, name=name, text=text, number=number
        )
        return row.id


def _rendered(stage: Stage) -> tuple[RenderedIssue | None, list[str], str]:
    settings = Settings(_env_file=None)
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
    found = check_stored(issue, newsletter, settings, ask_dns=False)
    digest = content_digest(newsletter, found.rendered) if found.rendered else ""
    return found.rendered, [finding.code for finding in found.findings], digest


def test_an_issue_shows_what_the_snippet_says(stage: Stage) -> None:
    assert "snippet-unknown" in _rendered(stage)[1]
    _save(stage, "平日は**九時**から。\n\n:::button [電話](tel:188)")

    rendered, codes, _digest = _rendered(stage)
    assert rendered is not None
    assert "snippet-unknown" not in codes
    assert "平日は九時から。" in fill(rendered.text, {})
    assert 'href="tel:188"' in fill(rendered.html, {})


def test_what_was_sent_stays_and_an_approval_of_it_holds_no_more(stage: Stage) -> None:
    number = _save(stage, "九時から。")
    rendered, _codes, approved = _rendered(stage)
    assert rendered is not None
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = session.scalars(select(IssueRow)).one()
        mailing = create_mailing(session, newsletter, issue, rendered, batch_size=5)

    _save(stage, "十時から。", number=number)

    assert _rendered(stage)[2] != approved
    with reading(stage.engine) as session:
        assert "九時から。" in fill(load_content(session, mailing).rendered.text, {})


@pytest.mark.parametrize("text", ["", "# 章", ":::snippet 窓口", "> :::contents"])
def test_a_snippet_is_text_that_leads_to_no_other(stage: Stage, text: str) -> None:
    with pytest.raises(ContentError):
        _save(stage, text)


def test_two_people_and_two_names_do_not_overwrite_each_other(stage: Stage) -> None:
    number = _save(stage, "一")
    with pytest.raises(ConflictError):
        _save(stage, "二")
    with transaction(stage.engine) as session:
        save_snippet(
            session,
            COMMAND_LINE,
            stage.newsletter_id,
            name="窓口",
            text="三",
            number=number,
            version=1,
        )
    with pytest.raises(ConflictError), transaction(stage.engine) as session:
        save_snippet(
            session,
            COMMAND_LINE,
            stage.newsletter_id,
            name="窓口",
            text="四",
            number=number,
            version=1,
        )
    with reading(stage.engine) as session:
        (kept,) = list_snippets(session, stage.newsletter_id)
        actions = session.scalars(select(AuditEventRow.action)).all()
    assert (kept.text, kept.version) == ("三", 2)
    assert actions.count(Action.SNIPPET_SAVE.value) == 2


def test_a_snippet_that_a_draft_uses_is_neither_deleted_nor_renamed(stage: Stage) -> None:
    number = _save(stage, "一")
    issue, _ = read_markdown(SOURCE.decode(), source="x")
    with transaction(stage.engine) as session:
        create_draft(session, stage.newsletter_id, issue, author="aoki")
    with reading(stage.engine) as session:
        (kept,) = list_snippets(session, stage.newsletter_id)
    assert [bool(use.draft_id) for use in kept.uses] == [True, False]

    with pytest.raises(ConflictError), transaction(stage.engine) as session:
        delete_snippet(session, COMMAND_LINE, stage.newsletter_id, number)
    with pytest.raises(ConflictError):
        _save(stage, "一", name="受付", number=number)


def test_a_snippet_of_another_newsletter_is_none(stage: Stage) -> None:
    number = _save(stage, "一")
    draft = NewsletterDraft(
        slug="other", name="別", from_address="o@example.jp", postal_address="東京都"
    )
    with transaction(stage.engine) as session:
        other = create_newsletter(session, draft).id

    with reading(stage.engine) as session:
        assert list_snippets(session, other) == ()
    with pytest.raises(NotFoundError), transaction(stage.engine) as session:
        delete_snippet(session, COMMAND_LINE, other, number)
    with reading(stage.engine) as session:
        assert session.get(SnippetRow, number) is not None


def test_columns_of_a_snippet_stand_below_each_other_within_columns() -> None:
    issue, _ = read_markdown(
        "---\ntitle: 題\ndate: 2026-12-01\n---\n\n:::columns\n:::snippet 表\n+++\n右\n:::\n",
        source="x",
    )
    snippet, _ = read_markdown(
        "---\ntitle: 題\ndate: 2026-12-01\n---\n\n:::columns\n一\n+++\n二\n:::\n", source="x"
    )
    whole, _ = read_markdown(
        "---\ntitle: 題\ndate: 2026-12-01\n---\n\n:::columns\n一\n\n二\n+++\n右\n:::\n", source="x"
    )

    assert resolve_snippets(issue, {"表": snippet.lead}) == whole


def test_a_finding_within_a_snippet_names_it_and_is_mended_there(stage: Stage) -> None:
    _save(stage, "[案内](http://example.jp/a)")

    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
    findings = check_stored(issue, newsletter, Settings(_env_file=None), ask_dns=False).findings

    (found,) = (each for each in findings if each.code == "url-http" and each.snippet)
    assert found.snippet == "窓口"
    assert found.fix is None
    assert not [each for each in findings if each.snippet and each.code != "url-http"]
