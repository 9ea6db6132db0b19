"""What earlier versions wrote is kept by the steps that lead to this one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.schema import MetaData, Table

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.migrations import upgrade
from newsletter.database.tables import SubscriptionRow, TagRow
from tests.support.postgres import PostgresServer

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
        yield engine
        engine.dispose()
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database() as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        yield engine
        engine.dispose()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_what_was_known_of_a_person_is_kept_by_each_of_their_newsletters(empty: Engine) -> None:
    upgrade(empty, to="0018")
    old = MetaData()
    old.reflect(empty, only=["newsletter", "subscriber", "subscription", "subscriber_tag"])
    with transaction(empty) as session:

        def add(table: Table, **values: object) -> None:
            blank = {
                column.name: ""
                for column in table.columns
                if not column.nullable and not column.primary_key and column.server_default is None
            }
            session.execute(insert(table).values(blank | values))

        for number, slug in ((1, "a"), (2, "b")):
            add(old.tables["newsletter"], id=number, slug=slug, created_at=_MOMENT)
        add(
            old.tables["subscriber"],
            id=7,
            address="a@example.jp",
            address_key="a@example.jp",
            name="葵",
            language="en",
            format="text",
            time_zone="Asia/Seoul",
            attributes={"city": "東京"},
            created_at=_MOMENT,
            updated_at=_MOMENT,
        )
        add(old.tables["subscriber_tag"], subscriber_id=7, tag="press")
        for number in (1, 2):
            add(
                old.tables["subscription"], newsletter_id=number, subscriber_id=7, state="confirmed"
            )
    upgrade(empty)
    with reading(empty) as session:
        relations = session.scalars(select(SubscriptionRow)).all()
        tags = session.execute(select(TagRow.newsletter_id, TagRow.tag)).all()
    kept = {
        (row.name, row.language, row.format, row.time_zone, row.attributes["city"])
        for row in relations
    }
    assert kept == {("葵", "en", "text", "Asia/Seoul", "東京")}
    assert sorted(map(tuple, tags)) == [(1, "press"), (2, "press")]
