"""A newsletter on SQLite alone, where a list is judged and the database matters not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from newsletter.database.engine import open_engine
from tests.support.stage import Stage, set_stage


@pytest.fixture
def sqlite_stage(sqlite_url: str) -> Iterator[Stage]:
    engine = open_engine(sqlite_url)
    yield set_stage(engine)
    engine.dispose()
