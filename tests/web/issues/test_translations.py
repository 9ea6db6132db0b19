"""Translations of a draft on their pages: written beside the original, by several at once."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from httpx import Client, Response
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import DraftRow
from newsletter.database.vocabulary import Role
from newsletter.issues.drafts.saving import create_draft, get_draft, save_draft
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.translations import language_conditions, translated, unit_statuses
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

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
    data = {"csrf": csrf_of(page.text), "language": language}
    return editor.post(f"{here}/translations", data=data)


def _save(editor: Client, here: str, page: str, words: dict[str, tuple[str, str]]) -> Response:
    """Submit the form of a page with headings and bodies by the originals' headings."""
    body = [("csrf", csrf_of(page))]
    for section in page.split('<section class="unit"')[1:]:
        hidden = dict(re.findall(r'name="(unit|seen)" value="([^"]*)"', section))
        found = re.search(r'data-of="text">([^<]*)<', section)
        heading = found[1] if found else ""
        text, words_of = words.get(heading, ("", ""))
        body += [("unit", hidden["unit"]), ("seen", hidden["seen"]), ("text", text)]
        body.append(("body", words_of))
        for link in re.findall(r'name="link" value="([^"]*)"', section):
            body += [("link", link), ("label", "details" if text else "")]
    return editor.post(
        f"{here}/translations/en",
        content=urlencode(body),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )


ALL = {
    "町だより": ("Town news", ""),
    "催し": ("Events", ""),
    "子ども祭り": ("Festival", "On the **square**."),
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
    assert "3 of 3 parts" in saved.text
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
    assert sorted(states) == ["changed", "done", "done"]


def test_of_two_translators_the_second_is_shown_what_the_first_wrote(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text
    _save(editor, here, page, ALL)

    second = _save(editor, here, page, ALL | {"催し": ("What is on", "")})

    assert second.status_code == 422
    assert "Somebody else translated this part in the meantime: Events" in second.text
    assert 'value="What is on"' in second.text
    assert translated(_issue(stage), "en").chapters[0].heading == "Events"
    again = _save(editor, here, second.text, ALL | {"催し": ("What is on", "")})
    assert again.status_code == 200
    assert translated(_issue(stage), "en").chapters[0].heading == "What is on"


def test_a_part_that_cannot_be_read_is_named_and_the_others_are_saved(
    stage: Stage, sign_in: SignIn, here: str
) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    _add(editor, here, "en")
    page = editor.get(f"{here}/translations/en").text

    refused = _save(editor, here, page, ALL | {"子ども祭り": ("Festival", "# Not here")})

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


def test_a_translation_is_removed(stage: Stage, sign_in: SignIn, here: str) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    page = _add(editor, here, "en")

    editor.post(f"{here}/translations/en/remove", data={"csrf": csrf_of(page.text)})

    assert _issue(stage).translations == ()
    assert editor.get(f"{here}/translations/en").status_code == 404
