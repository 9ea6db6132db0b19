"""Two people merged in the browser, by who may see subscribers; and by command."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import SubscriptionRow
from newsletter.database.vocabulary import Role, SubscriptionState
from newsletter.newsletters.publications import create_newsletter
from subscribers.editing import PersonDraft, edit_person
from subscribers.lists.imports.imports import import_csv
from tests.support import fields
from tests.support.commands import run_command
from tests.support.stage import DRAFT, Stage
from tests.web.conftest import SignIn

_BASE = "/newsletters/digest/subscribers"
OLD, NEW = "old@example.jp", "new@example.jp"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


@pytest.fixture
def both(stage: Stage) -> tuple[int, int]:
    stage.subscribe(OLD, NEW)
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    numbers = (stage.subscriber_id(OLD), stage.subscriber_id(NEW))
    for number, city in zip(numbers, ("千葉", "東京"), strict=True):
        with transaction(stage.engine) as session:
            draft = PersonDraft(name="花子", values={"city": city})
            edit_person(session, COMMAND_LINE, stage.newsletter_id, number, draft)
    return numbers


def _typed(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


def _relation(engine: Engine, newsletter_id: int, number: int) -> SubscriptionRow:
    with reading(engine) as session:
        return session.get_one(SubscriptionRow, (newsletter_id, number))


def test_a_person_is_found_compared_and_merged_as_it_was_last_read(
    stage: Stage, both: tuple[int, int], sign_in: SignIn
) -> None:
    old, new = both
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = f"{_BASE}/{old}/merge"
    assert f'href="{page}"' in client.get(f"{_BASE}/{old}").text
    found = client.get(page, params={"text": "example"}).text
    assert f"{page}?other={new}" in found
    assert f"{page}?other={old}" not in found
    compared = client.get(page, params={"other": new, "keep": new})
    for words in ("stays subscribed", "cannot be undone", 'value="merged"', "千葉", "東京"):
        assert words in compared.text
    with transaction(stage.engine) as session:
        edit_person(session, COMMAND_LINE, stage.newsletter_id, new, PersonDraft(name="華子"))
    changed = client.post(page, data=_typed(compared))
    assert changed.status_code == 400
    assert ("changed meanwhile" in changed.text, "華子" in changed.text) == (True, True)
    done = client.post(page, data={**_typed(changed), "field.city": "merged"})
    assert (done.url.path, "old@example.jp was merged" in done.text) == (f"{_BASE}/{new}", True)
    assert _relation(stage.engine, stage.newsletter_id, new).attributes == {"city": "千葉"}
    ended = _relation(stage.engine, stage.newsletter_id, old).state
    assert ended is SubscriptionState.UNSUBSCRIBED
    again = client.post(page, data=_typed(compared))
    assert (again.status_code, "merged already" in again.text) == (400, True)


def test_neither_editors_nor_people_of_other_newsletters_come_in(
    stage: Stage, both: tuple[int, int], sign_in: SignIn
) -> None:
    old, new = both
    editor = sign_in("editor@example.jp", Role.EDITOR)
    assert editor.get(f"{_BASE}/{old}/merge").status_code == 403
    with transaction(stage.engine) as session:
        draft = replace(DRAFT, slug="other", name="別の便り")
        other = create_newsletter(session, draft).id
    import_csv(stage.engine, other, ["email\n", "theirs@example.jp\n"], source="t", basis="t")
    theirs = stage.subscriber_id("theirs@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    compared = client.get(f"{_BASE}/{old}/merge", params={"other": theirs})
    assert (compared.status_code, "theirs@" in compared.text) == (404, False)
    right = _typed(client.get(f"{_BASE}/{old}/merge", params={"other": new}))
    crossed = client.post(f"{_BASE}/{old}/merge", data={**right, "merged": str(theirs)})
    assert crossed.status_code == 404


def test_a_command_says_what_will_happen_and_does_it(
    stage: Stage, both: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", stage.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("SECRET_KEYS", "k" * 40)
    words = ["subscriber", "merge", OLD, "--into", NEW, "--take", "field.city", "--yes"]
    found = run_command(words)
    assert found.exit_code == 0, found.output
    assert NEW in found.output
    assert _relation(stage.engine, stage.newsletter_id, both[1]).attributes == {"city": "千葉"}
    assert run_command(words).exit_code != 0
