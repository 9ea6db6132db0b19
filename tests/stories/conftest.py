"""One house for all stories: each of them brings a newsletter of its own.

It stands on PostgreSQL; with SOAK=1 there is one on each database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stories.house import House, opened_house
from tests.support.postgres import PostgresServer
from tests.support.soak import SOAK


@pytest.fixture(scope="package", params=["sqlite", "postgresql"] if SOAK else ["postgresql"])
def house(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    _sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(postgres.database())
        else:
            path = folder / "newsletter.sqlite3"
            path.write_bytes(_sqlite_template.read_bytes())
            url = f"sqlite:///{path}"
        yield stack.enter_context(opened_house(url, folder))
