"""Texts of strangers in one normal form."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from itertools import count

import pytest

from newsletter.bounces.webhooks.sns import is_amazon_url
from newsletter.database.folding import fold_text
from newsletter.i18n.normal_form import normal_form, split_url
from newsletter.issues.wording import file_name
from newsletter.rendering.html import short_url
from subscribers.lists.words.column_names import mark_of
from tests.support.growth import assert_linear


@pytest.mark.parametrize("heap", ["\u0315\u0300", "\u0344\u0315", "\u0f73\u0300", "\uff9e\u0300"])
def test_marks_in_heaps_cost_no_more_than_letters(heap: str) -> None:
    assert_linear(normal_form, lambda size: "a" + heap * size, size=8_000)


_NUMBERS = count()


def _as_certificate(text: str) -> bool:
    """Ask of another address each time: the library remembers how it split one."""
    return is_amazon_url(f"https://{next(_NUMBERS)}{text}")


@pytest.mark.parametrize("read", [fold_text, mark_of, _as_certificate])
def test_nor_do_they_where_a_search_a_list_or_a_webhook_brings_them(
    read: Callable[[str], object],
) -> None:
    assert_linear(read, lambda size: "a" + "\u0315\u0300" * size, size=8_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ＡＢＣ１２３",
        "ｶﾞｷﾞｸﾞｹﾞｺﾞ" * 10,
        "が" * 100,
        "Việt Nam, tiếng Việt " * 5,
        "a" + "\u0300" * 30 + "b" + "\u0301" * 30,
        "நன்றி ขอบคุณ ধন্যবাদ" * 5,
    ],
    ids=range(7),
)
def test_what_people_write_is_in_the_normal_form_of_unicode(text: str) -> None:
    assert normal_form(text) == unicodedata.normalize("NFKC", text)


def test_of_a_heap_of_marks_the_letters_around_it_stay() -> None:
    assert normal_form("a" + "\u0315" * 100 + "b") == "a" + "\u0315" * 30 + "b"


def test_every_letter_that_becomes_a_mark_is_counted_as_one() -> None:
    """A version of Unicode that has more of them fails here."""
    letters = map(chr, range(sys.maxunicode + 1))
    first = ((each, unicodedata.normalize("NFKD", each)[0]) for each in letters)
    marks = [each for each, becomes in first if unicodedata.combining(becomes)]
    assert all(len(normal_form("a" + each * 200)) <= 1 + 4 * 30 for each in marks)


@pytest.mark.parametrize("heap", ["\u0315\u0300", "\uff9e\u0300"])
def test_an_address_with_marks_in_heaps_is_none(heap: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        split_url("https://a" + heap * 1_000)
    written = "https://a" + heap * 100_000
    assert short_url(written) == file_name(written) == written


def test_an_address_with_a_host_of_any_script_has_its_parts() -> None:
    assert split_url("https://例え.jp/ガイド?q=が").hostname == "例え.jp"
