"""Notices about subscriptions and accounts: the folder whose templates render them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import lxml.html
import pytest

from newsletter.i18n.language import Language
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.rendering.model import Slot
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
    body, sentences = folder / "body.txt.j2", folder / "confirmation" / "sentences.j2"
    body.write_text(f"{body.read_text()}\nWords of the body.\n")
    assert "Words of the body." in _text(tmp_path)
    sentences.write_text(f'{sentences.read_text()}{{% set advice = "Words of this one." %}}\n')
    assert "Words of this one." in _text(tmp_path)


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


_EVENTS = {
    NoticeTemplate.ACCOUNT_CHANGED: (
        "second-factor-on",
        "second-factor-off",
        "second-factor-reset",
        "password",
    ),
    NoticeTemplate.ADDRESS_CHANGED: ("changed", "undone"),
}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    ("template", "event"),
    [(template, event) for template in NoticeTemplate for event in _EVENTS.get(template, ("",))],
)
def test_html_and_text_of_a_notice_say_the_same(
    template: NoticeTemplate, event: str, language: Language
) -> None:
    draft = replace(
        _DRAFT,
        template=template,
        language=language,
        event=event,
        about="The issue",
        person="Hanako",
        words="Words of hers",
        facts=("To: 12", "At: 8:00"),
        until="noon",
    )
    rendered = render_notice(draft, templates_dir=TEMPLATES, action_url="https://example.jp/a")
    slots = {Slot.SUBSCRIBER_ADDRESS.value: "reader@example.jp"}
    card = lxml.html.fromstring(fill(rendered.html, slots)).xpath("//*[contains(@class,'card')]")[0]
    paragraphs = [each.text_content() for each in card.xpath(".//p[not(@class)]")]
    said = [_bare(each) for each in paragraphs if _bare(each) != _bare(card.xpath(".//a")[0].text)]
    text = fill(rendered.text, slots)
    body, _, _footer = text.partition(PUBLISHER.sender_name)
    told = _bare(body.replace("https://example.jp/a", "").rstrip("-─\n "))
    assert len(said) >= 2
    assert "".join(said) == told


def _bare(words: str) -> str:
    """Return text without the white space of its layout."""
    return "".join(words.split())


def test_a_reader_is_told_their_address_as_it_is_read() -> None:
    links = DeliveryLinks.leading_nowhere()
    rendered = render_notice(_DRAFT, templates_dir=TEMPLATES, action_url="https://example.jp/c/t")
    text = fill(rendered.text, links.slots(name="", address="info@xn--r8jz45g.jp"))
    assert "info@例え.jp" in text
    assert "xn--" not in text
