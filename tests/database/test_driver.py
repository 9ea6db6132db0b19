"""Rows that PostgreSQL copies out: as they are, and an error is the driver's own."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from newsletter.database.driver import copied_out, driver_of
from newsletter.database.engine import open_engine, reading

_ROWS = "SELECT n, %(text)s::text, NULL FROM generate_series(1, %(most)s::int) AS n"


def test_rows_come_as_lines_of_csv_with_their_number(postgres_url: str) -> None:
    values = {"text": "100 % '葵', \"a\"\n\\.", "most": 2}
    with psycopg.connect(postgres_url) as connection:
        lines, count = copied_out(connection, _ROWS, values)
    cell = '"100 % \'葵\', ""a""\n\\."'
    assert (lines.decode(), count) == (f"1,{cell},\n2,{cell},\n", 2)


def test_nobody_at_all_is_no_line(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert copied_out(connection, _ROWS, {"text": "", "most": 0}) == (b"", 0)


@pytest.mark.parametrize(
    "query", ["SELECT missing", "SELECT 1 / (n - 5000) FROM generate_series(1, 9000) AS n"]
)
def test_what_the_server_refuses_or_gives_up_is_raised_and_the_connection_serves_on(
    postgres_url: str, query: str
) -> None:
    engine = open_engine(postgres_url)
    with reading(engine) as session:
        connection = session.connection()
        with (
            pytest.raises(DBAPIError, match=r"missing|division by zero"),
            driver_of(connection, "COPY") as driver,
        ):
            copied_out(driver, query, {})
        session.rollback()
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_server_that_goes_away_meanwhile_is_told_as_one(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    ended = "SELECT n, pg_terminate_backend(pg_backend_pid()) FROM generate_series(1, 3) AS n"
    with (
        reading(engine) as session,
        pytest.raises(OperationalError),
        driver_of(session.connection(), "COPY") as driver,
    ):
        copied_out(driver, ended, {})
    engine.dispose()
