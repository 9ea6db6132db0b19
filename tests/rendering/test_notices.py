"""Mails of joining and of accounts: whose templates they are rendered with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.i18n.language import Language
from newsletter.rendering.notices import NoticeDraft, NoticeTemplate, render_notice
from newsletter.rendering.slots import fill
from tests.rendering.test_render import PUBLISHER, TEMPLATES

_DRAFT = NoticeDraft(
    template=NoticeTemplate.CONFIRMATION,
    language=Language.ENGLISH,
    publisher=PUBLISHER,
    days=7,
    event="subscribe",
)


def _text(folder: Path) -> str:
    rendered = render_notice(_DRAFT, templates_dir=folder, action_url="https://example.jp/c/t")
    return fill(rendered.text, {})


def test_a_template_written_anew_holds_from_the_next_mail_on(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES / "email", tmp_path / "email")
    _text(tmp_path)
    folder = tmp_path / "email" / "_notice"
    body, frame = folder / "confirmation" / "body.txt.j2", folder / "frame.txt.j2"
    body.write_text(f"{body.read_text()}\nWords of the body.\n")
    assert "Words of the body." in _text(tmp_path)
    frame.write_text(
        frame.read_text().replace("{% endmacro %}", "Words of the frame.\n{% endmacro %}")
    )
    assert "Words of the frame." in _text(tmp_path)


def test_a_folder_without_these_mails_sends_the_product_s(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES / "email" / "letter", tmp_path / "email" / "mine")
    assert _text(tmp_path) == _text(TEMPLATES)


@pytest.mark.parametrize(
    "template",
    [
        NoticeTemplate.APPROVAL_REQUEST,
        NoticeTemplate.APPROVAL_GIVEN,
        NoticeTemplate.APPROVAL_RETURNED,
        NoticeTemplate.COMMENTS,
    ],
)
def test_what_people_wrote_is_escaped_in_html_and_as_it_is_in_text(
    template: NoticeTemplate,
) -> None:
    draft = replace(_DRAFT, template=template, person="<b>A</b>", about="R&D", words="1 < 2")
    rendered = render_notice(draft, templates_dir=TEMPLATES, action_url="https://example.jp/a")
    html, text = fill(rendered.html, {}), fill(rendered.text, {})
    assert "<b>A</b>" in text
    assert "R&D" in text
    assert "&lt;b&gt;A&lt;/b&gt;" in html
    assert "R&amp;D" in html
    if template in {NoticeTemplate.APPROVAL_RETURNED, NoticeTemplate.COMMENTS}:
        assert "1 < 2" in text
        assert "1 &lt; 2" in html
