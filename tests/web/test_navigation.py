"""Where a signed-in person is, as the navigation shows it."""

from __future__ import annotations

import pytest

from newsletter.web.navigation import ENTRIES, is_current


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/newsletters/digest/issues", "/newsletters"),
        ("/newsletters/digest/issues/3/send", "/newsletters"),
        ("/newsletters/digest/mailings/4", "/mailings"),
        ("/newsletters/digest/subscribers", "/subscribers"),
        ("/newsletters/digest/subscribers/5", "/subscribers"),
        ("/bounces/7", "/bounces"),
        ("/operate/suppressions", "/operate"),
    ],
)
def test_one_entry_is_shown_as_the_present_one(path: str, entry: str) -> None:
    assert [each.path for each in ENTRIES if is_current(each, path)] == [entry]
