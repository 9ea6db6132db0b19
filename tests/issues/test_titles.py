"""Titles of links and pictures: ``[words](url "title")`` arrives in both bodies, and is kept."""

from __future__ import annotations

import re
from html import unescape

import pytest

from newsletter.issues.checks.content import check_issue
from newsletter.issues.markdown.reader import read_markdown
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.sources.form import read_sheet, to_sheet
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from tests.rendering.test_render import PUBLISHER, TEMPLATES, URLS

_TITLE = '6月1日から "受付" & <相談>'
_WRITTEN = _TITLE.replace('"', '\\"')


def _read(body: str) -> Issue:
    return read_markdown(f"---\ntitle: 題\ndate: 2026-11-01\n---\n\n{body}\n", source="typed")[0]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f'詳しくは[こちら](https://e.example/a "{_WRITTEN}")へ。', id="in a sentence"),
        pytest.param(f'# 章\n\n[こちら](https://e.example/a "{_WRITTEN}")', id="a link by itself"),
        pytest.param(f'# [章](https://e.example/a "{_WRITTEN}")\n\n文', id="in a heading"),
        pytest.param(f'### **[項目](https://e.example/a "{_WRITTEN}")**\n\n文', id="in a name"),
        pytest.param(f'[章][a]です\n\n[a]: https://e.example/a "{_WRITTEN}"', id="by a reference"),
        pytest.param(f'![図](https://e.example/a.png "{_WRITTEN}")', id="a picture"),
        pytest.param(
            f'[![図](https://e.example/a.png)](https://e.example/ "{_WRITTEN}")',
            id="a picture's link",
        ),
        pytest.param(
            f'[![図](https://e.example/a.png "図の題")](https://e.example/ "{_WRITTEN}")',
            id="a picture and its link",
        ),
        pytest.param(f'| 表 |\n|---|\n| [a](https://e.example/ "{_WRITTEN}") |', id="in a table"),
        pytest.param(f'注[^1]\n\n[^1]: [a](https://e.example/ "{_WRITTEN}")', id="in a note"),
        pytest.param(f'[a](https://e.example/ "{_WRITTEN.replace(" ", chr(10))}")', id="in lines"),
    ],
)
def test_a_title_arrives_in_both_bodies_and_stays_in_the_issue(body: str) -> None:
    issue = _read(body)
    rendered = render_issue(issue, template="letter", templates_dir=TEMPLATES, publisher=PUBLISHER)
    html, text = fill(rendered.html, URLS), fill(rendered.text, URLS)
    titles = [unescape(found) for found in re.findall(r'\stitle="([^"]*)"', html)]
    assert any(title.endswith(_TITLE) for title in titles)
    assert _TITLE.replace(" ", "") in re.sub(r"\s", "", text)
    assert read_markdown(to_markdown(issue), source="again")[0] == issue
    assert read_sheet(to_sheet(issue), issue, template="") == issue
    assert issue_from_json(issue_to_json(issue)) == issue


def test_a_title_that_says_what_the_words_say_is_none() -> None:
    assert _read('[a](https://e.example/ "a")') == _read("[a](https://e.example/)")


def test_an_issue_without_titles_is_kept_as_it_was_before_there_were_any() -> None:
    assert '"title"' not in repr(issue_to_json(_read("[a](https://e.example/) b"))["lead"])


def test_a_title_is_checked_like_other_words() -> None:
    findings = check_issue(_read('x [a](https://e.example/ "{{name}}")'))
    assert "placeholder" in {finding.code for finding in findings}
