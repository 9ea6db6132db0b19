"""What every page has: where one is, as the navigation shows it, and sentences behind another."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg
from newsletter.web.pages import ENTRIES, environment_of, is_current


def _shown(tmp_path: Path, template: str, language: Language, **values: str) -> str:
    (tmp_path / "page.html").write_text(template)
    return environment_of((tmp_path,), language).get_template("page.html").render(**values)


_TWO = """<p>
  {% if first %}
    {{ first }}
  {% endif %}
  {{ second }}
</p>"""


def test_japanese_sentences_stand_without_a_space_between_them(tmp_path: Path) -> None:
    shown = _shown(
        tmp_path, _TWO, Language.JAPANESE, first="保存しました。", second="送信できます。"
    )
    assert "保存しました。送信できます。" in shown


def test_english_sentences_keep_their_space(tmp_path: Path) -> None:
    shown = _shown(tmp_path, _TWO, Language.ENGLISH, first="It is saved.", second="Send it.")
    assert shown.split() == ["<p>", "It", "is", "saved.", "Send", "it.", "</p>"]


def test_what_is_set_in_bold_goes_on_with_the_sentence(tmp_path: Path) -> None:
    template = "{{ lead }}\n  <strong>{{ second }}</strong>"
    shown = _shown(tmp_path, template, Language.JAPANESE, lead="決定日時：", second="20:11")
    assert shown == "決定日時：<strong>20:11</strong>"


@pytest.mark.parametrize(
    ("language", "words"),
    [(Language.ENGLISH, "Choose a role."), (Language.JAPANESE, "権限を選んでください。")],
)
def test_an_error_is_worded_in_the_language_of_the_page_that_shows_it(
    tmp_path: Path, language: Language, words: str
) -> None:
    (tmp_path / "macros.html").write_text("{% macro say(words) %}{{ words }}{% endmacro %}")
    (tmp_path / "page.html").write_text(
        '{% import "macros.html" as ui %}{{ ui.say(error) }}|{{ error.message }}|{{ missing }}'
    )
    page = environment_of((tmp_path,), language).get_template("page.html")
    assert page.render(error=ListError(msg("Choose a role.")), missing=None) == f"{words}|{words}|"


@pytest.mark.parametrize(
    "template",
    [
        "{{ first }} <a>{{ second }}</a>",
        "{{ first }}\n{{ second }}",
        "<textarea>{{ first }}</textarea> {{ second }}",
        "{{ second }} {{ second }}",
    ],
    ids=["a link", "a line of its own", "a field", "two names"],
)
def test_other_blanks_stay(tmp_path: Path, template: str) -> None:
    values = {"first": "一行目。  二行目。", "second": "青山 みどり"}
    shown = _shown(tmp_path, template, Language.JAPANESE, **values)
    expected = template
    for name, value in values.items():
        expected = expected.replace("{{ " + name + " }}", value)
    assert shown == expected


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/newsletters/digest/issues", "/newsletters"),
        ("/newsletters/digest/issues/3/send", "/newsletters"),
        ("/newsletters/digest/mailings/4", "/mailings"),
        ("/newsletters/digest/subscribers", "/subscribers"),
        ("/newsletters/digest/subscribers/5", "/subscribers"),
        ("/bounces/7", "/bounces"),
        ("/operate/suppressions", "/operate"),
    ],
)
def test_one_entry_is_shown_as_the_present_one(path: str, entry: str) -> None:
    assert [each.path for each in ENTRIES if is_current(each, path)] == [entry]
