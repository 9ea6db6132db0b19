"""A person erased by the staff in the browser."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import RoleGrantRow, SubscriberRow
from newsletter.database.vocabulary import Role
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

_BASE = "/newsletters/digest/subscribers"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


def _address(stage: Stage, number: int) -> str | None:
    with reading(stage.engine) as session:
        return session.get_one(SubscriberRow, number).address


def _erase(client: httpx.Client, page: str, token: str, **fields: str) -> httpx.Response:
    return client.post(page, data={"csrf": token, **fields})


def test_who_administers_all_newsletters_erases_somebody_once_they_are_sure(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("gone@example.jp", "stays@example.jp")
    number = stage.subscriber_id("gone@example.jp")
    page = f"{_BASE}/{number}/erase"
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    assert f'href="{page}"' in client.get(f"{_BASE}/{number}").text
    token = csrf_of(client.get(page).text)

    asked = _erase(client, page, token)
    assert (asked.status_code, _address(stage, number)) == (400, "gone@example.jp")
    done = _erase(client, page, token, sure="yes")
    assert (done.url.path, "gone@" in done.text, "stays@" in done.text) == (_BASE, False, True)
    assert _address(stage, number) is None
    assert "gone@" not in client.get("/audit").text
    assert client.get(page).status_code == 404


def test_who_administers_one_newsletter_or_operates_it_cannot_erase(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("a@example.jp")
    for role in (Role.OPERATOR, Role.ADMINISTRATOR):
        client = sign_in(f"{role}@example.jp", role)
        with transaction(stage.engine) as session:
            session.execute(update(RoleGrantRow).values(newsletter_id=stage.newsletter_id))
        person = client.get(f"{_BASE}/1")
        assert (person.status_code, "/erase" in person.text) == (200, False)
        assert client.get(f"{_BASE}/1/erase").status_code == 403
        refused = _erase(client, f"{_BASE}/1/erase", csrf_of(person.text), sure="yes")
        assert (refused.status_code, _address(stage, 1)) == (403, "a@example.jp")
