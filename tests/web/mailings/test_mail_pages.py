"""Mail as a page: what of it would tell the page's address to others."""

from __future__ import annotations

import pytest

from newsletter.web.mailings.archive import mail_page

_HEAD = (
    '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><meta charset="utf-8" />'
)


def _page(head: str, body: str = "") -> str:
    answer = mail_page(f"<html><head>{head}</head><body>{body}</body></html>")
    return bytes(answer.body).decode()


@pytest.mark.parametrize(
    "meta",
    [
        '<meta name="referrer" content="unsafe-url">',
        '<META NAME="&#114;eferrer" content="unsafe-url">',
        '<meta name="viewport" content="x" http-equiv="refresh">',
        '<meta http-equiv="refresh" content="0;url=https://other.example">',
        "<meta/name=referrer/content=unsafe-url>",
        '<me<meta x>ta name="referrer" content="unsafe-url">',
    ],
)
def test_a_mails_page_keeps_what_says_how_it_is_written_and_no_other_meta(meta: str) -> None:
    page = _page(_HEAD + meta)
    assert _HEAD in page
    assert page.count("<meta") == _HEAD.count("<meta")
    assert "<META" not in page


def test_a_picture_of_a_mails_page_is_not_told_where_it_stands() -> None:
    page = _page("", '<img referrerPolicy = "unsafe-url" src="https://other.example/a.gif">')
    assert 'referrerPolicy &#61; "unsafe-url"' in page
