"""The pages of series: what is typed wrongly is told on the series' own page."""

from __future__ import annotations

import pytest

from newsletter.database.vocabulary import Role
from tests.support.series import begin_series
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


def test_a_day_that_is_none_is_told_on_the_page_of_the_series(
    stage: Stage, sign_in: SignIn
) -> None:
    begin_series(stage.engine)
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = client.get("/newsletters/digest/series/1")
    terms = {"csrf": csrf_of(page.text), "since": "tomorrow", "revision": "0"}

    answer = client.post("/newsletters/digest/series/1/enrol", data=terms)

    assert "“tomorrow” is not a date." in answer.text
    assert "ようこそ" in answer.text
    assert "Write it as 2026-12-01." in answer.text
