"""What readers have had already: an issue with a subject or a text that was sent is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.i18n.language import Language
from newsletter.issues.checks.repeats import find_repeats
from newsletter.issues.drafts.saving import open_issue
from newsletter.issues.model import Issue, Paragraph, Text
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue, save_issue
from newsletter.mailings.mailings import cancel_mailing
from newsletter.mailings.orders.readiness import check_brought
from newsletter.newsletters.publications import find_newsletter
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support.stage import Stage, set_stage

_OTHER = (
    Paragraph(content=(Text(text="図書館は十二月から夜九時まで開きます。返す本は外の箱にも。"),)),
)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    return stage


@pytest.fixture
def sent(stage: Stage) -> Issue:
    stage.mail()
    with transaction(stage.engine) as session:
        return open_issue(session, stage.newsletter_id, stage.issue, author="aoki").issue


def _codes(
    stage: Stage, issue: Issue, *, besides: int | None = None, is_correction: bool = False
) -> list[str]:
    with reading(stage.engine) as session:
        found = find_repeats(
            session, stage.newsletter_id, issue, besides=besides, is_correction=is_correction
        )
    return [finding.code for finding in found]


def test_the_subject_of_a_sent_issue_is_named(stage: Stage, sent: Issue) -> None:
    assert _codes(stage, replace(sent, lead=_OTHER, chapters=())) == ["title-sent"]


def test_the_whole_text_of_a_sent_issue_is_named(stage: Stage, sent: Issue) -> None:
    assert _codes(stage, replace(sent, title="次の号")) == ["text-sent"]


def test_another_subject_and_text_are_no_repeat(stage: Stage, sent: Issue) -> None:
    assert _codes(stage, replace(sent, title="次の号", lead=_OTHER, chapters=())) == []


def test_a_text_of_which_a_few_words_were_changed_is_named(stage: Stage, sent: Issue) -> None:
    [first, *others] = sent.chapters
    issue = replace(sent, chapters=(replace(first, heading="来月の特集"), *others))
    assert _codes(stage, replace(issue, title="次の号")) == ["text-sent"]


def test_what_stands_in_each_issue_is_no_repeat(stage: Stage, sent: Issue) -> None:
    issue = replace(sent, title="次の号", lead=_OTHER, chapters=sent.chapters[-1:])
    assert _codes(stage, issue) == []


def test_a_correction_repeats_no_issue_that_was_begun_from_what_it_corrects(
    stage: Stage, sent: Issue
) -> None:
    later = replace(sent, issue_date=sent.issue_date + timedelta(days=7))
    with transaction(stage.engine) as session:
        before = find_issue(session, stage.newsletter_id, stage.issue).id
        read = replace(read_issue(sample_issue(Language.JAPANESE), source="x"), issue=later)
        stage.issue = save_issue(session, stage.newsletter_id, read).slug
    stage.mail()
    assert _codes(stage, sent, besides=before) == ["title-sent", "text-sent"]
    assert _codes(stage, sent, besides=before, is_correction=True) == []


@pytest.mark.parametrize("words", ["/", "お知らせ", "自治体の現場で"])
def test_a_few_words_that_stand_in_a_sent_issue_too_are_no_repeat(
    stage: Stage, sent: Issue, words: str
) -> None:
    lead = (Paragraph(content=(Text(text=words),)),)
    assert _codes(stage, replace(sent, title="次の号", lead=lead, chapters=())) == []


def test_the_sent_issue_is_named_as_people_know_it(stage: Stage, sent: Issue) -> None:
    with reading(stage.engine) as session:
        found = find_repeats(session, stage.newsletter_id, sent, besides=None)
    [subject, text] = [each.message.in_language(Language.JAPANESE) for each in found]
    assert subject == "同じ件名の号（2026年11月20日）が配信済みです。"
    assert text == f"本文が配信済みの号「{sent.title}」と同じです。"


def test_an_issue_whose_mailing_was_cancelled_was_not_sent(stage: Stage) -> None:
    number = stage.mail()
    with transaction(stage.engine) as session:
        issue = open_issue(session, stage.newsletter_id, stage.issue, author="aoki").issue
        cancel_mailing(session, number)
    assert _codes(stage, issue) == []


@pytest.mark.parametrize(("later", "codes"), [(True, ["title-sent", "text-sent"]), (False, [])])
def test_a_file_is_compared_with_what_was_sent_but_not_with_itself(
    stage: Stage, sent: Issue, *, later: bool, codes: list[str]
) -> None:
    issue = replace(sent, issue_date=date(2030, 1, 1)) if later else sent
    read = replace(read_issue(sample_issue(Language.JAPANESE), source="x"), issue=issue)
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, None)
        settings = Settings(_env_file=None)
        found = check_brought(session, read, newsletter, settings).findings
    assert [one.code for one in found if one.code.endswith("-sent")] == codes
