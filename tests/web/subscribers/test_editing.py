"""One person added and edited in the browser, by who may see subscribers."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace

import httpx
import pytest
from starlette.datastructures import FormData

from newsletter.database.vocabulary import Role
from newsletter.web.subscribers.editing import _draft_of
from subscribers.editing import PersonDraft
from tests.support import fields
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

_BASE = "/newsletters/digest/subscribers"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


def _send(client: httpx.Client, path: str, **typed: object) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client.get(path).text), **typed})


def test_whatever_a_form_asks_is_read_from_it() -> None:
    known = [each.name for each in fields_of(PersonDraft)]
    form = FormData(dict.fromkeys([*known, "format", "field.city"], "text"))
    read, nothing = _draft_of(form, [fields.CITY]), PersonDraft()
    assert [name for name in known if getattr(read, name) == getattr(nothing, name)] == []


def test_a_person_is_added_then_edited(stage: Stage, sign_in: SignIn) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.TOPIC)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    typed = {"address": "aoi@example.jp", "name": "葵", "field.topic": ["防災"], "tags": "press"}
    refused = _send(client, f"{_BASE}/new", **typed)
    assert (refused.status_code, "basis of consent" in refused.text) == (400, True)
    assert "aoi@example.jp" in refused.text
    added = _send(client, f"{_BASE}/new", **typed, basis="paper form")
    for words in ("aoi@example.jp", "paper form", "Disasters", "press"):
        assert words in added.text
    edited = _send(client, f"{added.url.path}/edit", name="葵", **{"field.city": "千葉"})
    assert edited.url.path == added.url.path
    assert ("千葉" in edited.text, "Disasters" in edited.text) == (True, False)


def test_the_staff_need_not_know_what_readers_must_fill_in(stage: Stage, sign_in: SignIn) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, replace(fields.CITY, required=True))
    stage.subscribe("a@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    person = f"{_BASE}/{stage.subscriber_id('a@example.jp')}"
    assert "required" not in tight(client.get(f"{person}/edit").text).split('id="field-city"')[1]
    assert "葵" in _send(client, f"{person}/edit", name="葵").text


def test_a_language_is_chosen_by_its_name(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    person = f"{_BASE}/{stage.subscriber_id('a@example.jp')}"
    page = _send(client, f"{person}/edit", language="pt")
    assert "Portuguese" in page.text
    assert '<option value="pt" selected>Portuguese</option>' in client.get(f"{person}/edit").text


def test_editors_neither_add_nor_edit(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    editor = sign_in("editor@example.jp", Role.EDITOR)
    number = stage.subscriber_id("a@example.jp")
    for path in ("/new", f"/{number}/edit"):
        assert editor.get(_BASE + path).status_code == 403


def test_a_note_is_written_changed_and_deleted(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("a@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    person = f"{_BASE}/{stage.subscriber_id('a@example.jp')}"
    csrf = csrf_of(client.get(person).text)
    page = client.post(f"{person}/notes", data={"csrf": csrf, "text": "rang\r\non Monday"})
    assert "rang\non Monday" in page.text
    changed = {"csrf": csrf, "text": "wrote", "revision": "1"}
    assert "wrote" in client.post(f"{person}/notes/1", data=changed).text
    refused = client.post(f"{person}/notes/1", data=changed)
    assert (refused.status_code, "meanwhile" in refused.text) == (400, True)
    page = client.post(f"{person}/notes/1/delete", data={"csrf": csrf, "revision": "2"})
    assert ("wrote" in page.text, page.url.path) == (False, person)
