"""Every preview can be shown as the readers of each variant, as one person, or with all parts."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import IssueRow, MailingRow
from newsletter.database.vocabulary import FieldType, Role
from newsletter.issues.drafts.saving import open_issue
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.shown_as import person_key, variant_key
from newsletter.rendering.slots import fill
from subscribers.fields.actions import add_field
from subscribers.fields.model import Field
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import save_segment
from tests.support.stage import Stage, set_stage
from tests.web.conftest import SignIn, csrf_of, fields_of, tight

ISSUE = """---
title: 十二月号
date: 2026-12-01
---

:field[name|市民] 様、:field[town|市内] のお知らせです。[町](https://town.example.jp/)

:::for parents
目印催し
:::

:::for tag = "staff"
目印職員
:::
"""
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PEOPLE = """email,name,tags,town
haru@example.jp,春,child,千葉
natsu@example.jp,夏,child; staff,
aki@example.jp,,,
fuyu@example.jp,冬,child,
"""
PARENTS, NOBODY = variant_key(["parents"]), variant_key([])
BASE = "/newsletters/digest"


def _fill(engine: Engine, newsletter_id: int) -> None:
    with transaction(engine) as session:
        save_segment(session, newsletter_id, name="parents", query='tag = "child"')
        town = Field(key="town", type=FieldType.TEXT, labels={"ja": "町", "en": "Town"})
        add_field(session, COMMAND_LINE, newsletter_id, town)
    import_csv(engine, newsletter_id, PEOPLE.splitlines(keepends=True), source="test", basis="test")


@pytest.fixture
def house(engine: Engine) -> Stage:
    stage = set_stage(engine, ISSUE.encode())
    _fill(engine, stage.newsletter_id)
    return stage


def _marks(text: str) -> set[str]:
    return set(re.findall("目印(.{2})", text))


def _draft(house: Stage) -> int:
    with transaction(house.engine) as session:
        return open_issue(session, house.newsletter_id, house.issue, author="葵").id


def test_each_page_with_the_mail_shows_it_as_the_readers_chosen(
    house: Stage, sign_in: SignIn
) -> None:
    draft = _draft(house)
    client = sign_in("ruler@example.jp", Role.ADMINISTRATOR)
    with reading(house.engine) as session:
        issue = session.scalars(select(IssueRow.id)).one()
    send = f"{BASE}/issues/{issue}/send"
    natsu = person_key(house.subscriber_id("natsu@example.jp"))

    for path, key, marks, greeting in [
        (f"{BASE}/drafts/{draft}/mail", "", {"催し", "職員"}, "Jane Sample 様、市内"),
        (f"{BASE}/drafts/{draft}/mail", PARENTS, {"催し"}, "Jane Sample 様、市内"),
        (f"{BASE}/drafts/{draft}/mail", "unknown", {"催し", "職員"}, "市民 様、市内"),
        (f"{send}/mail", NOBODY, set(), "Jane Sample 様、市内"),
        (f"{send}/mail", natsu, {"催し", "職員"}, "夏 様、市内"),
        (f"{send}/mail", "p999999", {"催し", "職員"}, "Jane Sample 様、市内"),
    ]:
        mail = client.get(path, params={"as": key}).text
        assert (_marks(mail), greeting in mail) == (marks, True)
    for path in (f"{BASE}/drafts/{draft}", send, f"{send}/review", f"{send}/confirm"):
        page = client.get(path, params={"as": PARENTS}).text
        assert f'value="{PARENTS}" selected>parents — 2 people</option>' in tight(page)
        assert f"/mail?as={PARENTS}" in page
    confirmation = client.get(f"{send}/confirm", params={"as": PARENTS}).text
    plain = re.findall(r'<pre class="plain".*?</pre>', confirmation, re.DOTALL)[0]
    assert _marks(plain) == {"催し"}


@pytest.mark.parametrize(("page", "there"), [("review", "#review-mail"), ("confirm", "")])
def test_who_decides_sees_how_many_readers_get_each_mail_and_opens_it(
    house: Stage, sign_in: SignIn, page: str, there: str
) -> None:
    client = sign_in("ruler@example.jp", Role.ADMINISTRATOR)
    with reading(house.engine) as session:
        issue = session.scalars(select(IssueRow.id)).one()
    shown = tight(client.get(f"{BASE}/issues/{issue}/send/{page}").text)
    links = re.findall(r'<a[^>]* href="([^"]*as=[^"]*)" ?>([^<]*)</a>— ([^<]*)</li>', shown)
    assert [(name, people) for _, name, people in links] == [
        ("parents", "2 people"),
        ("Only what is for everybody", "1 person"),
        ("parents + Tag is staff", "1 person"),
    ]
    assert links[0][0].endswith(f"as={PARENTS}{there}")
    opened = client.get(f"{BASE}/issues/{issue}/send/{page}", params={"as": PARENTS}).text
    assert f"/mail?as={PARENTS}" in opened


def test_who_may_not_see_subscribers_is_shown_nobody(house: Stage, sign_in: SignIn) -> None:
    draft = _draft(house)
    editor = sign_in("editor@example.jp", Role.EDITOR)
    haru = person_key(house.subscriber_id("haru@example.jp"))
    mail = editor.get(f"{BASE}/drafts/{draft}/mail", params={"as": haru}).text
    assert "春" not in mail
    assert "千葉" not in mail
    page = editor.get(f"{BASE}/drafts/{draft}", params={"as": haru}).text
    assert "haru@example.jp" not in page
    assert "find-reader" not in page
    answer = editor.post(
        f"{BASE}/readers", data={"csrf": csrf_of(page), "find": "haru", "back": f"{BASE}/issues"}
    )
    assert answer.status_code == 403


def test_without_scripts_a_search_leads_back_to_the_preview_of_whom_it_found(
    house: Stage, sign_in: SignIn
) -> None:
    draft = _draft(house)
    client = sign_in("ruler@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(f"{BASE}/drafts/{draft}").text)
    back = f"{BASE}/drafts/{draft}"
    haru = person_key(house.subscriber_id("haru@example.jp"))

    for find in ("春", "HARU@example.jp"):
        form = {"csrf": csrf, "find": find, "back": back}
        found = client.post(f"{BASE}/readers", data=form).text
        assert f'href="{back}?as={haru}"' in found
    for elsewhere in ("https://evil.example/", "//evil.example", "/newsletters/other/issues"):
        form = {"csrf": csrf, "find": "春", "back": elsewhere}
        assert f'href="{BASE}/issues?as={haru}"' in client.post(f"{BASE}/readers", data=form).text


def test_a_test_mail_is_what_the_preview_shows(house: Stage, sign_in: SignIn) -> None:
    draft = _draft(house)
    client = sign_in("ruler@example.jp", Role.ADMINISTRATOR)
    page = client.get(f"{BASE}/drafts/{draft}", params={"as": PARENTS}).text
    form = fields_of(page) | {"as": re.findall(r'name="as" value="(\w*)" data-shown-as', page)[0]}
    answer = client.post(f"{BASE}/drafts/{draft}/test", data=form)
    assert "The test email is on its way to ruler@example.jp." in answer.text
    assert "With the parts for these readers, as in the preview: parents" in tight(answer.text)
    assert f'value="{PARENTS}" selected' in answer.text
    with reading(house.engine) as session:
        test = session.scalars(select(MailingRow.id)).one()
        text = fill(load_content(session, test).rendered.text, {})
    assert _marks(text) == {"催し"}


def test_a_sent_issue_is_shown_as_each_of_its_readers_got_it(house: Stage, sign_in: SignIn) -> None:
    plan_mailing(house.engine, house.mail())
    with reading(house.engine) as session:
        issue = session.scalars(select(IssueRow.id)).one()
    client = sign_in("ruler@example.jp", Role.ADMINISTRATOR)
    page = client.get(f"{BASE}/issues/{issue}").text
    # Most readers got this; nobody got a mail with all parts.
    assert f'value="{PARENTS}" selected>parents — 2 people</option>' in tight(page)
    assert "All parts" not in page
    natsu = person_key(house.subscriber_id("natsu@example.jp"))
    for key, marks in [
        ("", {"催し"}),
        (NOBODY, set()),
        (natsu, {"催し", "職員"}),
    ]:
        mail = client.get(f"{BASE}/issues/{issue}/mail", params={"as": key}).text
        assert _marks(mail) == marks
