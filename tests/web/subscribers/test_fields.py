"""Fields and topics in the browser: made, changed, ordered, and deleted only knowingly."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Browser

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import FieldType, Role
from newsletter.newsletters.publications import create_newsletter
from subscribers.fields.actions import add_field
from subscribers.fields.model import Field, Option
from subscribers.fields.store import list_fields
from subscribers.fields.values import write_values
from subscribers.forms.actions import add_form
from subscribers.forms.model import JoinForm
from tests.support import fields
from tests.support.stage import DRAFT, Stage
from tests.web.conftest import SignIn, csrf_of, tight

_PAGE = "/newsletters/digest/fields"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What the database does is tested below the page."""
    return sqlite_url


@pytest.fixture
def boss(sign_in: SignIn) -> httpx.Client:
    return sign_in("boss@example.jp", Role.ADMINISTRATOR)


def _known(stage: Stage, newsletter_id: int | None = None) -> dict[str, Field]:
    with reading(stage.engine) as session:
        found = list_fields(session, newsletter_id or stage.newsletter_id)
    return {field.key: field for field in found}


def _send(client: httpx.Client, path: str, **typed: str) -> httpx.Response:
    """Fill the form of a page and send it."""
    page = client.get(path)
    form = {name: value for name, value in _shown(page.text).items() if name not in typed}
    action = re.search(r'<form class="stack" method="post" action="([^"]+)"', tight(page.text))
    assert action is not None
    return client.post(action[1], data={**form, **typed, "csrf": csrf_of(page.text)})


def _shown(text: str) -> dict[str, str]:
    """Return what the inputs of a page's form hold, and which boxes are ticked."""
    found = {}
    text = tight(text)
    for tag in re.findall(r"<input [^>]+>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or " checked" in tag):
            found[name[1]] = value[1] if value else ""
    for name, body in re.findall(r'<select id="[^"]*" name="([^"]*)"[^>]*>(.*?)</select>', text):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name] = chosen[1] if chosen else ""
    return found


def test_a_field_is_made_and_changed(stage: Stage, boss: httpx.Client) -> None:
    made = _send(
        boss,
        f"{_PAGE}/new",
        **{"key": "plan", "type": "choice", "label-ja": "プラン", "required": "1"},
        **{"option-0-label-ja": "無料", "option-0-label-en": "Free"},
        **{"option-1-label-en": "Paid", "option-1-order": "1", "option-0-order": "2"},
    )
    assert (made.status_code, "プラン" in made.text) == (200, True)
    assert _known(stage)["plan"] == Field(
        key="plan",
        type=FieldType.CHOICE,
        labels={"ja": "プラン"},
        options=(
            Option(value="Paid", labels={"en": "Paid"}),
            Option(value="無料", labels={"ja": "無料", "en": "Free"}),
        ),
        required=True,
    )
    _send(boss, f"{_PAGE}/plan", **{"option-0-label-en": "At a price", "retention_days": "30"})
    changed = _known(stage)["plan"]
    assert changed.options[0] == Option(value="Paid", labels={"en": "At a price"})
    assert (changed.retention_days, changed.required, changed.options[1].value) == (
        30,
        True,
        "無料",
    )


def test_topics_are_offered_ready_to_fill(stage: Stage, boss: httpx.Client) -> None:
    typed = {"option-0-label-ja": "防災", "option-0-description-ja": "避難情報"}
    assert _send(boss, f"{_PAGE}/new?topics=1", **typed).status_code == 200
    topic = _known(stage)["topic"]
    assert (topic.type, topic.reader_may_change, topic.ask_on_joining) == (
        FieldType.CHOICES,
        True,
        True,
    )
    assert topic.options == (
        Option(value="防災", labels={"ja": "防災"}, descriptions={"ja": "避難情報"}),
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"key": "Plan"}, "cannot be the key"),
        ({"key": "name"}, "meaning of its own"),
        ({"key": "plan", "type": "choice"}, "nothing to choose from"),
        ({"key": "plan", "retention_days": "soon"}, "out of range"),
        ({"key": "city"}, "already a field"),
    ],
)
def test_what_is_wrong_is_said_beside_it_and_nothing_is_lost(
    stage: Stage, boss: httpx.Client, typed: dict[str, str], said: str
) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    answer = _send(boss, f"{_PAGE}/new", **typed, **{"label-en": "Typed before"})
    assert answer.status_code == 400
    assert said in re.sub(r"&#?\w+;", "", answer.text)
    assert "Typed before" in answer.text
    assert set(_known(stage)) == {"city"}


def test_an_option_that_people_chose_goes_only_knowingly(stage: Stage, boss: httpx.Client) -> None:
    stage.subscribe("a@example.jp")
    fields.set_fields(stage.engine, stage.newsletter_id, fields.TOPIC)
    with transaction(stage.engine) as session:
        write_values(session, stage.newsletter_id, 1, {"topic": ["防災"]})
    asked = _send(boss, f"{_PAGE}/topic", **{"option-1-remove": "1"})
    assert (asked.status_code, "1 person" in asked.text) == (409, True)
    assert len(_known(stage)["topic"].options) == 3
    assert _send(boss, f"{_PAGE}/topic", **{"option-1-remove": "1"}, sure="1").status_code == 200
    assert [option.value for option in _known(stage)["topic"].options] == ["子育て", "文化"]


def test_a_field_is_deleted_after_the_count_was_shown(stage: Stage, boss: httpx.Client) -> None:
    stage.subscribe("a@example.jp")
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    with transaction(stage.engine) as session:
        write_values(session, stage.newsletter_id, 1, {"city": "千葉"})
    page = boss.get(f"{_PAGE}/city/delete")
    assert "1 person" in page.text
    boss.post(f"{_PAGE}/city/delete", data={"csrf": csrf_of(page.text)})
    assert _known(stage) == {}


def test_who_changed_it_second_is_told(stage: Stage, boss: httpx.Client) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY)
    page = boss.get(f"{_PAGE}/city")
    first = {**_shown(page.text), "label-en": "Town", "csrf": csrf_of(page.text)}
    assert boss.post(f"{_PAGE}/city", data=first).status_code == 200
    late = boss.post(f"{_PAGE}/city", data={**first, "label-en": "Village"})
    assert (late.status_code, "meanwhile" in late.text) == (400, True)
    assert _known(stage)["city"].labels["en"] == "Town"


def test_fields_are_put_in_order(stage: Stage, boss: httpx.Client) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.AGE, fields.MEMBER)
    token = csrf_of(boss.get(_PAGE).text)
    for key, to in (("member", "up"), ("city", "up"), ("age", "down"), ("nothing", "up")):
        boss.post(f"{_PAGE}/order", data={"csrf": token, "key": key, "to": to})
    assert list(_known(stage)) == ["city", "member", "age"]


def test_fields_are_for_administrators_of_their_newsletter(stage: Stage, sign_in: SignIn) -> None:
    with transaction(stage.engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    fields.set_fields(stage.engine, other, fields.CITY)
    editor = sign_in("editor@example.jp", Role.EDITOR)
    assert editor.get(_PAGE).status_code == 403
    boss = sign_in("boss@example.jp", Role.ADMINISTRATOR)
    assert boss.get(f"{_PAGE}/city").status_code == 404
    assert "city" not in boss.get(_PAGE).text


def test_on_a_telephone_what_a_field_lacks_stands_beside_its_label_and_not_below(
    stage: Stage, boss: httpx.Client, browser: Browser
) -> None:
    town = Field(key="town", type=FieldType.TEXT, labels={"en": "Town"}, ask_on_joining=True)
    with transaction(stage.engine) as session:
        add_form(
            session, COMMAND_LINE, stage.newsletter_id, JoinForm(slug="fair", title="秋まつり")
        )
        add_field(session, COMMAND_LINE, stage.newsletter_id, town)
    context = browser.new_context(locale="en", viewport={"width": 375, "height": 800})
    site = str(boss.base_url)
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site} for one in boss.cookies.jar]
    )
    page = context.new_page()
    page.goto(f"{site.rstrip('/')}{_PAGE}")
    first, notice = page.locator('[data-label="Use"] > *').all()
    boxes = first.bounding_box(), notice.bounding_box()
    context.close()
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] == boxes[1]["x"]
