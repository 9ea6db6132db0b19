"""Searching what issues say: words however short, widths and case aside, down to the item."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.folding import fold_words
from newsletter.database.tables import IssueRow
from newsletter.issues.drafts.saving import create_draft, save_draft
from newsletter.issues.drafts.translating import replace_translation
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, Paragraph, Text
from newsletter.issues.search import Hit, search_among, search_issues
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import save_issue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.mailings.planning.planning import plan_mailing
from tests.support.examples import examples
from tests.support.stage import Stage

TEXT = """---
title: 一月号
date: 2027-01-05
---

導入です。

# 暮らし

## 防災

### 給水車が来ます

断水の間、ＡＩチャットで場所を案内します。100%無料です。
"""

_ENGLISH = """---
title: January
date: 2027-01-05
---

An introduction.

# Living

## Disasters

### Water comes

While the water is off, lorries bring it; AI Chat says where. Free of charge.
"""


def _search(stage: Stage, query: str) -> list[Hit]:
    with reading(stage.engine) as session:
        return list(search_issues(session, stage.newsletter_id, query))


def test_two_letters_are_found_in_drafts_with_their_item(stage: Stage) -> None:
    issue, _ = read_markdown(TEXT, source="text")
    with transaction(stage.engine) as session:
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
    for query in ("断水", "ai", "ＡＩちゃっと"[:2], "給水 断水", "100%"):
        (hit,) = _search(stage, query)
        assert (hit.draft_id, hit.heading, hit.sent) == (draft.id, "給水車が来ます", False)
        assert hit.anchor == "c1-s1-i1"
    (hit,) = _search(stage, "断水")
    assert hit.passage[1] == "断水"
    assert hit.passage[2].startswith("の間、AIチャット")
    assert _search(stage, "断木") == []
    assert _search(stage, "  ") == []
    assert _search(stage, "10_%") == []

    changed, _ = read_markdown(TEXT.replace("断水", "停電"), source="text")
    with transaction(stage.engine) as session:
        save_draft(session, draft, changed, author="葵")
    assert _search(stage, "断水") == []
    assert len(_search(stage, "停電")) == 1


def test_what_a_translation_alone_says_is_found_in_it(stage: Stage) -> None:
    issue, _ = read_markdown(TEXT, source="text")
    english, _ = read_markdown(_ENGLISH, source="text")
    with transaction(stage.engine) as session:
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
        replace_translation(
            session, draft, translation_from_issue(issue, english, "en"), author="葵"
        )

    (hit,) = _search(stage, "lorries")
    assert (hit.language, hit.anchor, hit.passage[1]) == ("en", "c1-s1-i1", "lorries")
    (hit,) = _search(stage, "断水")
    assert (hit.language, hit.anchor) == ("", "c1-s1-i1")


def test_what_was_sent_is_found_as_sent_and_other_newsletters_are_not(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    assert [hit.sent for hit in _search(stage, "受付票")][:1] == [False]
    plan_mailing(stage.engine, stage.mail())
    assert {hit.sent for hit in _search(stage, "受付票")} == {True}
    with reading(stage.engine) as session:
        assert not search_issues(session, stage.newsletter_id + 1, "受付票")


#: Words are made of these: few, so that they meet; wide and narrow, signs and a surrogate.
_LETTERS = "東京都abＡ１2%_\"'*-𠮷ｶﾞß\\"


def _issue_of(text: str) -> Issue:
    said = (Text(text=text),)
    return Issue(title="号", issue_date=date(2027, 1, 5), lead=(Paragraph(content=said),))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("says", "query", "marked"),
    [
        ("**粗大ごみ**の収集日です。", "ごみの収集", "ごみの収集"),
        ("詳しくは[市の窓口](https://city.example.jp/)まで。", "窓口まで", "窓口まで"),
        ("ゴミの出し方が変わります。", "ごみ", "ゴミ"),
        ("こどもまつりを開きます。", "コドモ", "こども"),
        ("ﾘｻｲｸﾙ品を１２月に集めます。", "リサイクル品を12月", "リサイクル品を12月"),
        ("Die Straße ist gesperrt.", "STRASSE", "Straße"),
        ("雨", "雨", "雨"),
    ],
)
def test_words_are_found_as_people_write_them(
    stage: Stage, says: str, query: str, marked: str
) -> None:
    text = f"---\ntitle: 号\ndate: 2027-01-05\n---\n\n{says}\n"
    with transaction(stage.engine) as session:
        create_draft(
            session, stage.newsletter_id, read_markdown(text, source="issue")[0], author="葵"
        )
    (hit,) = _search(stage, query)
    assert hit.passage[1] == marked


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_a_chapter_parts_that_say_one_word_are_found_though_another_says_all(
    stage: Stage,
) -> None:
    says = "予約と粗大ごみ\n\n# くらし\n\n## 環境\n\n### 収集\n\n粗大ごみ\n\n### 窓口\n\n予約制"
    text = f"---\ntitle: 号\ndate: 2027-01-05\n---\n\n{says}\n"
    with transaction(stage.engine) as session:
        save_issue(session, stage.newsletter_id, read_issue(text.encode(), source="issue"))
        hits = search_among(session, select(IssueRow.id), "粗大ごみ 予約", chapter="くらし")
    assert [hit.heading for hit in hits] == ["収集", "窓口"]


@settings(
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    texts=st.lists(st.text(_LETTERS + " ", min_size=1, max_size=24), min_size=1, max_size=4),
    query=st.text(_LETTERS + " ", min_size=1, max_size=5),
)
def test_the_index_finds_what_a_scan_finds(stage: Stage, texts: list[str], query: str) -> None:
    terms = fold_words(query).split()
    with Session(stage.engine) as session:
        begun = [
            create_draft(session, stage.newsletter_id, _issue_of(text), author="葵").id
            for text in texts
        ]
        found = {hit.draft_id for hit in search_issues(session, stage.newsletter_id, query)}
        session.rollback()
    said = {number: fold_words(text) for number, text in zip(begun, texts, strict=True)}
    scanned = {n for n, text in said.items() if terms and all(term in text for term in terms)}
    assert found - {None} == scanned
