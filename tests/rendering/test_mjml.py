"""MJML to HTML: readers' programs get exactly what the template's author wrote."""

from __future__ import annotations

import re
import socket
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import TemplateError
from newsletter.rendering.mjml import compile_mjml
from tests.support.examples import examples

#: All characters allowed in an XML 1.0 document, in the Basic Multilingual Plane.
PLANE = "".join(
    chr(code)
    for code in (*range(0x20, 0xD800), *range(0xE000, 0xFFFE))
    if not 0x7F <= code < 0xA0  # controls, which readers of HTML take for letters of Windows
)
SEQUENCES = [
    "👩\u200d👩\u200d👧\u200d👦 ☀\ufe0f 🇯🇵 👍🏽",
    "葛\U000e0100飾区・辻\U000e0101さん",
    "か\u3099き\u3099 ハ\u309a é",
    "C:\\new\\tab \"引用\" '一' `x` {{ y }}",
    "一行目\n二行目\r\n\t三行目",
    "  前後に空白\u3000\u00a0 ",
    "q0123456789abcdefx0x slot0123456789abcdefx0x",
    "</mj-image> --> <!-- &amp; &copy &region=1 &#x3042;",
    "$1 \\1 \\g<0> %s {0} \\u{3000}",
]
ATTRIBUTES = {"alt": "img", "title": "a", "aria-label": "span", "href": "a"}


class _Elements(HTMLParser):
    """Collects start tags as HTML parsers see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _html(column: str, *, head: str = "", section: str = "") -> str:
    text = (
        f'<mjml lang="ja"><mj-head>{head}</mj-head><mj-body><mj-section{section}><mj-column>'
        f"{column}</mj-column></mj-section></mj-body></mjml>"
    )
    return compile_mjml(text, template="t")


def _elements(html: str, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in _Elements(html).found if name == tag]


def _body(html: str) -> str:
    return re.sub(r"<!--.*?-->", "", html[html.index("<body") :], flags=re.DOTALL)


def _read_back(value: str) -> set[str | None]:
    """Pass a value through every kind of attribute, and return the results."""
    written = escape(value, quote=True).replace("\n", "&#10;").replace("\r", "&#13;")
    html = _html(
        f'<mj-image src="https://example.jp/a.png" alt="{written}" title="{written}" '
        f'href="{written}" />'
        f'<mj-button href="{written}" title="{written}">押す</mj-button>'
        f'<mj-text><a href="{written}" title="{written}"><span aria-label="{written}">読む</span>'
        f'<img src="{written}" alt="{written}" /></a></mj-text>'
    )
    names = {"alt", "title", "href", "aria-label"}
    return {
        value
        for tag, attributes in _Elements(html).found
        for name, value in attributes.items()
        if name in names and tag in {"a", "img", "span"}
    }


def test_every_letter_survives_in_every_attribute() -> None:
    assert _read_back(PLANE) == {PLANE}


@pytest.mark.parametrize("value", SEQUENCES)
def test_sequences_of_letters_survive_in_every_attribute(value: str) -> None:
    assert _read_back(value) == {value}


@settings(max_examples=examples(25))
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_text_survives_in_every_attribute(value: str) -> None:
    assert _read_back(value) == {value}


def test_words_stay_as_they_are_written() -> None:
    html = _html("<mj-text><p>一\u00a0二\u3000三&nbsp;四&copy;五&hearts;R&D A&B=東</p></mj-text>")

    assert "一\u00a0二\u3000三\u00a0四©五♥R&amp;D A&amp;B=東" in html.replace("&nbsp;", "\u00a0")


def test_a_no_break_space_between_tags_survives_a_line_end() -> None:
    html = _html("<mj-text><b>一</b>\u00a0\n<b>二</b>\n\u3000<b>三</b></mj-text>")

    assert "<b>一</b>\u00a0\n<b>二</b>\n\u3000<b>三</b>" in html.replace("&nbsp;", "\u00a0")


def test_a_style_over_several_lines_keeps_all_its_declarations() -> None:
    style = (
        "\n  color: #123456; /* 色 */\n  font-family:\n    '游ゴシック', sans-serif;\n  margin:0\n"
    )
    html = _html(f'<mj-text><p class="x" style="{style}">一</p></mj-text>')
    merged = _html(
        f'<mj-text><p class="x" style="{style}">一</p></mj-text>',
        head='<mj-style inline="inline">.x {\n  color: red;\n  font-size: 15px !important; }'
        "</mj-style>",
    )

    (plain,), (with_sheet,) = _elements(html, "p"), _elements(merged, "p")
    for found in (plain["style"] or "", with_sheet["style"] or ""):
        compact = re.sub(r"([:,;]) ", r"\1", found).replace('"', "'")
        for wanted in ("color:#123456", "font-family:'游ゴシック',sans-serif", "margin:0"):
            assert wanted in compact
    assert "font-size:15px !important" in (with_sheet["style"] or "")
    assert "色" not in html


def test_a_sheet_is_inlined_where_it_asks_for_it_and_no_other() -> None:
    html = _html(
        '<mj-text><p class="a b">一</p></mj-text>',
        head='<mj-style inline="inline">.a { color: #123456 } @media (max-width: 400px) '
        "{ .a { color: #222222 !important } } .a:hover { color: #333333 }</mj-style>"
        "<mj-style>* { box-sizing: border-box } :root { color-scheme: light dark } "
        ".b { color: #444444 } /* 内緒 */ .b::before { content: '「' }</mj-style>",
    )

    (paragraph,) = _elements(html, "p")
    assert paragraph["style"] == "color:#123456"
    for kept in ("#222 !important", "#333", "box-sizing", ":root", ".b { color: #444444 }"):
        assert kept in html
    assert "content: '「'" in html
    assert "内緒" not in html
    assert "data-premailer" not in html


def test_the_document_says_its_type_so_that_browsers_lay_it_out_by_the_standard() -> None:
    assert _html("<mj-text>一</mj-text>").startswith("<!DOCTYPE html>")


def test_no_placeholder_remains_in_the_html() -> None:
    html = _html(
        '<mj-text css-class="見出し" font-family="游ゴシック">一</mj-text>',
        head='<mj-title>「題」 &amp; "x"</mj-title><mj-preview>予告\u3000文</mj-preview>',
        section=' background-url="https://example.jp/図.png" css-class="帯"',
    )

    assert not re.search(r"q[0-9a-f]{16}x", html)
    assert "url('https://example.jp/図.png')" in html
    assert 'aria-label="「題」 &amp; &quot;x&quot;"' in html


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("\n<mj-txt>一</mj-txt>", r"t:2: MJML has no <mj-txt>\. Did you mean <mj-text>"),
        ("<mj-text\n colour='red'>一</mj-text>", r"t:2: .*no attribute “colour”.*“color”"),
        ("<mj-text>\n\n<b>一</mj-text>", r"t:3: .*<b> is never closed"),
        ("<mj-text>一\n</div></mj-text>", r"t:2: .*</div> has no start tag"),
        ("<mj-text><b>一</i></b></mj-text>", r"t:1: .*</i> is where <b>"),
        ("\n<p>一</p>", r"t:2: MJML has no <p>"),
        ("\n一", r"t:2: The text “一” is directly in <mj-column>"),
        ("<mj-column></mj-column>", r"<mj-column> is not allowed in <mj-column>"),
        ("\n<mj-include path='a.mjml' />", r"t:2: <mj-include> is not read"),
        ("<mj-text>一", r"<mj-text> is never closed"),
        ("</mj-column>", r"</mj-column>|</mj-section>"),
    ],
)
def test_a_fault_is_named_with_its_line(column: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        _html(column)


@pytest.mark.parametrize(
    "text",
    ["<br>", "<p>一<p>二", "<ul><li>一<li>二</ul>", "1 < 2 & 3 > 2", "<img src=a.png alt=b>"],
)
def test_what_html_allows_is_taken(text: str) -> None:
    assert "<body" in _html(f"<mj-text>{text}</mj-text>")


def test_html_attributes_are_set_by_selector() -> None:
    html = _html(
        '<mj-text css-class="lead">一</mj-text>',
        head='<mj-html-attributes><mj-selector path=".lead div"><mj-html-attribute name="data-id">'
        "四十二 &amp; 1</mj-html-attribute></mj-selector></mj-html-attributes>",
    )

    assert [div["data-id"] for div in _elements(html, "div") if "data-id" in div] == ["四十二 & 1"]


@pytest.mark.usefixtures("_servers")
@pytest.mark.parametrize("written", ["@import", "@\\69mport"])
def test_no_import_of_an_inlined_sheet_is_fetched(written: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.css"
        html = _html(
            "<mj-text>一</mj-text>",
            head=f'<mj-style inline="inline">{written} url("{address}");p {{ top: 0 }}</mj-style>',
        )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "127.0.0.1" not in html


def test_a_web_font_is_asked_for_where_a_template_names_one() -> None:
    html = _html(
        '<mj-text font-family="Klee One, serif">一</mj-text>',
        head='<mj-font name="Klee One" href="https://fonts.example/css?family=Klee+One&amp;a=1" />',
    )

    assert "@import url(https://fonts.example/css?family=Klee+One&a=1);" in html
    assert "fonts.example" not in _html(
        "<mj-text>一</mj-text>", head='<mj-font name="Klee One" href="https://fonts.example/" />'
    ), "a font that nothing uses"
    with pytest.raises(TemplateError, match="no web address"):
        _html("<mj-text>一</mj-text>", head='<mj-font name="x" href="javascript:x" />')


def test_each_menu_has_a_button_of_its_own() -> None:
    menu = (
        '<mj-navbar hamburger="hamburger"><mj-navbar-link href="/a">一</mj-navbar-link></mj-navbar>'
    )
    html = _html(menu + menu)

    identifiers = [box["id"] for box in _elements(html, "input")]
    assert len(set(identifiers)) == len(identifiers) == 2
    assert [label["for"] for label in _elements(html, "label")] == identifiers


def test_conditional_comments_are_kept_and_others_removed() -> None:
    html = _html(
        "<mj-text>一</mj-text><!-- 覚え書き --><!--[if mso]><tr><td>二</td></tr><![endif]-->"
    )

    assert "覚え書き" not in html
    assert "<!--[if mso]><tr><td>二</td></tr><![endif]-->" in html


def test_what_a_sheet_says_with_more_weight_wins_over_an_elements_own_style() -> None:
    html = _html(
        '<mj-text><a href="#x" style="color: red; background: url(\'a;b\'); margin: 0">一</a>'
        "</mj-text>",
        head='<mj-style inline="inline">a { color: #0b5cad !important; margin: 3px }</mj-style>',
    )
    (link,) = _elements(html, "a")
    style = re.sub(r"\s", "", link["style"] or "")
    assert "color:#0b5cad!important" in style
    assert "color:red" not in style
    assert "margin:0" in style
    assert "a;b" in style


def test_defaults_hold_for_the_body_and_within_accordions() -> None:
    accordion = (
        "<mj-accordion><mj-accordion-element><mj-accordion-title>問い</mj-accordion-title>"
        "<mj-accordion-text>答え</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    html = _html(
        accordion,
        head='<mj-attributes><mj-body background-color="#abcdef" />'
        '<mj-accordion-element icon-wrapped-url="https://example.jp/plus.png" /></mj-attributes>',
    )
    assert re.search(r"<body[^>]*background-color:#abcdef", html)
    assert "https://example.jp/plus.png" in [image["src"] for image in _elements(html, "img")]


@pytest.mark.parametrize(
    ("inner", "head", "message"),
    [
        ("<mj-social>\n<mj-raw><b>x</b></mj-raw></mj-social>", "", r"t:2: HTML inside <mj-social>"),
        ("<mj-carousel></mj-carousel>\n<mj-carousel></mj-carousel>", "", r"t:2: .*one <mj-car"),
        (
            "",
            '<mj-attributes><mj-class name="a"><mj-text color="red" /></mj-class></mj-attributes>',
            "inside <mj-class> are ignored",
        ),
        ("", '<mj-raw position="file-start">x</mj-raw>', "Only a comment"),
        (
            "",
            (
                '<mj-html-attributes><mj-selector path="]"><mj-html-attribute name="x" />'
                "</mj-selector></mj-html-attributes>"
            ),
            "not a CSS selector",
        ),
    ],
)
def test_what_cannot_be_done_here_is_said_with_a_remedy(
    inner: str, head: str, message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        _html(inner, head=head)
