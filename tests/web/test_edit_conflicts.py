"""Forms that two have open at once: nobody's change is lost unseen."""

from __future__ import annotations

import inspect
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from lxml import html
from PIL import Image

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Every, Role
from newsletter.mailings.orders.test_mails import group_addresses
from newsletter.newsletters.library import add_content
from newsletter.newsletters.publications import find_newsletter
from newsletter.newsletters.recurrence import Rule, set_recurrence
from newsletter.web.routing import GuardedRoute
from subscribers.forms.actions import add_form
from subscribers.forms.model import JoinForm
from subscribers.tagging import TagChange, tag_people
from tests.support import fields
from tests.support.stage import Stage
from tests.web.conftest import SignIn
from tests.web.hardening.test_bodies import all_routes
from tests.web.saves import GUARDED, UNGUARDED

_PERSON = "/newsletters/digest/subscribers/1/edit"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


@pytest.fixture
def client(stage: Stage, sign_in: SignIn) -> httpx.Client:
    stage.subscribe("a@example.jp")
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.TOPIC)
    with transaction(stage.engine) as session:
        form = JoinForm(slug="fair", title="Autumn fair", tags=("fair", "autumn"))
        add_form(session, COMMAND_LINE, stage.newsletter_id, form)
        own = find_newsletter(session, "digest")
        set_recurrence(session, COMMAND_LINE, own, Rule(every=Every.WEEK))
        shown = BytesIO()
        Image.new("RGB", (2, 2)).save(shown, "PNG")
        add_content(
            session, COMMAND_LINE, stage.newsletter_id, shown.getvalue(), name="面.png", alt="入口"
        )
    return sign_in("admin@example.jp", Role.ADMINISTRATOR)


def form_of(page: httpx.Response, having: str) -> tuple[str, dict[str, list[str]]]:
    """Return where the form with an input goes, and all that a browser sends of it unchanged."""
    whole = html.fromstring(page.text)
    form = next(form for form in whole.forms if having in form.fields)
    sent: dict[str, list[str]] = {}
    for name, value in form.form_values():
        sent.setdefault(name, []).append(value.removeprefix("\n").replace("\n", "\r\n"))
    return form.action or page.url.path, sent


_SETTINGS, _DIGESTS = "/newsletters/digest/settings", "/newsletters/digest/digests"
_FORM = "/newsletters/digest/subscribers/forms/fair"
_LIBRARY = "/newsletters/digest/library"
_PATTERNS = "/newsletters/digest/patterns"


def test_of_two_open_forms_each_changes_what_was_changed_in_it(client: httpx.Client) -> None:
    for path, mine, other in (
        (_PERSON, ("name", "葵"), ("field.city", "奈良")),
        (_PERSON, ("field.topic", "防災"), ("tags", "press")),
        (_PERSON, ("format", "text"), ("time_zone", "Asia/Seoul")),
        (_SETTINGS, ("name", "まちの便り"), ("languages", "en")),
        (_SETTINGS, ("soft_limit", "7"), ("description", "便り")),
        (_DIGESTS, ("introduction", "a\r\nb"), ("hour", "10:15")),
        (_FORM, ("title", "祭"), ("tags", "spring")),
        (_LIBRARY, ("alt", "南側の入口"), ("name", "正面")),
        (_PATTERNS, ("days_before", "5"), ("every", "two-weeks")),
    ):
        target, begun = form_of(client.get(path), mine[0])
        for name, value in (other, mine):
            client.post(target, data=begun | {name: [value]}, follow_redirects=False)

        _, saved = form_of(client.get(path), mine[0])
        assert (saved[mine[0]], saved[other[0]]) == ([mine[1]], [other[1]])
        hidden = begun.keys() & {"shown", "shown_policy"}
        assert saved == begun | {name: saved[name] for name in (mine[0], other[0], *hidden)}


def test_who_changes_the_same_sees_what_is_saved_and_replaces_it_only_knowing(
    client: httpx.Client,
) -> None:
    for path, name, values in (
        (_PERSON, "name", ("葵", "茜")),
        (_PERSON, "field.city", ("奈良", "大阪")),
        (_SETTINGS, "description", ("便り", "号外")),
        (_SETTINGS, "soft_limit", ("7", "9")),
        (_DIGESTS, "hour", ("10:15", "11:30")),
        (_FORM, "title", ("祭", "市")),
        (_LIBRARY, "alt", ("南側の入口", "北側の入口")),
        (_PATTERNS, "days_before", ("3", "9")),
    ):
        target, begun = form_of(client.get(path), name)
        client.post(target, data=begun | {name: [values[0]]}, follow_redirects=False)
        refused = client.post(target, data=begun | {name: [values[1]]})

        assert refused.status_code in {400, 409}
        assert values[0] in html.fromstring(refused.text).text_content()
        again, typed = form_of(refused, name)
        assert typed[name] == [values[1]]
        assert form_of(client.get(path), name)[1][name] == [values[0]]
        client.post(again, data=typed, follow_redirects=False)
        assert form_of(client.get(path), name)[1][name] == [values[1]]


def test_a_fault_in_an_older_form_makes_nothing_of_it_newer(client: httpx.Client) -> None:
    target, begun = form_of(client.get(_PERSON), "name")
    client.post(target, data=begun | {"name": ["葵"]})
    refused = client.post(target, data=begun | {"language": ["no language"]})
    target, typed = form_of(refused, "name")
    client.post(target, data=typed | {"language": ["en"]})
    assert form_of(client.get(_PERSON), "name")[1]["name"] == ["葵"]


def test_tags_that_many_got_meanwhile_stay(client: httpx.Client, stage: Stage) -> None:
    target, begun = form_of(client.get(_PERSON), "tags")
    with transaction(stage.engine) as session:
        tag_people(session, COMMAND_LINE, stage.newsletter_id, TagChange(tag="press"), [1])
    client.post(target, data=begun | {"tags": ["vip"]})
    assert form_of(client.get(_PERSON), "tags")[1]["tags"] == ["press, vip"]


def test_a_test_group_that_another_saved_meanwhile_is_replaced_only_knowing(
    client: httpx.Client, stage: Stage
) -> None:
    target, begun = form_of(client.get("/newsletters/digest/issues/1/send"), "addresses")
    mine, other = ({"name": ["編集"], "addresses": [f"{who}@example.jp"]} for who in "ba")
    client.post(target, data=begun | other)
    refused = client.post(target, data=begun | mine)
    assert (refused.status_code, "編集: “a@example.jp”" in refused.text) == (409, True)
    again, typed = form_of(refused, "addresses")
    assert typed["addresses"] == mine["addresses"]
    with reading(stage.engine) as session:
        assert group_addresses(session, stage.newsletter_id, "編集") == "a@example.jp"
    assert client.post(again, data=typed).status_code == 200
    with reading(stage.engine) as session:
        assert group_addresses(session, stage.newsletter_id, "編集") == "b@example.jp"


def _asks_for(route: GuardedRoute, field: str) -> bool:
    """Tell whether a route reads a field of its form: by its signature, or else in its room."""
    given = [param.field_info for param in route.dependant.body_params]
    named = {param.alias for param in route.dependant.body_params}
    for info in given:
        named |= set(getattr(info.annotation, "model_fields", {}))
    room = Path(inspect.getfile(inspect.unwrap(route.endpoint))).parent
    return field in named or any(f'"{field}"' in file.read_text() for file in room.glob("*.py"))


def test_every_form_that_is_posted_says_what_it_showed_or_why_it_need_not() -> None:
    posted = {route.path: route for route in all_routes() if "POST" in (route.methods or ())}
    unguarded = [path for paths in UNGUARDED.values() for path in paths]
    assert sorted([*GUARDED, *unguarded]) == sorted(posted)
    pages = "".join(file.read_text() for file in Path("templates/web").rglob("*.html"))
    for path, field in GUARDED.items():
        assert _asks_for(posted[path], field), (path, field)
        assert f'name="{field}"' in pages, field
