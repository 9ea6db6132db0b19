"""The guide for editors: what it says about Markdown is what the reader of Markdown accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from newsletter.i18n.language import Language
from newsletter.issues.markdown.reader import read_parts
from newsletter.issues.model import KINDS
from newsletter.web.guide import BLOCKS


def _kinds(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for each in value:
            yield from _kinds(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield getattr(value, "kind", type(value).__name__)
        for field in fields(value):
            yield from _kinds(getattr(value, field.name))


@pytest.mark.parametrize("language", Language)
def test_the_guide_has_an_example_of_all_that_can_be_written(language: Language) -> None:
    examples = [block.markdown.in_language(language) for block in BLOCKS]

    read = read_parts("\n\n".join(examples), source="guide")

    assert set(_kinds(read)) >= {*KINDS, "Chapter", "Section", "Item"}


@pytest.mark.parametrize("language", Language)
def test_no_sign_of_an_example_is_read_as_text(language: Language) -> None:
    for block in BLOCKS:
        markdown = block.markdown.in_language(language)

        read = repr(read_parts(markdown, source="guide"))

        assert not [sign for sign in (":::", "**", "~~", "+++", ":field", "![") if sign in read]
