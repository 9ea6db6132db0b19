"""Segments are built by clicking, with who they find, and are the same value as their text."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, SegmentRow, SubscriptionRow, TagRow
from newsletter.database.vocabulary import Role
from subscribers.segments.conditions import subjects_of
from subscribers.segments.saved import save_segment
from tests.support.accessible import violations
from tests.support.databases import each_database
from tests.support.fields import ALL, set_fields
from tests.support.stage import Stage, set_subscribers
from tests.web.conftest import SignIn, csrf_of, tight
from tests.web.issues.desk import Desk

SEGMENTS = "/newsletters/digest/segments"
PRESS = {"m.0": "all", "s.0.0": "tag", "p.0.0": "is", "v.0.0": "press"}


@pytest.fixture(autouse=True)
def people(request: pytest.FixtureRequest) -> None:
    if "desk" in request.fixturenames:
        return
    stage: Stage = request.getfixturevalue("stage")
    stage.subscribe("a@example.jp", "b@example.jp", "c@example.com")
    with transaction(stage.engine) as session:
        number = stage.subscriber_id("a@example.jp")
        session.add(TagRow(newsletter_id=stage.newsletter_id, subscriber_id=number, tag="press"))
    set_fields(stage.engine, stage.newsletter_id, *ALL)


def _build(client: httpx.Client, do: str, **fields: str) -> httpx.Response:
    token = csrf_of(client.get(f"{SEGMENTS}/new").text)
    return client.post(f"{SEGMENTS}/build", data={"csrf": token, "do": do, **fields})


def _queries(stage: Stage) -> dict[str, str]:
    with reading(stage.engine) as session:
        return {row.name: row.query for row in session.scalars(select(SegmentRow))}


@each_database
def test_a_segment_is_built_without_scripts(stage: Stage, sign_in: SignIn) -> None:
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    more = _build(operator, "add:0", **PRESS).text
    assert 'name="s.0.1"' in more
    grouped = _build(operator, "group:0", **PRESS).text
    assert 'name="m.0.1"' in grouped
    assert 'name="s.0.1.0"' in grouped
    fewer = _build(operator, "remove:0.0", **PRESS, **{"s.0.1": "domain", "p.0.1": "is"}).text
    assert 'name="s.0.1"' not in fewer
    shown = _build(operator, "show", **PRESS).text
    assert "<strong>1</strong>" in shown
    assert "a@example.jp" in shown
    saved = _build(operator, "save", name="presse", **PRESS)
    assert saved.url.path == SEGMENTS
    assert _queries(stage) == {"presse": 'tag = "press"'}


def test_an_editor_builds_without_seeing_addresses(sign_in: SignIn) -> None:
    editor = sign_in("editor@example.jp", Role.EDITOR)
    shown = _build(editor, "show", **PRESS).text
    assert "<strong>1</strong>" in shown
    assert "a@example.jp" not in shown
    assert sign_in("approver@example.jp", Role.APPROVER).get(SEGMENTS).status_code == 403


def test_a_text_is_shown_as_conditions_and_a_wrong_one_is_kept(sign_in: SignIn) -> None:
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    query = 'topic = "子育て" or not field.city exists'
    shown = _build(operator, "text", text=query, **{"m.0": "all"}).text
    assert 'name="s.0.1"' in shown
    assert "is-unknown" in shown
    wrong = _build(operator, "text", text="field.gone = 3", **PRESS)
    assert wrong.status_code == 422
    assert "field.gone = 3" in wrong.text
    assert 'value="press"' in wrong.text


def test_whatever_can_be_asked_is_shown_as_a_condition(sign_in: SignIn) -> None:
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    for subject in subjects_of(ALL):
        for predicate in subject.predicates:
            asked = {"m.0": "all", "s.0.0": subject.key, "p.0.0": predicate.value, "v.0.0": ""}
            shown = _build(operator, "show", **asked)
            assert shown.status_code in (200, 422), asked
            assert f'value="{predicate.value}" selected' in tight(shown.text), asked


def test_a_wrong_condition_is_marked_and_nothing_is_saved(stage: Stage, sign_in: SignIn) -> None:
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    wrong = {"s.0.1": "field.age", "p.0.1": "more", "v.0.1": "三十"}
    answer = _build(operator, "save", name="x", **PRESS, **wrong)
    assert answer.status_code == 422
    assert 'aria-describedby="e.0.1"' in answer.text
    assert 'aria-describedby="e.0.0"' not in answer.text
    assert _queries(stage) == {}


def test_whom_the_conditions_find_is_said_though_the_name_is_refused(sign_in: SignIn) -> None:
    answer = _build(sign_in("operator@example.jp", Role.OPERATOR), "save", name="a/b", **PRESS)
    assert answer.status_code == 422
    assert "<strong>1</strong>" in answer.text
    assert "Fill in the conditions" not in answer.text


def test_languages_and_tags_are_offered_by_what_the_people_have(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(SubscriptionRow).values(language="zh-TW"))
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    asked = {"m.0": "all", "s.0.0": "language", "p.0.0": "is"}
    empty = _build(operator, "show", **asked, **{"v.0.0": ""})
    assert '<option value="zh-TW">Chinese (TW)</option>' in tight(empty.text)
    assert "The value is missing. Choose or enter a value." in empty.text
    assert "segment-count" not in empty.text
    assert "<strong>3</strong>" in _build(operator, "show", **asked, **{"v.0.0": "zh-TW"}).text
    assert '<option value="press">' in _build(operator, "show", **PRESS).text


@each_database
def test_a_segment_is_changed_with_its_entry_and_not_over_another_change(
    stage: Stage, sign_in: SignIn
) -> None:
    with transaction(stage.engine) as session:
        save_segment(session, stage.newsletter_id, name="press", query='tag = "press"')
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    opened = {"former": "press", "before": 'tag = "press"', "name": "media"}
    fields = PRESS | {"v.0.0": "media"}
    _build(operator, "save", **opened, **fields)
    assert _queries(stage) == {"media": 'tag = "media"'}
    again = _build(operator, "save", **(opened | {"former": "media"}), **PRESS)
    assert again.status_code == 422
    assert _queries(stage) == {"media": 'tag = "media"'}
    with reading(stage.engine) as session:
        events = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "segment.save")
        )
        (event,) = events
    assert event.details["former"] == "press"


@each_database
def test_a_segment_is_deleted(stage: Stage, sign_in: SignIn) -> None:
    with transaction(stage.engine) as session:
        save_segment(session, stage.newsletter_id, name="press", query='tag = "press"')
    operator = sign_in("operator@example.jp", Role.OPERATOR)
    token = csrf_of(operator.get(f"{SEGMENTS}/press").text)
    operator.post(f"{SEGMENTS}/press/delete", data={"csrf": token})
    assert _queries(stage) == {}
    assert operator.get(f"{SEGMENTS}/press").status_code == 404


def test_a_count_that_cannot_be_had_is_shown_as_out_of_date_until_it_can(
    desk: Desk, page: Page
) -> None:
    set_subscribers(desk.engine, "digest", {"a@example.jp": "花", "b@example.com": "月"})
    page.goto(f"{desk.url}{SEGMENTS}/new")
    page.get_by_label("What is asked about").select_option("domain")
    page.get_by_label("Value").fill("example.jp")
    expect(page.locator(".segment-count")).to_have_text("1 subscriber")
    page.route("**/segments/**", lambda asked: asked.abort())
    with page.expect_event("requestfailed"):
        page.get_by_label("Value").fill("nowhere.jp")
    expect(page.locator("#found-now")).to_have_attribute("aria-busy", "true")
    page.unroute("**/segments/**")
    expect(page.locator(".segment-count")).to_have_text("0 subscribers")
    expect(page.locator("#found-now")).not_to_have_attribute("aria-busy", "true")


def test_conditions_are_chosen_and_counted_as_they_are_filled_in(desk: Desk, page: Page) -> None:
    set_subscribers(desk.engine, "digest", {"a@example.jp": "花", "b@example.com": "月"})
    page.goto(f"{desk.url}{SEGMENTS}/new")
    page.get_by_label("What is asked about").select_option("domain")
    page.get_by_label("Condition").select_option("ends")
    before = page.get_by_label("Name").bounding_box()
    page.get_by_label("Value").fill(".jp")
    expect(page.locator(".segment-count")).to_have_text("1 subscriber")
    expect(page.locator("#examples")).to_contain_text("those who may see subscribers")
    assert page.get_by_label("Name").bounding_box() == before
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("How many of these must apply").select_option("any")
    page.get_by_label("What is asked about").nth(1).select_option("name")
    page.get_by_label("Value").nth(1).fill("月")
    expect(page.locator(".segment-count")).to_have_text("2 subscribers")
    expect(page.get_by_label("Query")).to_have_value('domain ends with ".jp" or name = "月"')
    assert violations(page) == []
    page.get_by_label("Name").fill("広報課　の人")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="広報課 の人").click()
    expect(page.get_by_label("Query")).to_have_value('domain ends with ".jp" or name = "月"')
