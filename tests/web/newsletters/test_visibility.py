"""Who may find and read a newsletter: a new one is private until somebody says otherwise."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow
from newsletter.database.vocabulary import Joining, Role, Visibility
from newsletter.i18n.language import Language
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import (
    NewsletterDraft,
    create_newsletter,
    settings_of_newsletter,
)
from subscribers.preferences import Wishes, save_wishes
from subscribers.readers import list_choices
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _set(stage: Stage, visibility: Visibility) -> None:
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(visibility=visibility))


@pytest.mark.parametrize(
    ("visibility", "listed", "readable"),
    [
        (Visibility.PUBLIC, True, True),
        (Visibility.UNLISTED, False, True),
        (Visibility.PRIVATE, False, False),
    ],
)
def test_what_readers_find_follows_one_rule(
    stage: Stage, site: str, visibility: Visibility, *, listed: bool, readable: bool
) -> None:
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())
    _set(stage, visibility)

    for path in ("/", "/sitemap.xml"):
        assert ("/archive/digest" in httpx.get(site + path).text) is listed
    for path in ("", "/feed.atom", f"/{stage.issue}"):
        answer = httpx.get(f"{site}/archive/digest{path}")
        assert (answer.status_code == 200) is readable
    indexed = "X-Robots-Tag" not in httpx.get(f"{site}/archive/digest").headers
    assert indexed is (visibility is not Visibility.UNLISTED)
    assert ("/archive/digest" in httpx.get(f"{site}/subscribe/digest").text) is readable


@pytest.mark.parametrize("joining", list(Joining))
def test_strangers_read_what_it_is_and_join_where_they_may(
    stage: Stage, site: str, joining: Joining
) -> None:
    stage.subscribe("a@example.jp")
    plan_mailing(stage.engine, stage.mail())
    with transaction(stage.engine) as session:
        words = {"description": "市の催しを毎週お知らせします。", "joining": joining}
        session.execute(update(NewsletterRow).values(words))
    front = httpx.get(f"{site}/").text
    assert "市の催しを毎週お知らせします。" in front
    assert f"/archive/digest/{stage.issue}" in front
    for path in ("/", "/archive/digest"):
        offered = 'class="button" href="/subscribe/digest"' in httpx.get(site + path).text
        assert offered is (joining is not Joining.INVITATION)


def test_another_newsletters_readers_neither_see_nor_join_a_hidden_one(stage: Stage) -> None:
    stage.subscribe("a@example.jp")
    hidden = NewsletterDraft(
        slug="staff", name="庁内報", from_address="staff@example.jp", postal_address="東京都"
    )
    with transaction(stage.engine) as session:
        number = create_newsletter(session, hidden).id
        reader = stage.subscriber_id("a@example.jp")
        assert [choice.slug for choice in list_choices(session, reader)] == ["digest"]
        wishes = Wishes(
            name="",
            language=Language.JAPANESE,
            html=True,
            newsletter_ids=frozenset({number, stage.newsletter_id}),
            weeks=None,
        )
        save_wishes(
            session,
            reader,
            wishes,
            newsletter_id=stage.newsletter_id,
            source="test",
            network="",
            mailing_id=None,
        )
        assert [choice.slug for choice in list_choices(session, reader)] == ["digest"]


def test_a_new_newsletter_is_private_and_its_administrator_opens_it(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = client.get("/newsletters/new")
    assert '<option value="private" selected>' in page.text
    form = {
        "csrf": csrf_of(page.text),
        "slug": "weekly",
        "name": "週刊",
        "from_address": "weekly@example.jp",
        "postal_address": "東京都千代田区",
        "time_zone": "Asia/Tokyo",
        "template": "digest",
        "soft_limit": "5",
        "soft_days": "60",
    }
    client.post("/newsletters/new", data=form)
    with reading(stage.engine) as session:
        row = session.scalars(select(NewsletterRow).where(NewsletterRow.slug == "weekly")).one()
        assert settings_of_newsletter(row).visibility is Visibility.PRIVATE
    assert client.get("/archive/weekly").status_code == 404
    client.post("/newsletters/weekly/settings", data=form | {"visibility": "public"})
    assert client.get("/archive/weekly").status_code == 200
    with reading(stage.engine) as session:
        events = session.scalars(select(AuditEventRow)).all()
    changed = next(event for event in events if event.action == "newsletter.settings")
    assert changed.details["visibility"] == ["private", "public"]
