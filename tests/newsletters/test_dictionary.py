"""A newsletter's own dictionary: which words it takes, and whose issues it concerns."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow
from newsletter.errors import ContentError, NotFoundError
from newsletter.issues.model import issue_from_json
from newsletter.issues.store import find_issue
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.newsletters.dictionary import add_word, list_words, remove_word
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter, find_newsletter
from newsletter.settings import Settings
from tests.support.stage import Stage, set_stage

SOURCE = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n手続は郵送で。手続きは窓口で。\n".encode()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, SOURCE)


def _add(stage: Stage, word: str, *, newsletter_id: int | None = None) -> None:
    with transaction(stage.engine) as session:
        add_word(session, COMMAND_LINE, newsletter_id or stage.newsletter_id, word)


def _spelling(stage: Stage) -> list[str]:
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
        content = issue_from_json(issue.content)
        known = stored_findings(session, newsletter, content, besides=issue.id)
    found = check_stored(issue, newsletter, Settings(_env_file=None), ask_dns=False, known=known)
    return [each.about for each in found.findings if each.code.startswith("spelling")]


def test_a_word_is_right_in_the_issues_of_its_newsletter_alone(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        other = create_newsletter(
            session,
            NewsletterDraft(
                slug="other", name="Other", from_address="o@example.jp", postal_address="1"
            ),
        ).id
    _add(stage, "手続き", newsletter_id=other)
    assert _spelling(stage) == ["手続き"]

    _add(stage, "手続き")
    assert _spelling(stage) == []


def test_a_word_is_there_once_whatever_its_case_and_width(stage: Stage) -> None:
    for word in ("Aikidou", " aikidou ", "ＡＩＫＩＤＯＵ"):
        _add(stage, word)
    with transaction(stage.engine) as session:
        assert list_words(session, stage.newsletter_id) == ("Aikidou",)
        remove_word(session, COMMAND_LINE, stage.newsletter_id, "AIKIDOU")
        assert list_words(session, stage.newsletter_id) == ()
        actions = session.scalars(select(AuditEventRow.action).order_by(AuditEventRow.id.desc()))
        assert list(actions)[:2] == [Action.DICTIONARY_REMOVE, Action.DICTIONARY_ADD]
        with pytest.raises(NotFoundError):
            remove_word(session, COMMAND_LINE, stage.newsletter_id, "aikidou")


@pytest.mark.parametrize("word", ["", "  ", "two\nlines", "x" * 81, "ﷺ" * 60, "a\0b"])
def test_what_is_no_word_is_refused(stage: Stage, word: str) -> None:
    with pytest.raises(ContentError):
        _add(stage, word)
