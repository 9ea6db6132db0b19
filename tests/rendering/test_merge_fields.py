"""Values inside the text of an issue that differ between readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.errors import ContentError
from newsletter.issues.markdown.reader import read_markdown
from newsletter.rendering.model import Publisher, RenderedIssue, Slot, SlotUse
from newsletter.rendering.preflight import run_preflight
from newsletter.rendering.render import render_issue
from newsletter.rendering.slots import fill

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
PUBLISHER = Publisher(
    name="便り", sender_name="町", sender_address="a@example.jp", postal_address="東京都1-1"
)
HEAD = "---\ntitle: 題\ndate: 2026-12-01\n---\n\n"


def _render(body: str, template: str = "digest") -> RenderedIssue:
    issue, _ = read_markdown(HEAD + body, source="typed")
    return render_issue(issue, template=template, templates_dir=TEMPLATES, publisher=PUBLISHER)


@pytest.mark.parametrize("template", ["digest", "letter"])
def test_a_field_is_the_readers_name_or_else_its_fallback(template: str) -> None:
    rendered = _render("**:field[name|読者]様**、こんにちは。", template)

    named = {Slot.SUBSCRIBER_NAME.value: "<山田> & 子"}
    assert "&lt;山田&gt; &amp; 子様" in fill(rendered.html, named)
    assert "<山田> & 子様、こんにちは。" in fill(rendered.text, named)
    for body in (rendered.html, rendered.text):
        for values in ({}, {Slot.SUBSCRIBER_NAME.value: ""}):
            assert "読者様" in fill(body, values)


def test_one_frame_serves_all_readers() -> None:
    rendered = _render("一 :field[name|甲] 二 :field[name|乙]")

    fallbacks = [
        part.fallback
        for part in rendered.text
        if isinstance(part, SlotUse) and part.slot == Slot.SUBSCRIBER_NAME
    ]
    assert fallbacks == ["甲", "乙"]


def test_an_inbox_shows_the_fallback_ahead_of_the_mail() -> None:
    preheader = fill(_render(":field[name|皆]さま、" + "本文です。" * 30).html, {}).split("<body")[
        1
    ]

    assert "皆さま、本文です。" in preheader[:800]


def test_a_line_with_a_field_is_wrapped_as_if_a_name_stood_there() -> None:
    rendered = _render("あ" * 20 + ":field[name|読者]" + "い" * 25)

    lines = fill(rendered.text, {}).split("\n")
    assert next(line for line in lines if line.startswith("あ")) == "あ" * 20 + "読者" + "い" * 11


@pytest.mark.parametrize("text", ["{{name}}", "{{ name|読者 }}", r":field\[name|読者]", "[name]"])
def test_braces_and_other_signs_are_text_as_typed(text: str) -> None:
    shown = fill(_render(text).text, {Slot.SUBSCRIBER_NAME.value: "山田"})

    assert text.replace("\\", "") in shown
    assert "山田" not in shown


@pytest.mark.parametrize("text", [":field[", ":field[]", ":field[name", ":field[a b|c]"])
def test_a_malformed_field_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ContentError) as raised:
        read_markdown(f"{HEAD}前文\n\n{text}", source="typed")

    assert raised.value.place is not None
    assert raised.value.place.line == 8


def test_a_name_without_a_fallback_is_told_once_at_its_place() -> None:
    issue, _ = read_markdown(f"{HEAD}:field[name|]様、こんにちは。\n", source="typed")

    found = run_preflight(issue, template="digest", templates_dir=TEMPLATES, publisher=PUBLISHER)

    codes = [each.code for each in found.findings]
    assert codes.count("field-fallback") == 1
    assert "slot-name" not in codes
