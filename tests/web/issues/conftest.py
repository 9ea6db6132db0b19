"""A newsletter, its pages, and an editor signed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from newsletter.database.engine import open_engine
from newsletter.tokens import TokenSigner
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.issues.desk import Desk


@pytest.fixture
def desk(_servers: None, sqlite_url: str, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine(sqlite_url)
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as url:
        yield Desk(engine=engine, url=url)
    engine.dispose()


@pytest.fixture
def page(desk: Desk, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en")
    opened = context.new_page()
    desk.sign_in(opened)
    yield opened
    context.close()
