"""A database that falls silent is given up, and met again once it speaks."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from newsletter.database.engine import open_engine, reading, transaction
from tests.support.proxy import SilentNetwork, silent_network

pytestmark = pytest.mark.servers

_SECONDS = 1.0


def _ask(engine: Engine) -> int | None:
    with reading(engine) as session:
        return session.scalar(select(1))


def test_who_waits_for_a_silent_server_gives_up_and_finds_it_again(postgres_url: str) -> None:
    with silent_network(postgres_url) as network:
        engine = open_engine(network.url, seconds=_SECONDS)
        assert _ask(engine) == 1
        network.fall_silent()
        with pytest.raises(OperationalError):
            _ask(engine)
        network.mend()
        assert _ask(engine) == 1
        engine.dispose()


def test_a_statement_that_takes_too_long_is_ended_but_for_one_that_may(postgres_url: str) -> None:
    engine = open_engine(postgres_url, seconds=_SECONDS)
    with pytest.raises(OperationalError, match="timeout"), transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(2)"))
    with transaction(engine, long=True) as session:
        session.execute(text("SELECT pg_sleep(1.5)"))
    with pytest.raises(OperationalError, match="timeout"), transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(2)"))
    engine.dispose()


def _fall_silent_amid_an_update(engine: Engine, network: SilentNetwork) -> None:
    with transaction(engine) as session:
        session.execute(text("UPDATE shared SET number = 2"))
        network.fall_silent()
        session.execute(select(1))


def test_who_falls_silent_amid_a_transaction_keeps_nobody_out_for_long(postgres_url: str) -> None:
    whole = open_engine(postgres_url, seconds=_SECONDS)
    with transaction(whole) as session:
        session.execute(text("CREATE TABLE shared (number integer)"))
        session.execute(text("INSERT INTO shared VALUES (1)"))
    with silent_network(postgres_url) as network:
        lost = open_engine(network.url, seconds=_SECONDS)
        with pytest.raises(OperationalError):
            _fall_silent_amid_an_update(lost, network)
        lost.dispose()
        with transaction(whole) as session:
            session.execute(text("UPDATE shared SET number = 3"))
    whole.dispose()
