"""What a session's browser is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.accounts.sessions import name_browser
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message

_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15"
)


@pytest.mark.parametrize(
    ("user_agent", "english", "japanese"),
    [
        (_FIREFOX, "Firefox on Windows", "Firefox（Windows）"),
        (_SAFARI, "Safari on macOS", "Safari（macOS）"),
        (_FIREFOX[:30], "Windows", "Windows"),
        ("", "", ""),
    ],
)
def test_a_browser_is_named_with_its_system(user_agent: str, english: str, japanese: str) -> None:
    name = name_browser(user_agent)
    if isinstance(name, Message):
        assert name.in_language(Language.ENGLISH) == english
        assert name.in_language(Language.JAPANESE) == japanese
    else:
        assert name == english == japanese


@given(st.text(max_size=200))
def test_whatever_a_browser_says_of_itself_is_read(user_agent: str) -> None:
    name = name_browser(user_agent)
    assert isinstance(name, (str, Message))
