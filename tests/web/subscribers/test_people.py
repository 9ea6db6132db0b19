"""Operators find a person, see their standing, and act with a reason; others see nothing."""

from __future__ import annotations

import re

import pytest
from lxml import html
from sqlalchemy import select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    NewsletterRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
)
from newsletter.database.vocabulary import Role, SubscriptionState
from subscribers.actions import save_segment
from subscribers.fields.values import write_values
from subscribers.search import PeopleFilter, search_people
from tests.support import fields
from tests.support.databases import each_database
from tests.support.stage import Stage, set_subscribers
from tests.web.conftest import SignIn, csrf_of, tight

_BASE = "/newsletters/digest/subscribers"


def _found(stage: Stage, after: int | None = None, limit: int = 50, **asked: object) -> list[str]:
    with reading(stage.engine) as session:
        row = session.scalars(select(NewsletterRow)).one()
        page = search_people(session, row, PeopleFilter(**asked), after=after, limit=limit)  # type: ignore[arg-type]
    return [one.address for one in page.people]


@each_database
def test_people_are_found_by_how_their_address_begins(stage: Stage) -> None:
    stage.subscribe("anna@example.jp", "Anne@example.jp", "ben@example.jp")
    assert _found(stage, text="ANN") == ["anna@example.jp", "Anne@example.jp"]


@each_database
@pytest.mark.parametrize(
    ("text", "within", "found"),
    [
        ("nn", False, "ba"),
        ("DOCOMO", False, "b"),
        ("川", False, "a"),
        ("花子", False, "a"),
        ("青葉", False, "b"),
        ("CHIBA", False, "a"),
        ("有料", False, "b"),
        ("1980-04-01", False, "a"),
        ("paid", False, "b"),
        ("city", False, ""),
        ("%", False, ""),
        ("an", False, "a"),
        ("an", True, "ba"),
    ],
)
def test_people_are_found_by_any_part_of_address_name_or_field(
    stage: Stage, text: str, *, within: bool, found: str
) -> None:
    """Where nobody's begins so, or any part is asked for; and by no word of another group."""
    number = stage.newsletter_id
    fields.set_fields(stage.engine, number, fields.CITY, fields.BIRTHDAY, fields.PLAN)
    people = {"a": "anna@example.jp", "b": "hanna@docomo.ne.jp"}
    set_subscribers(stage.engine, "digest", {people["a"]: "石川 花子", people["b"]: "葵"})
    with transaction(stage.engine) as session:
        for name, values in (
            ("a", {"city": "Chiba", "birthday": "1980-04-01"}),
            ("b", {"city": "横浜市青葉区", "plan": "paid"}),
        ):
            write_values(session, number, stage.subscriber_id(people[name]), values)
    assert _found(stage, text=text, within=within) == [people[name] for name in found]


@each_database
def test_people_are_found_by_tag_and_by_segment(stage: Stage) -> None:
    stage.subscribe("anna@example.jp", "ben@example.com")
    with transaction(stage.engine) as session:
        number = stage.subscriber_id("anna@example.jp")
        session.add(TagRow(newsletter_id=stage.newsletter_id, subscriber_id=number, tag="press"))
    assert _found(stage, tag="press") == ["anna@example.jp"]
    assert _found(stage, segment='domain = "example.com"') == ["ben@example.com"]


@each_database
def test_pages_go_on_where_the_last_one_ended(stage: Stage) -> None:
    addresses = [f"r{number}@example.jp" for number in range(7)]
    stage.subscribe(*addresses)
    seen, after = [], None
    with reading(stage.engine) as session:
        row = session.scalars(select(NewsletterRow)).one()
        for _ in range(4):
            wanted = PeopleFilter(text="r")
            page = search_people(session, row, wanted, after=after, limit=3)
            seen += [one.address for one in page.people]
            after = page.after
            if after is None:
                break
    assert seen == addresses


def test_people_whose_address_is_suppressed_are_found_exported_and_tagged(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("anna@example.jp", "ben@example.jp", "cho@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    ben = f"{_BASE}/{stage.subscriber_id('ben@example.jp')}"
    csrf = csrf_of(client.get(ben).text)
    client.post(f"{ben}/suppress", data={"csrf": csrf, "reason": "asked by telephone"})
    suppressed = {"state": "suppressed"}
    for page in (
        client.get(_BASE, params=suppressed),
        client.get(f"{_BASE}.csv", params=suppressed),
    ):
        assert [name in page.text for name in ("anna@", "ben@", "cho@")] == [False, True, False]
    order = {"csrf": csrf, "new_tag": "ask", "verb": "give", "whom": "all", "sure": "yes"}
    client.post(f"{_BASE}/tags", data={**order, **suppressed})
    assert _found(stage, tag="ask") == ["ben@example.jp"]


@each_database
def test_an_operator_suppresses_and_lifts_with_a_reason(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("anna@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    person = f"{_BASE}/{stage.subscriber_id('anna@example.jp')}"
    page = client.get(person)
    csrf = csrf_of(page.text)
    assert client.post(f"{person}/suppress", data={"csrf": csrf}).status_code == 400
    page = client.post(f"{person}/suppress", data={"csrf": csrf, "reason": "asked by telephone"})
    assert "Suppressed: By hand" in page.text
    page = client.post(f"{person}/lift", data={"csrf": csrf, "reason": "asked again"})
    assert "Suppressed: By hand" not in page.text
    with reading(stage.engine) as session:
        assert session.scalars(select(SuppressionRow)).all() == []
        events = session.execute(
            select(AuditEventRow.action, AuditEventRow.reason)
            .where(AuditEventRow.action.startswith("subscriber."))
            .order_by(AuditEventRow.id)
        ).all()
    assert [tuple(row) for row in events] == [
        ("subscriber.suppress", "asked by telephone"),
        ("subscriber.lift", "asked again"),
    ]


@each_database
def test_a_domain_beyond_ascii_is_shown_as_it_is_read(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("info@例え.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    base = "/newsletters/digest/subscribers"
    person = f"{base}/{stage.subscriber_id('info@xn--r8jz45g.jp')}"
    for path in (base, person, f"{person}/edit"):
        page = client.get(path).text
        assert "info@例え.jp" in page, path
        assert "xn--" not in page, path


@each_database
def test_an_operator_unsubscribes_somebody(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("anna@example.jp")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    person = f"{_BASE}/{stage.subscriber_id('anna@example.jp')}"
    csrf = csrf_of(client.get(person).text)
    page = client.post(f"{person}/unsubscribe", data={"csrf": csrf, "reason": "by letter"})
    assert "Reason given: by letter" in page.text
    with reading(stage.engine) as session:
        assert session.scalars(select(SubscriptionRow.state)).one() is (
            SubscriptionState.UNSUBSCRIBED
        )


@each_database
def test_a_segment_is_counted_before_it_is_saved(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("anna@example.jp", "ben@example.com")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    query = 'domain = "example.com"'
    page = client.get(_BASE, params={"segment": query, "count": "1"})
    assert "would go to: 1" in page.text
    assert "anna@example.jp" not in page.text
    saved = {"csrf": csrf_of(page.text), "name": "com", "query": query}
    assert "<option>com</option>" in tight(client.post(f"{_BASE}/segments", data=saved).text)
    assert client.get(_BASE, params={"segment": "tag ="}).status_code == 400


def test_a_saved_segment_is_chosen_by_name_and_a_query_typed_beside_it_counts_instead(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("anna@example.jp", "ben@example.com")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    query = 'domain = "example.com"'
    with transaction(stage.engine) as session:
        save_segment(session, COMMAND_LINE, stage.newsletter_id, name="com", query=query)

    chosen = client.get(_BASE, params={"segment": "com", "count": "1"})
    assert re.search(r"<option selected>\s*com<", chosen.text)
    assert "Found in the list: 1." in chosen.text
    form = next(form for form in html.fromstring(chosen.text).forms if "query" in form.fields)
    sent = dict(form.form_values())
    assert sent["query"].strip() == sent["shown"] == query
    page = chosen
    for change, found in (
        ({}, {"ben@example.com"}),
        ({"segment": ""}, {"anna@example.jp", "ben@example.com"}),
        ({"query": 'domain = "example.jp"'}, {"anna@example.jp"}),
    ):
        page = client.get(_BASE, params=sent | change)
        assert set(re.findall(r"\w+@example\.\w+(?=</a>)", page.text)) == found, change
    own = html.fromstring(page.text)
    (builder,) = own.xpath("//a[contains(@href, '/segments/new')]/@href")
    assert 'value="example.jp"' in client.get(builder).text
    tags = {"csrf": csrf_of(page.text), "segment": "com", "new_tag": "x", "whom": "all"}
    assert "1 person" in client.post(f"{_BASE}/tags", data=tags).text
    exported = client.get(f"{_BASE}.csv", params={"segment": "com"}).text
    assert ("ben@" in exported, "anna@" in exported) == (True, False)


@each_database
def test_the_list_is_exported_and_the_export_is_written_down(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("anna@example.jp", "ben@example.com")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    page = client.get(f"{_BASE}.csv", params={"segment": 'domain = "example.com"'})
    lines = page.text.splitlines()
    assert len(lines) == 2
    assert lines[1].partition(",")[0].strip('"') == "ben@example.com"
    shown = client.get(
        f"{_BASE}.csv",
        params={"state": "confirmed", "form": "readable"},
        headers={"Accept-Language": "ja"},
    )
    assert shown.text.splitlines()[0].startswith("\ufeffEmail address,Name,State of")
    for form in ("", "readable"):
        found = client.get(f"{_BASE}.csv", params={"text": "ANNA", "form": form})
        assert ("anna@" in found.text, "ben@" in found.text) == (True, False)
        assert "@" not in client.get(f"{_BASE}.csv", params={"tag": "x", "form": form}).text
    assert client.get(f"{_BASE}.csv", params={"text": "anna@example.jp"}).status_code == 200
    with reading(stage.engine) as session:
        query = select(AuditEventRow.details).where(AuditEventRow.action == "subscriber.export")
        details = session.scalars(query.order_by(AuditEventRow.id)).all()
    asked = [(one["searched"], one["tags"]) for one in details]
    # What somebody's address was may not stay when they are erased.
    assert asked == [("", ""), ("", ""), *[("ANNA", ""), ("", "x")] * 2, ("…@example.jp", "")]


def test_a_tag_is_given_to_those_chosen_and_to_all_whom_a_search_finds(
    stage: Stage, sign_in: SignIn
) -> None:
    stage.subscribe("anna@example.jp", "ben@example.com", "cho@example.com")
    client = sign_in("operator@example.jp", Role.OPERATOR)
    csrf = csrf_of(client.get(_BASE).text)
    order = {"csrf": csrf, "new_tag": "press", "verb": "give"}
    anna = {**order, "whom": "chosen", "person": str(stage.subscriber_id("anna@example.jp"))}
    for given in ("added to 1 person", "added to 0 people"):
        assert f"The tag “press” was {given}" in client.post(f"{_BASE}/tags", data=anna).text
    everybody = {**order, "whom": "all", "segment": 'domain = "example.com"'}
    asked = client.post(f"{_BASE}/tags", data=everybody)
    assert "The tag is added to 2 people." in asked.text
    assert _found(stage, tag="press") == ["anna@example.jp"]
    done = client.post(f"{_BASE}/tags", data={**everybody, "sure": "yes"})
    assert "was added to 2 people" in done.text
    assert "anna@example.jp" not in done.text
    taken = client.post(f"{_BASE}/tags", data={**anna, "verb": "take"})
    assert "was removed from 1 person" in taken.text
    assert sorted(_found(stage, tag="press")) == ["ben@example.com", "cho@example.com"]
    refused = client.post(f"{_BASE}/tags", data={**order, "whom": "chosen"})
    assert (refused.status_code, "Nobody was chosen." in refused.text) == (400, True)


def test_editors_do_not_see_addresses(stage: Stage, sign_in: SignIn) -> None:
    stage.subscribe("anna@example.jp")
    client = sign_in("editor@example.jp", Role.EDITOR)
    for path in (_BASE, f"{_BASE}.csv", f"{_BASE}/{stage.subscriber_id('anna@example.jp')}"):
        assert client.get(path).status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_empty_list_offers_no_search(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("operator@example.jp", Role.OPERATOR)
    search = re.compile(r'role="search"\s+hidden')
    assert search.search(client.get(_BASE).text)
    assert not search.search(client.get(_BASE, params={"text": "nobody"}).text)
    stage.subscribe("a@example.jp")
    assert not search.search(client.get(_BASE).text)
