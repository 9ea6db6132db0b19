"""A reader whose request waits for the database holds up nobody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from newsletter.database.engine import transaction
from tests.support.databases import each_database
from tests.web.subscribers.conftest import Reception

READER = "reader@example.jp"


def _forms(reception: Reception) -> dict[str, tuple[str, dict[str, str]]]:
    page = reception.preferences(READER)
    return {
        "join": (reception.form, {"email": "new@example.jp"}),
        "leave": (reception.unsubscribe_link(READER), {"List-Unsubscribe": "One-Click"}),
        "save": (page, {"name": "葵"}),
        "erase": (f"{page}/erase", {"sure": "yes"}),
    }


@each_database
@pytest.mark.parametrize("form", ["join", "leave", "save", "erase"])
def test_others_are_answered_while_one_waits(reception: Reception, form: str) -> None:
    reception.stage.subscribe(READER)
    url, fields = _forms(reception)[form]
    with ThreadPoolExecutor(1) as thread:
        with transaction(reception.stage.engine) as session:
            # SQLite is locked as a whole by the transaction's beginning.
            if session.connection().dialect.name == "postgresql":
                tables = "subscriber, subscription, join_tally"
                session.execute(text(f"LOCK TABLE {tables} IN EXCLUSIVE MODE"))
            waiting = thread.submit(httpx.post, url, data=fields)
            for _ in range(20):
                assert httpx.get(f"{reception.url}/healthz").status_code == 200
            assert not waiting.done()
        assert waiting.result().status_code == 200
