"""The same thing done at once by two commands, as PostgreSQL lets them: one gives way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import open_engine, transaction
from newsletter.errors import ExitCode
from subscribers.segments.saved import save_segment
from tests.support import warm
from tests.support.locks import await_lock
from tests.support.stage import set_stage


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    opened = open_engine(postgres_url)
    yield opened
    opened.dispose()


@pytest.mark.usefixtures("own_folder")
def test_a_command_that_another_overtook_says_so_and_wrote_nothing(
    engine: Engine, postgres_url: str
) -> None:
    newsletter_id = set_stage(engine).newsletter_id
    query = 'tag = "press"'
    words = ("segment", "add", "press", query)
    env = os.environ | {"DATABASE_URL": postgres_url, "NO_COLOR": "1", "LANG": "en_US.UTF-8"}
    with ThreadPoolExecutor(1) as thread:
        with transaction(engine) as session:
            save_segment(session, newsletter_id, name="press", query=query)
            session.flush()
            running = thread.submit(warm.run, "newsletter.cli", *words, env=env)
            await_lock(engine, running)
        run = running.result(timeout=60)
    assert run.returncode == ExitCode.CONFLICT
    assert "Somebody else changed the same at this moment" in run.stderr
    assert "defect" not in run.stderr
