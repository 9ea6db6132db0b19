"""Inlining styles once for each kind of element gives the same result as for each element."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from newsletter.rendering.contrast import can_condense
from newsletter.rendering.inlining import inline_sheets
from tests.support.examples import examples

pytestmark = pytest.mark.unit

_CLASSES = ("body", "link", "small", "card", "body small")
_SELECTORS = (
    "p", ".body", ".card .link", ".card > p", "div p a", "*", ".small, li", "td.body", "#top", "a",
)  # fmt: skip
_BLOCKS = ("color: red", "margin: 0 0 4px", "color: blue !important", "font: 12px/1.5 serif")
_SHEETS = st.lists(
    st.tuples(st.sampled_from(_SELECTORS), st.sampled_from(_BLOCKS)), min_size=1, max_size=8
).map(lambda rules: "\n".join(f"{selector} {{ {block} }}" for selector, block in rules))


def _element(tag: str, attributes: dict[str, str], inner: list[str]) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{given}>{''.join(inner)}</{tag}>"


_TREES = st.recursive(
    st.sampled_from(["words", "<!-- a comment --> behind it", "<br>"]),
    lambda inner: st.builds(
        _element,
        st.sampled_from(["div", "span", "b"]),
        st.fixed_dictionaries(
            {},
            optional={
                "class": st.sampled_from(_CLASSES),
                "style": st.sampled_from(["color: green", "padding: 0"]),
                "id": st.sampled_from(["top", "c1"]),
                "title": st.just("t"),
            },
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


def _inlined(sheet: str, body: str, *, by_kind: bool) -> str:
    head = f"<head><style>{sheet}</style></head>"
    tree = lxml_html.document_fromstring(f"<html>{head}<body>{body}</body></html>")
    inline_sheets(tree, by_kind=by_kind)
    return str(etree.tostring(tree, method="html", encoding="unicode"))


@given(_SHEETS, st.lists(_TREES, max_size=6).map("".join))
@settings(max_examples=examples(60))
def test_each_element_gets_what_it_would_get_by_itself(sheet: str, body: str) -> None:
    assert _inlined(sheet, body, by_kind=True) == _inlined(sheet, body, by_kind=False)


@pytest.mark.parametrize(
    "selector",
    ["p:first-child", "p + p", "p ~ p", "[title] p", "p:nth-child(2)", "a:not(.link)"],
)
def test_a_selector_that_tells_neighbours_apart_is_heeded(selector: str) -> None:
    body = '<p>one</p><p title="t">two</p><div title="t"><p>three</p></div>'
    sheet = f"{selector} {{ color: red }}"

    assert not can_condense([selector])
    assert _inlined(sheet, body, by_kind=True) == _inlined(sheet, body, by_kind=False)
