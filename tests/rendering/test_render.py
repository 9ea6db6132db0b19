"""An issue in a template: what readers see, and what template authors are told."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import TemplateError
from newsletter.issues.model import Issue
from newsletter.issues.sources import read_issue
from newsletter.language import Language
from newsletter.rendering.model import Publisher, RenderedIssue, Slot
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill
from newsletter.rendering.wrap import width, wrap
from newsletter.samples import sample_issue
from newsletter.settings import Settings

TEMPLATES = Settings(_env_file=None).templates_dir
PUBLISHER = Publisher(
    name="まちのデジタル便り",
    sender_name="まちのデジタル便り編集室",
    sender_address="digest@example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3",
)
URLS = {
    Slot.UNSUBSCRIBE_URL: "https://news.example.jp/u/token",
    Slot.PREFERENCES_URL: "https://news.example.jp/p/token",
    Slot.VIEW_URL: "https://news.example.jp/v/token",
}


def _render(issue: Issue, template: str = "digest", folder: Path = TEMPLATES) -> RenderedIssue:
    return render_issue(issue, template=template, templates_dir=folder, publisher=PUBLISHER)


@pytest.fixture(scope="module")
def real(hot_topics: bytes) -> RenderedIssue:
    return _render(read_issue(hot_topics, source="hot-topics").issue)


@pytest.fixture(scope="module")
def html(real: RenderedIssue) -> str:
    return fill(real.html, URLS)


@pytest.fixture(scope="module")
def text(real: RenderedIssue) -> str:
    return fill(real.text, URLS)


def test_the_real_digest_has_at_most_60_kb(html: str) -> None:
    assert len(html.encode()) <= 60_000


def test_the_language_is_said(html: str) -> None:
    assert '<html lang="ja"' in html


def test_the_contents_lead_to_their_items(html: str) -> None:
    targets = re.findall(r'href="#([^"]+)"', html)
    assert targets == ["c1", "c2", "c2-s1-i4", "c2-s2-i13", "c2-s3-i1"]
    assert all(f'id="{target}"' in html for target in targets)


def test_nothing_is_fetched_that_the_editor_did_not_choose(html: str) -> None:
    assert not re.findall(r"<(?:link|script|img|iframe)\b|@import|url\(", html)


def test_dark_mode_and_outlook_survive_the_inliner(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert "<!--[if mso" in html


@pytest.mark.parametrize("body", ["html", "text"])
def test_each_body_lets_its_reader_leave_and_names_the_sender(
    body: str, request: pytest.FixtureRequest
) -> None:
    shown: str = request.getfixturevalue(body)
    for wanted in (*URLS.values(), PUBLISHER.sender_name, PUBLISHER.postal_address):
        assert wanted in shown


def test_the_text_keeps_to_70_columns_but_for_urls(text: str) -> None:
    too_wide = [line for line in text.split("\n") if width(line) > 70]
    assert all(line.startswith("https://") for line in too_wide)


def test_marks_that_japanese_fonts_draw_wide_count_twice() -> None:
    assert width("■─…") == 6


def test_the_text_breaks_no_url(text: str) -> None:
    assert text.count("\nhttps://") == 25 + len(URLS)


def test_no_line_of_the_text_begins_with_a_mark_that_closes(text: str) -> None:
    assert not [line for line in text.split("\n") if line[:1] and line[0] in "、。」』)ー"]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("template", ["digest", "letter"])
def test_each_sample_comes_out_in_each_template(language: Language, template: str) -> None:
    issue = read_issue(sample_issue(language), source="sample").issue
    assert _render(issue, template).subject == (issue.title,)


def test_what_an_editor_types_is_never_markup() -> None:
    source = "---\ntitle: a < b & {{ 7*7 }}\ndate: 2026-11-20\n---\n# <script>x</script>\n\n1 < 2\n"
    html = fill(_render(read_issue(source.encode(), source="x").issue).html, URLS)
    assert "<script>" not in html
    assert "a &lt; b &amp; {{ 7*7 }}" in html


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<mj-column>", "<mj-colum>", r"digest/body\.mjml\.j2:\d+: MJML knows no <mj-colum>"),
        ("<mj-text css-class", "<mj-text css-clas", r"digest/body\.mjml\.j2:\d+: .*'css-clas'"),
        ("issue.lead | html", "issue.leed | html", r"digest/body\.mjml\.j2:\d+: .*leed"),
        ("issue.lead | html", "issue.lead | htlm", r"digest/body\.mjml\.j2:\d+: .*htlm"),
        ("{{ frame.footer(words) }}", "", r"loses"),
        ("{{ issue.lead | html }}", "", r"loses"),
        ("{{ issue.lead | html }}", "<b>", r"not well-formed"),
        ("{{ issue.lead | html }}", "{{ issue.__class__.__mro__ }}", r"unsafe|undefined|access"),
    ],
)
def test_a_faulty_template_is_named(folder: Path, before: str, after: str, message: str) -> None:
    path = folder / "email/digest/body.mjml.j2"
    source = path.read_text(encoding="utf-8")
    assert before in source
    path.write_text(source.replace(before, after, 1), encoding="utf-8")
    issue = read_issue(sample_issue(Language.JAPANESE), source="sample").issue
    with pytest.raises(TemplateError, match=message):
        _render(issue, folder=folder)


@given(st.text(alphabet="あ漢字、。「」ー abcXYZ(),", max_size=300))
def test_wrapping_changes_white_space_alone(words: str) -> None:
    assert "".join(wrap(words).split()) == "".join(words.split())
