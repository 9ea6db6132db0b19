"""Rendering requests nothing from other hosts, whatever a template links to."""

from __future__ import annotations

import socket

import pytest
from lxml import html as lxml_html

from newsletter.rendering.inlining import apply_important, inline_styles
from tests.support.growth import assert_linear

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    "without_end",
    [
        "/*" + "*" * 400,
        "b { background: url('" + r"q\caa" * 100,
        "b { background: u\\072\nl('" + r"q\caa" * 100,
        'b { content: "' + r"q\caa" * 100,
    ],
)
def test_an_unclosed_style_sheet_takes_no_longer_than_another(without_end: str) -> None:
    html = (
        f"<html><head><style>p {{ color: red }} {without_end}</style></head><body><p>a</p></body>"
    )
    assert '<p style="color:red">a</p>' in inline_styles(html, ())


def test_an_unclosed_style_takes_no_longer_than_another() -> None:
    style = "margin:0;/*" + "*" * 400
    html = (
        f"<html><head><style>p{{top:0}}</style></head><body><p style='{style}'>a</p></body></html>"
    )
    assert "margin:0" in inline_styles(html, ())


def test_what_a_string_or_an_escape_says_is_kept() -> None:
    sheet = r"""/* a "b */ p { font-family: "A /* B", 'C\'D'; background: url("x\29.png") }"""
    html = f"<html><head><style>{sheet}</style></head><body><p>a</p></body>"
    written = inline_styles(html, ())
    assert all(part in written for part in ("A /* B", "C'D", "url(&quot;x).png&quot;)"))


def test_a_linked_style_sheet_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.css"
        html = f'<html><head><link rel="stylesheet" href="{address}"></head><body>a</body></html>'
        assert "a" in inline_styles(html, ())
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("sign", ["a", "@", "@a{"])
def test_a_sheet_that_never_ends_is_read_in_time_that_grows_as_it_does(sign: str) -> None:
    def make(length: int) -> lxml_html.HtmlElement:
        sheet = f"a{{color:red !important}} {sign * (length // len(sign))}"
        return lxml_html.fromstring(
            f"<html><head><style>{sheet}</style></head><body>a</body></html>"
        )

    assert_linear(apply_important, make, size=32_000)
