"""When the application fails, a person reads words, a program a status; no trace leaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from newsletter.database.engine import open_engine
from newsletter.tokens import TokenSigner
from tests.support.site import serving


@pytest.fixture
def broken_site(_servers: None, tmp_path: Path) -> Iterator[str]:
    """A site whose database lacks every table."""
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path) as url:
        yield url
    engine.dispose()


def test_a_person_is_told_in_their_language(broken_site: str) -> None:
    headers = {"accept": "text/html", "accept-language": "en"}
    answer = httpx.get(broken_site, headers=headers)
    assert answer.status_code == 500
    assert "Sorry, something went wrong" in answer.text
    assert "Traceback" not in answer.text
    assert "sqlite" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_program_gets_the_status_alone(broken_site: str) -> None:
    answer = httpx.get(broken_site)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_what_is_not_there_is_told_to_each_in_its_form(broken_site: str) -> None:
    page = httpx.get(f"{broken_site}/nowhere", headers={"accept": "text/html"})
    data = httpx.get(f"{broken_site}/nowhere")
    assert (page.status_code, data.status_code) == (404, 404)
    assert "お探しのページは見つかりません" in page.text
    assert data.json() == {"detail": "Not Found"}
