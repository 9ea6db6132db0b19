"""An operator's orders from the page: each does what it says, asks why, and is written down."""

from __future__ import annotations

from newsletter.database.vocabulary import Role
from tests.sending_pages.conftest import SignIn


def test_x(sign_in: SignIn) -> None:
    page = sign_in("operator@example.jp", Role.OPERATOR).get("/operate")
    assert page.status_code == 200, page.text
