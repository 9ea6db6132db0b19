"""One house for all stories: each of them brings a newsletter of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stories.house import House, opened_house
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="package")
def house(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with (
        postgres.database() as url,
        opened_house(url, tmp_path_factory.mktemp("house")) as opened,
    ):
        yield opened
