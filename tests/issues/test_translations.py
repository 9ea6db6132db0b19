"""Translations: units are tied to what their originals say, wherever those stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import ContentError
from newsletter.i18n.language import Language
from newsletter.issues.conditions import conditions_of, everything, select_parts
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import (
    Block,
    Conditional,
    Issue,
    Paragraph,
    Picture,
    Text,
    Translation,
    issue_from_json,
    issue_to_json,
)
from newsletter.issues.outline import move_up, to_outline, with_outline
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translation_units import TranslationUnit, translated_unit, units_of
from newsletter.issues.translations import (
    UnitState,
    complete_translations,
    language_conditions,
    language_met,
    missing_by_language,
    translated,
    unit_statuses,
    with_translation,
)
from newsletter.issues.walking import walk_blocks, walk_texts
from tests.issues.test_markdown_writer import ISSUES
from tests.support.examples import examples

TOWN = """---
title: 町だより
date: 2026-12-01
number: 第8号
---

はじめに

# 1. 催し

### 子ども祭り

広場で [案内](https://town.example.jp/matsuri)

### 朝市

毎週土曜
"""
ENGLISH = """---
title: Town news
date: 2026-12-01
number: No. 8
---

Welcome

# 1. Events

### Children's festival

On the square, [details](https://town.example.jp/en/matsuri)

### Morning market

Every Saturday
"""


def _read(text: str) -> Issue:
    return read_markdown(text, source="test")[0]


def _town(tag: str = "en", text: str = ENGLISH) -> Issue:
    issue = _read(TOWN)
    return with_translation(issue, translation_from_issue(issue, _read(text), tag))


def _states(issue: Issue, tag: str = "en") -> list[str]:
    return [status.state.value for status in unit_statuses(issue, tag)]


def test_a_translation_written_as_an_issue_says_what_that_says() -> None:
    shown = translated(_town(), "en")

    assert shown == replace(_read(ENGLISH), language=Language.ENGLISH)
    assert translated(_town("vi"), "vi").tag == "vi"


def test_a_translation_is_kept_with_its_issue() -> None:
    issue = _town()

    assert issue_from_json(issue_to_json(issue)) == issue
    assert "translations" not in issue_to_json(_read(TOWN))


def test_what_is_moved_or_put_between_stays_translated() -> None:
    issue = _town()
    outline, _ = move_up(to_outline(issue), 2)
    new = replace(outline[1], heading="新しい催し", body=())
    moved = with_outline(issue, (*outline[:2], new, *outline[2:]))

    states = {each.unit.text or "lead": each.state for each in unit_statuses(moved, "en")}

    assert states.pop("新しい催し") is UnitState.MISSING
    assert set(states.values()) == {UnitState.DONE}


def test_a_changed_original_shows_what_was_said_of_the_earlier_one() -> None:
    changed = replace(_town(), lead=(Paragraph(content=(Text(text="はじめに一言"),)),))
    lead = next(each for each in unit_statuses(changed, "en") if each.state is not UnitState.DONE)

    assert lead.state is UnitState.CHANGED
    assert lead.translated is not None
    assert lead.translated.original == "はじめに"
    assert missing_by_language(changed)


def test_a_picture_is_translated_once_all_its_words_are() -> None:
    picture = "![駅前の広場](https://town.example.jp/1.jpg)\n: 昨年のようす"
    issue = _read(TOWN.replace("はじめに", picture))
    unit = next(each for each in units_of(issue) if each.body)
    (original,) = unit.body
    assert isinstance(original, Picture)

    def state(**words: Any) -> UnitState:
        said = translated_unit(unit, text="", body=(replace(original, **words),), links=())
        begun = with_translation(issue, Translation(language="en", units=(said,)))
        return next(each.state for each in unit_statuses(begun, "en") if each.unit == unit)

    assert state(alt="The square", caption=()) is UnitState.BEGUN
    assert state(alt="", caption=(Text(text="Last year"),)) is UnitState.BEGUN
    assert state(alt="The square", caption=(Text(text="Last year"),)) is UnitState.DONE


def test_a_changed_paragraph_leaves_the_others_of_its_item_translated() -> None:
    original = TOWN.replace("毎週土曜", "毎週土曜\n\n雨でも開きます")
    issue = _read(original)
    english = _read(ENGLISH.replace("Every Saturday", "Every Saturday\n\nRain or shine"))
    issue = with_translation(issue, translation_from_issue(issue, english, "en"))
    changed = _read(original.replace("雨でも開きます", "雨でも雪でも開きます"))

    statuses = unit_statuses(replace(changed, translations=issue.translations), "en")

    assert [each.unit.markdown for each in statuses if each.state is not UnitState.DONE] == [
        "雨でも雪でも開きます"
    ]


@pytest.mark.parametrize(
    ("original", "written"),
    [
        ("一。\n\n二。\n\n三。", "One and two.\n\nThree."),
        ("一。", "One.\n\nAnd more."),
        ("一。\n\n- 甲\n- 乙\n\n二。", "- A\n- B\n\nTwo.\n\nThree."),
        ("同じ。\n\n二。\n\n同じ。", "Same.\n\nTwo.\n\nSame."),
    ],
)
def test_a_file_may_have_more_or_fewer_paragraphs_than_the_original(
    original: str, written: str
) -> None:
    issue = _read(TOWN.replace("毎週土曜", original))
    english = _read(ENGLISH.replace("Every Saturday", written))
    issue = with_translation(issue, translation_from_issue(issue, english, "en"))

    assert not missing_by_language(issue)
    assert translated(issue, "en") == replace(english, language=Language.ENGLISH)


def test_words_that_stand_twice_are_not_lost_where_one_of_them_was_joined() -> None:
    issue = _read(TOWN.replace("毎週土曜", "同じ。\n\n二。\n\n同じ。"))
    english = _read(ENGLISH.replace("Every Saturday", "Same.\n\nTwo."))

    translation = translation_from_issue(issue, english, "en")

    shown = translated(with_translation(issue, translation), "en")
    assert shown.chapters[0].items[1].body[:2] == english.chapters[0].items[1].body


def test_a_link_without_words_leads_elsewhere_in_another_language_if_it_is_said() -> None:
    issue = _read(TOWN + "\n<https://town.example.jp/asaichi>\n")
    english = _read(ENGLISH + "\n<https://town.example.jp/en/market>\n")
    bare = next(each for each in unit_statuses(issue, "en") if each.unit.links)
    assert bare.state is UnitState.SAME

    issue = with_translation(issue, translation_from_issue(issue, english, "en"))

    (complete,) = complete_translations(issue)
    shown = translated(with_translation(issue, complete), "en")
    assert shown.chapters[0].items[1].links[0].url == "https://town.example.jp/en/market"


def test_what_has_no_words_is_nothing_to_translate() -> None:
    issue = _read("---\ntitle: 題\ndate: 2026-12-01\n---\n\n---\n\n# 2026\n\n123-4567\n")

    assert [unit.text for unit in units_of(issue)] == ["題"]


def test_only_complete_translations_reach_readers() -> None:
    issue = _town()
    partial = with_translation(issue, replace(issue.translations[0], language="fr", units=()))

    assert language_conditions(partial) == ("language en",)
    assert conditions_of(partial) == ("language en",)


def test_readers_of_a_translation_get_it_and_all_others_the_original() -> None:
    issue = _town()

    assert select_parts(issue, ("language en",)).title == "Town news"
    assert select_parts(issue, ()) == _read(TOWN)
    assert everything(issue) == _read(TOWN)


def test_a_condition_names_the_more_exact_languages_beside_which_it_holds() -> None:
    issue = _town("zh")
    issue = with_translation(issue, replace(issue.translations[0], language="zh-Hant"))

    assert language_conditions(issue) == ("language zh besides zh-Hant", "language zh-Hant")
    assert language_met(["tag = 1", "language zh besides zh-Hant"]) == "zh"


def test_a_translation_with_other_parts_is_refused_by_the_first_that_differs() -> None:
    other = _read(ENGLISH.replace("### Morning market\n\nEvery Saturday\n", ""))

    with pytest.raises(ContentError, match="朝市"):
        translation_from_issue(_read(TOWN), other, "en")


def test_a_translation_that_shows_a_part_to_others_is_refused_and_not_complete() -> None:
    for_some = ':::for tag = "press"\n{}\n:::'
    original = _read(TOWN.replace("はじめに", for_some.format("報道の方へ")))
    other = _read(ENGLISH.replace("Welcome", "To the press"))

    with pytest.raises(ContentError, match='“tag = "press"” is not there in both'):
        translation_from_issue(original, other, "en")

    lead = next(each for each in units_of(original) if each.body)
    shown = translated_unit(lead, text="", body=other.lead, links=())
    assert not lead.is_translated_by(shown)
    fenced = _read(ENGLISH.replace("Welcome", for_some.format("To the press")))
    assert lead.is_translated_by(translated_unit(lead, text="", body=fenced.lead, links=()))


def test_snippets_are_put_into_translations_too() -> None:
    snippet = (Paragraph(content=(Text(text="窓口は九時から"),)),)
    issue = _read(TOWN.replace("はじめに", ":::snippet hours"))
    english = _read(ENGLISH.replace("Welcome", "Welcome\n\n:::snippet hours"))
    issue = with_translation(issue, translation_from_issue(issue, english, "en"))

    resolved = resolve_snippets(issue, {"hours": snippet})

    assert not missing_by_language(resolved)
    assert translated(resolved, "en").lead[1:] == snippet


def _said_to_the_same(unit: TranslationUnit, words: str) -> tuple[Block, ...]:
    paragraph = Paragraph(content=(Text(text=words),))
    parts = {
        each.condition
        for each in walk_blocks(unit.body)
        if isinstance(each, Conditional) and each.blocks
    }
    return (paragraph, *(Conditional(condition=each, blocks=(paragraph,)) for each in parts))


@given(issue=ISSUES, data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_any_issue_translated_unit_by_unit_says_only_what_was_translated(
    issue: Issue, data: st.DataObject
) -> None:
    units = tuple(
        translated_unit(
            unit,
            text=f"T{number}",
            body=_said_to_the_same(unit, f"B{number}") if unit.body else (),
            links=tuple(replace(link, label=f"L{number}") for link in unit.links),
        )
        for number, unit in enumerate(units_of(issue))
    )
    tag = data.draw(st.sampled_from(["en", "vi", "ja-simple", "zh-Hant"]))
    issue = with_translation(issue, Translation(language=tag, units=units))

    shown = translated(issue, tag)

    assert not missing_by_language(issue)
    assert [part.level for part in to_outline(shown)] == [part.level for part in to_outline(issue)]
    own = {text for unit in units_of(issue) for text in (unit.text,) if any(map(str.isalpha, text))}
    said = {text for _place, text in walk_texts(shown)}
    assert not own - {unit.text for unit in units} & said
