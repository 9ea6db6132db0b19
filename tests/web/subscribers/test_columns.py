"""Each of the staff chooses what a list of people shows, and in which order."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow, SubscriptionRow
from newsletter.database.vocabulary import Role
from subscribers.fields.values import write_values
from subscribers.listing import list_columns, read_order
from subscribers.search import PeopleFilter, search_people
from tests.support import fields
from tests.support.databases import each_database
from tests.support.stage import Stage, set_subscribers
from tests.web.conftest import SignIn, csrf_of, tight

_BASE = "/newsletters/digest/subscribers"
_PEOPLE = {
    "d@example.jp": "石川 花子",
    "b@example.jp": "",
    "a@example.jp": "葵",
    "c@example.jp": "葵",
}


def _set_people(stage: Stage) -> None:
    """Ages 9, none, 30, 30; changed on the 1st, never, on the 3rd, on the 2nd."""
    fields.set_fields(stage.engine, stage.newsletter_id, fields.CITY, fields.AGE, fields.PLAN)
    set_subscribers(stage.engine, "digest", _PEOPLE)
    values: tuple[dict[str, Any], ...] = (
        {"age": 9, "city": "千葉"},
        {},
        {"age": 30, "plan": "paid"},
        {"age": 30},
    )
    with transaction(stage.engine) as session:
        for address, known, day in zip(_PEOPLE, values, (1, None, 3, 2), strict=True):
            number = stage.subscriber_id(address)
            write_values(session, stage.newsletter_id, number, known)
            changed = day and datetime(2026, 11, day, tzinfo=UTC)
            session.execute(
                update(SubscriptionRow)
                .where(SubscriptionRow.subscriber_id == number)
                .values(changed_at=changed)
            )


def _order(stage: Stage, sort: str, *, limit: int = 50, text: str = "") -> str:
    """Return the first letters of the addresses in their order, read page by page."""
    found, after = "", None
    with reading(stage.engine) as session:
        row = session.scalars(select(NewsletterRow)).one()
        order = read_order(sort, list_columns(session, row.id))
        while True:
            page = search_people(
                session,
                row,
                PeopleFilter(text=text, within=True),
                order=order,
                after=after,
                limit=limit,
            )
            found += "".join(one.address[0] for one in page.people)
            if (after := page.after) is None:
                return found


#: By an order, the first letters of the addresses.
_SORTED = {
    "": "cabd",
    "address": "abcd",
    "-address": "dcba",
    "name": "dacb",
    "-name": "cadb",
    "changed_at": "dcab",
    "-changed_at": "acdb",
    "field.age": "dacb",
    "-field.age": "cadb",
    "field.plan": "adbc",
    "field.gone": "cabd",
    "tags": "cabd",
}


@each_database
def test_a_list_is_sorted_and_read_page_by_page(stage: Stage) -> None:
    """Who has no value comes last; who has the same, in the order of their numbers."""
    _set_people(stage)
    for limit in (1, 3, 50):
        assert {sort: _order(stage, sort, limit=limit) for sort in _SORTED} == _SORTED
    assert _order(stage, "-name", text="example") == _SORTED["-name"]


def test_columns_are_remembered_for_each_of_the_staff(stage: Stage, sign_in: SignIn) -> None:
    _set_people(stage)
    client, other = (sign_in(f"{who}@example.jp", Role.OPERATOR) for who in ("one", "two"))
    usual = _heads(client.get(_BASE).text)
    form = {"csrf": csrf_of(client.get(_BASE).text), "verb": "show", "sort": "-field.age"}
    chosen = {"column": ["field.city", "field.plan", "tags", "field.nothing"], "state": "confirmed"}
    page = client.post(f"{_BASE}/columns", data=form | chosen)
    assert dict(page.url.params) == {"state": "confirmed", "sort": "-field.age"}
    assert _heads(page.text) == ["Choose", "Address", "Tags", "City", "Plan"]
    assert "千葉" in page.text
    assert _heads(client.get(_BASE).text) == _heads(page.text)
    assert _heads(other.get(_BASE).text) == usual
    csrf = csrf_of(page.text)
    reset = client.post(f"{_BASE}/columns", data={"csrf": csrf, "verb": "reset"})
    assert _heads(reset.text) == usual
    with reading(stage.engine) as session:
        actions = session.scalars(select(AuditEventRow.action)).all()
    assert not [action for action in actions if "column" in action]


def test_a_head_says_how_the_list_is_sorted_and_turns_it(stage: Stage, sign_in: SignIn) -> None:
    _set_people(stage)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = client.get(_BASE, params={"sort": "name"}).text
    assert re.findall(r'aria-sort="(\w+)"', page) == ["ascending"]
    turned = client.get(_BASE, params={"sort": "-name"}).text
    assert re.findall(r'aria-sort="(\w+)"', turned) == ["descending"]
    assert "sort=-name" in page
    assert "sort=-name#people" not in turned


def test_a_file_has_the_columns_that_the_list_shows(stage: Stage, sign_in: SignIn) -> None:
    _set_people(stage)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    form = {"csrf": csrf_of(client.get(_BASE).text), "column": ["field.plan", "changed_at"]}
    client.post(f"{_BASE}/columns", data=form)
    text = client.get(f"{_BASE}.csv", params={"form": "shown"}).content.decode("utf-8-sig")
    heads, *rows = csv.reader(io.StringIO(text))
    assert [head.partition(" (")[0] for head in heads] == ["Email address", "Plan", "Last change"]
    assert ["a@example.jp", "Paid", "2026-11-03 09:00"] in rows


def test_who_must_not_see_addresses_gets_no_list_sorted_nor_searched(
    stage: Stage, sign_in: SignIn
) -> None:
    _set_people(stage)
    editor = sign_in("editor@example.jp", Role.EDITOR)
    for path in ("?sort=address", ".csv?form=shown", "?text=%E8%91%B5&within=true"):
        answer = editor.get(_BASE + path)
        assert answer.status_code == 403
        assert "a@example.jp" not in answer.text


def test_columns_and_order_are_chosen_by_keyboard_on_a_telephone_without_scripts(
    stage: Stage, sign_in: SignIn, browser: Browser
) -> None:
    _set_people(stage)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    context = browser.new_context(
        java_script_enabled=False, locale="en", viewport={"width": 375, "height": 800}
    )
    site = str(client.base_url)
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site} for one in client.cookies.jar]
    )
    page = context.new_page()
    page.goto(f"{site.rstrip('/')}{_BASE}")
    page.get_by_label("Sort by").select_option("-field.age")
    page.get_by_role("button", name="Search").press("Enter")
    expect(page.locator("tbody tr").first).to_contain_text("c@example.jp")
    list_card = page.locator(".card", has=page.locator("table"))
    list_card.locator("summary", has_text="Columns of the list").press("Enter")
    page.get_by_role("checkbox", name="City").press("Space")
    page.get_by_role("button", name="Show these columns").press("Enter")
    card = page.locator("tbody tr", has_text="d@example.jp")
    expect(card.locator('[data-label="City"]')).to_have_text("千葉")
    expect(page.locator("tbody tr").first).to_contain_text("c@example.jp")
    box = card.bounding_box()
    context.close()
    assert box is not None
    assert box["x"] + box["width"] <= 375


def test_all_on_a_page_are_chosen_at_its_head_and_all_who_were_found_from_there(
    stage: Stage, sign_in: SignIn, browser: Browser
) -> None:
    _set_people(stage)
    client = sign_in("operator@example.jp", Role.OPERATOR)
    context = browser.new_context(locale="en", viewport={"width": 1280, "height": 800})
    site = str(client.base_url)
    context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site} for one in client.cookies.jar]
    )
    page = context.new_page()
    page.goto(f"{site.rstrip('/')}{_BASE}")
    head = page.get_by_role("checkbox", name="All on this page")
    everybody = page.get_by_role("checkbox", name="All on the list")
    column = page.locator("th", has=head).bounding_box()
    expect(everybody).to_be_hidden()
    page.get_by_role("checkbox", name="a@example.jp").check()
    expect(page.get_by_text("Chosen: 1")).to_be_visible()
    head.check()
    expect(page.get_by_text("Chosen: 4")).to_be_visible()
    everybody.check()
    expect(page.get_by_text("All on the list are meant.")).to_be_visible()
    page.get_by_label("Tag", exact=True).last.fill("press")
    page.get_by_role("button", name="Add the tag").click()
    expect(page.get_by_text("The tag is added to 4 people.")).to_be_visible()
    context.close()
    assert column is not None
    assert column["width"] < 60


def _heads(page: str) -> list[str]:
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', tight(page))
    return [re.sub(r"<[^>]*>|[↑↓]", "", head).strip() for head in heads]
