"""When the application fails, a person reads words, a program a status; no trace leaks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from newsletter.database.engine import open_engine
from newsletter.tokens import TokenSigner
from tests.support.ports import free_port
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


@pytest.fixture
def cut_off_site(_servers: None, tmp_path: Path) -> Iterator[str]:
    """A site whose database server is not running."""
    engine = open_engine(f"postgresql://news:secret@127.0.0.1:{free_port()}/news")
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path) as url:
        yield url
    engine.dispose()


def test_while_the_database_is_away_everybody_is_asked_to_come_again(cut_off_site: str) -> None:
    headers = {"accept": "text/html", "accept-language": "en"}
    pages = {path: httpx.get(f"{cut_off_site}{path}", headers=headers) for path in ("/home", "/")}
    program = httpx.get(f"{cut_off_site}/subscribe/digest")
    answers = (*pages.values(), program)
    assert {(one.status_code, one.headers["retry-after"]) for one in answers} == {(503, "60")}
    assert "The database cannot be used at the moment" in pages["/home"].text
    assert "Please try again in a minute" in pages["/"].text
    assert program.text == "Service Unavailable"


def test_what_is_not_there_is_told_to_each_in_its_form(broken_site: str) -> None:
    page = httpx.get(f"{broken_site}/nowhere", headers={"accept": "text/html"})
    data = httpx.get(f"{broken_site}/nowhere")
    assert (page.status_code, data.status_code) == (404, 404)
    assert "お探しのページは見つかりません" in page.text
    assert data.json() == {"detail": "Not Found"}
