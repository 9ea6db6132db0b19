"""Translations of a draft on their pages: written beside the original, by several at once."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest
from httpx import Client, Response
from lxml import html
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow
from newsletter.database.vocabulary import Role
from newsletter.issues.cards import Button, Event
from newsletter.issues.drafts.saving import create_draft, get_draft, save_draft
from newsletter.issues.drafts.translating import fields_of
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, Picture, Text, blocks_to_json, issue_from_json
from newsletter.issues.translation_units import units_of
from newsletter.issues.translations import language_conditions, translated, unit_statuses
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TOWN = """---
title: 町だより
date: 2026-12-01
---

# 1. 催し

### 子ども祭り

広場で遊びます。

[案内](https://town.example.jp/)
"""


@pytest.fixture
def here(stage: Stage) -> str:
    with transaction(stage.engine) as session:
        issue = read_markdown(TOWN, source="test")[0]
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
    return f"/newsletters/digest/drafts/{draft.id}"


def _issue(stage: Stage) -> Issue:
    with reading(stage.engine) as session:
        return issue_from_json(session.scalars(select(DraftRow.content)).one())


def _add(editor: Client, here: str, language: str) -> Response:
    page = editor.get(f"{here}/translations")
    data = {"csrf": csrf_of(page.text), "other": language}
    return editor.post(f"{here}/translations", data=data)


def _save(editor: Client, here: str, page: str, words: dict[str, str], tag: str = "en") -> Response:
    """Submit the form of a page with words for each part, by what its original says."""
    body = [("csrf", csrf_of(page))]
    for section in tight(page).split('<div class="unit"')[1:]:
        hidden = dict(re.findall(r'name="(unit|seen)" value="([^"]*)"', section))
        body += [("unit", hidden["unit"]), ("seen", hidden["seen"])]
        for name, text in re.findall(r'data-of="([^"]+)">([^<]*)<', section):
            body.append((name, text if name == "link" else words.get(text, "")))
    # As in the form, the address of a link stands before its words.
    for at, (name, _text) in enumerate(body[:-1]):
        if name == "label" and body[at + 1][0] == "link":
            body[at], body[at + 1] = body[at + 1], body[at]
    return editor.post(
        f"{here}/translations/{tag}",
        content=urlencode(body),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )


ALL = {
    "町だより": "Town news",
    "催し": "Events",
    "子ども祭り": "Festival",
    "広場で遊びます。": "On the **square**.",
    "案内": "details",
}


def test_a_translation_is_added_written_and_shown_as_its_readers_will_see_it(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    assert "Translation into English" in _add(editor, here, "英語").text
    page = editor.get(f"{here}/translations/en").text
    assert "広場で遊びます。" in page

    saved = _save(editor, here, page, ALL)

    assert "The translation is saved." in saved.text
    assert "5 of 5 parts" in saved.text
    issue = _issue(stage)
    assert language_conditions(issue) == ("language en",)
    assert translated(issue, "en").chapters[0].items[0].links[0].label == "details"
    mail = editor.get(f"{here}/translations/en/mail").text
    assert "Festival" in mail
    assert 'lang="en"' in mail
    listed = editor.get(f"{here}/translations").text
    assert "Complete" in listed


def test_what_the_editor_saves_meanwhile_leaves_the_translation(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    with reading(stage.engine) as session:
        began = get_draft(session, stage.newsletter_id, int(here.rpartition("/")[2]))
    _add(editor, here, "en")
    _save(editor, here, editor.get(f"{here}/translations/en").text, ALL)

    with transaction(stage.engine) as session:
        text = TOWN.replace("広場で遊びます。", "広場で遊びます。雨の日は中止です。")
        save_draft(session, began, read_markdown(text, source="test")[0], author="葵")

    states = [each.state.value for each in unit_statuses(_issue(stage), "en")]
    assert sorted(states) == ["changed", *["done"] * 4]


def test_of_two_translators_the_second_is_shown_what_the_first_wrote(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text
    _save(editor, here, page, ALL)

    second = _save(editor, here, page, ALL | {"催し": "What is on"})

    assert second.status_code == 422
    assert "Somebody else translated this part in the meantime." in second.text
    assert "Events" in second.text.partition('class="theirs"')[2].partition("</div>")[0]
    assert 'value="What is on"' in second.text
    assert translated(_issue(stage), "en").chapters[0].heading == "Events"
    again = _save(editor, here, second.text, ALL | {"催し": "What is on"})
    assert again.status_code == 200
    assert translated(_issue(stage), "en").chapters[0].heading == "What is on"


def test_a_part_that_cannot_be_read_is_named_and_the_others_are_saved(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text

    refused = _save(editor, here, page, ALL | {"広場で遊びます。": "# Not here"})

    assert refused.status_code == 422
    assert "There is a heading inside the text." in refused.text
    assert "# Not here" in refused.text
    assert translated(_issue(stage), "en").title == "Town news"


def test_a_translation_goes_out_and_comes_back_as_markdown(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "ja-simple")
    text = editor.get(f"{here}/translations/ja-simple/markdown").text
    csrf = csrf_of(editor.get(f"{here}/translations/ja-simple").text)

    def bring(text: str) -> Response:
        files = {"file": ("easy.md", text.encode())}
        return editor.post(f"{here}/translations/ja-simple/file", data={"csrf": csrf}, files=files)

    refused = bring(text.replace("### 子ども祭り", "## 子ども祭り"))
    assert refused.status_code == 422
    assert "does not have the same parts" in refused.text
    taken = bring(text.replace("町だより", "まちの おしらせ"))
    assert "taken over from the file" in taken.text
    assert translated(_issue(stage), "ja-simple").title == "まちの おしらせ"


def test_a_script_saves_one_part_and_is_told_what_somebody_else_wrote(
    sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text
    source = re.findall(r'name="unit" value="([^"]*)"', page)[0]

    def save(text: str, seen: str) -> Response:
        data = {"csrf": csrf_of(page), "alone": "1", "unit": source, "seen": seen, "text": text}
        return editor.post(f"{here}/translations/en", data=data)

    first = save("Town news", "").json()
    assert (first["state"], first["done"], first["total"]) == ("done", 1, 5)
    second = save("News of the town", "")
    assert second.status_code == 422
    assert "Town news" in second.json()["words"]
    assert save("News of the town", second.json()["seen"]).json()["state"] == "done"


def test_blocks_are_saved_as_the_editor_holds_them(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text
    unit = next(each for each in units_of(_issue(stage)) if each.body)
    blocks = [{"kind": "paragraph", "content": [{"kind": "text", "text": "On the square."}]}]
    data = {"csrf": csrf_of(page), "alone": "1", "unit": unit.source, "seen": ""}

    def save(value: str) -> Response:
        return editor.post(f"{here}/translations/en", data=data | {"blocks": value})

    assert save('[{"kind": "paragraph"}]').status_code == 422
    assert save(json.dumps(blocks)).json()["state"] == "done"
    shown = translated(_issue(stage), "en").chapters[0].items[0].body
    assert blocks_to_json(shown) == blocks


def test_the_words_of_a_picture_a_button_and_an_event_are_fields(
    stage: Stage, sign_in: SignIn
) -> None:
    blocks = (
        "![駅前の広場](https://town.example.jp/1.jpg)\n: 昨年の様子\n\n"
        ":::button [申し込む](https://town.example.jp/)\n\n"
        ":::event\nname: 講座\ndate: 2026-12-03\nplace: 役場\n:::\n"
    )
    with transaction(stage.engine) as session:
        issue = read_markdown(TOWN.replace("広場で遊びます。", blocks), source="test")[0]
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
    here = f"/newsletters/digest/drafts/{draft.id}"
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    words = ALL | {
        "駅前の広場": "The square",
        "昨年の様子": "Last year",
        "申し込む": "Apply",
        "講座": "Course",
        "役場": "Town hall",
    }

    saved = _save(editor, here, editor.get(f"{here}/translations/en").text, words)

    assert "7 of 7 parts" in saved.text
    picture, button, event = translated(_issue(stage), "en").chapters[0].items[0].body
    assert picture == Picture(
        source="https://town.example.jp/1.jpg",
        alt="The square",
        caption=(Text(text="Last year"),),
    )
    assert button == Button(label="Apply", url="https://town.example.jp/")
    assert event == Event(name="Course", starts="2026-12-03", place="Town hall")


def test_the_history_says_who_changed_what_and_brings_it_back(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    _save(editor, here, editor.get(f"{here}/translations/en").text, ALL)
    page = editor.get(f"{here}/translations/en").text
    _save(editor, here, page, ALL | {"催し": "What is on"})

    shown = editor.get(f"{here}/translations/en/history?at=2").text

    assert tight(shown).count(">editor<") >= 2
    assert "<del>Events</del><ins>What is on</ins>" in tight(shown)
    assert "Town news" not in shown.partition("<table")[0].partition("<main")[2]
    data = {"csrf": csrf_of(shown), "at": "1"}
    assert "back" in editor.post(f"{here}/translations/en/restore", data=data).text
    assert translated(_issue(stage), "en").chapters[0].heading == "Events"
    assert "Restored" in editor.get(f"{here}/translations/en/history").text


def test_what_the_original_changed_is_shown_and_can_be_confirmed(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    _save(editor, here, editor.get(f"{here}/translations/en").text, ALL)
    with transaction(stage.engine) as session:
        draft = get_draft(session, stage.newsletter_id, int(here.rpartition("/")[2]))
        text = TOWN.replace("広場で遊びます。", "広場で楽しく遊びます。")
        save_draft(session, draft, read_markdown(text, source="test")[0], author="葵")
    page = editor.get(f"{here}/translations/en").text
    assert "広場で<ins>楽しく</ins>遊びます。" in page
    unit = next(each for each in unit_statuses(_issue(stage), "en") if each.state.value != "done")
    shown = fields_of(unit)

    data = {"unit": unit.unit.source, "seen": shown.seen, "body": shown.body, "confirmed": "1"}
    editor.post(f"{here}/translations/en", data=data | {"csrf": csrf_of(page)})

    assert {each.state.value for each in unit_statuses(_issue(stage), "en")} == {"done"}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("klingonese?", "is not a language"),
        ("日本語", "in this language"),
        ("", "is not a language"),
    ],
)
def test_what_is_no_other_language_is_refused(
    stage: Stage, sign_in: SignIn, here: str, language: str, words: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)

    refused = _add(editor, here, language)

    assert refused.status_code == 422
    assert words in refused.text
    assert _issue(stage).translations == ()


def test_a_part_for_some_is_named_by_its_readers_as_in_the_original(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    with transaction(stage.engine) as session:
        draft = get_draft(session, stage.newsletter_id, 1)
        part = '\n:::for language = "en"\n外国の方へ\n:::\n'
        issue = read_markdown(TOWN + part, source="test")[0]
        save_draft(session, draft, issue, author="葵")
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "英語")
    page = html.fromstring(editor.get(f"{here}/translations/en").text)
    (words,) = page.xpath("//*[@id='desk']/@data-condition-words")
    assert list(json.loads(words)) == ['language = "en"']
    assert json.loads(words)['language = "en"'] != 'language = "en"'


def test_a_translation_is_removed(stage: Stage, sign_in: SignIn, here: str) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    page = _add(editor, here, "en")

    editor.post(f"{here}/translations/en/remove", data={"csrf": csrf_of(page.text)})

    assert _issue(stage).translations == ()
    assert editor.get(f"{here}/translations/en").status_code == 404
