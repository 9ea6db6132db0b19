"""What the demo says where it cannot go on with what it kept."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from newsletter.cli.demo import open_demo
from newsletter.database.engine import open_engine
from newsletter.errors import ConflictError
from newsletter.settings import Settings


def test_a_demo_on_a_database_of_another_version_names_the_way_out(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'unknown'"))
    engine.dispose()
    with pytest.raises(ConflictError) as caught:
        open_demo(Settings(_env_file=None, database_url=sqlite_url))
    assert "--fresh" in caught.value.remedy
