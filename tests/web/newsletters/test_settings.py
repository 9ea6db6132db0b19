"""An administrator makes newsletters and changes their settings; others cannot."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import select, update

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, NewsletterRow
from newsletter.database.vocabulary import Role
from newsletter.feedback.policy import FeedbackPolicy, load_policy, save_policy
from tests.support.databases import each_database
from tests.support.stage import Stage
from tests.web.conftest import SignIn, csrf_of, tight

_SETTINGS = "/newsletters/digest/settings"
_FORM = {
    "name": "まちの便り",
    "from_name": "",
    "from_address": "machi@example.jp",
    "reply_to": "",
    "postal_address": "〒100-0000\r\n東京都千代田区例町1-2-3",
    "bounce_address": "",
    "unsubscribe_address": "",
    "website_url": "https://example.jp/",
    "contact_url": "",
    "language": "ja",
    "time_zone": "Asia/Tokyo",
    "template": "letter",
    "approval_required": "1",
    "soft_limit": "5",
    "soft_days": "60",
}


def _row(stage: Stage, slug: str) -> NewsletterRow | None:
    with reading(stage.engine) as session:
        return session.scalar(select(NewsletterRow).where(NewsletterRow.slug == slug))


@each_database
def test_settings_are_changed_and_the_audit_log_says_from_what(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_SETTINGS).text)
    before = _row(stage, "digest")
    assert before is not None

    page = client.post(_SETTINGS, data=_FORM | {"csrf": csrf})

    assert page.status_code == 200
    row = _row(stage, "digest")
    assert row is not None
    assert (row.name, row.from_name, row.template) == ("まちの便り", "まちの便り", "letter")
    assert (row.bounce_address, row.approval_required) == ("bounces@example.jp", True)
    assert row.postal_address == "〒100-0000\n東京都千代田区例町1-2-3"
    assert row.list_id == before.list_id
    with reading(stage.engine) as session:
        query = select(AuditEventRow).where(AuditEventRow.action == "newsletter.settings")
        event = session.scalars(query).one()
    assert event.details["name"] == [before.name, "まちの便り"]
    assert "website_url" in event.details


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\r\nBcc: x@example.jp"),
        ("from_address", "nobody"),
        ("reply_to", "two@example.jp, more@example.jp"),
        ("postal_address", " "),
        ("website_url", "javascript:alert(1)"),
        ("time_zone", "Asia/Edo"),
        ("template", "../../etc"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_nothing_is_saved(
    stage: Stage, sign_in: SignIn, field: str, value: str
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get(_SETTINGS).text)

    page = client.post(_SETTINGS, data=_FORM | {"csrf": csrf, field: value})

    assert page.status_code == 400
    assert f'id="{field}-error"' in page.text
    assert page.text.count('-error">') == 1
    row = _row(stage, "digest")
    assert row is not None
    assert row.name != "まちの便り"


@each_database
def test_languages_are_ticked_and_others_named(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    page = client.get(_SETTINGS).text
    assert re.search(r'type="checkbox" name="languages" value="vi"> *Vietnamese', tight(page))
    asked = {"csrf": csrf_of(page), "languages": ["vi", "en", "Swahili、ドイツ語"]}
    page = client.post(_SETTINGS, data=_FORM | asked).text
    row = _row(stage, "digest")
    assert row is not None
    assert row.languages == ["vi", "en", "sw", "de"]
    ticked = re.findall(r'name="languages" value="([^"]+)" checked', tight(page))
    assert ticked == row.languages


def test_a_time_zone_is_chosen_by_the_name_of_its_place(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    with transaction(stage.engine) as session:
        session.execute(update(NewsletterRow).values(time_zone="UTC"))
    zones = re.search(
        r'<select[^>]*name="time_zone".*?</select>', client.get(_SETTINGS).text, re.DOTALL
    )
    assert zones is not None
    words = dict(re.findall(r'value="([^"]+)" *(?:selected)?>([^<]+)', tight(zones.group())))
    assert words["Asia/Tokyo"].strip() != "Asia/Tokyo"
    assert '<option value="UTC" selected>' in tight(zones.group())


@each_database
def test_when_mail_comes_back_is_ruled_in_the_browser(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    before = _FORM | {"csrf": csrf_of(client.get(_SETTINGS).text)}
    form = before | {"soft_limit": "3", "soft_days": "30", "languages": ["vi"]}

    page = client.post(_SETTINGS, data=form | {"complaint_everywhere": "1"})

    assert 'id="soft_limit" name="soft_limit" type="number" value="3"' in tight(page.text)
    with reading(stage.engine) as session:
        policy = load_policy(session, stage.newsletter_id)
        events = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "policy.set")
        ).all()
    assert policy == FeedbackPolicy(soft_limit=3, soft_days=30, complaint_everywhere=True)
    assert [event.details["soft_days"] for event in events] == [30]
    row = _row(stage, "digest")
    assert row is not None
    assert row.languages == ["vi"]


@pytest.mark.parametrize("number", ["0", "101", ""])
def test_a_number_out_of_range_is_told_beside_it(
    stage: Stage, sign_in: SignIn, number: str
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    before = _FORM | {"csrf": csrf_of(client.get(_SETTINGS).text)}
    page = client.post(_SETTINGS, data=before | {"soft_limit": number, "soft_days": "30"})
    assert page.status_code == 400
    assert 'id="soft_limit-error"' in page.text
    assert 'value="まちの便り"' in page.text
    with reading(stage.engine) as session:
        assert load_policy(session, stage.newsletter_id) == FeedbackPolicy()


def test_where_another_changed_the_policy_nothing_of_the_page_is_saved_and_all_is_kept_in_it(
    stage: Stage, sign_in: SignIn
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    begun = client.get(_SETTINGS).text
    shown = re.search(r'name="shown_policy" value="([^"]+)"', tight(begun))
    assert shown is not None
    with transaction(stage.engine) as session:
        save_policy(session, stage.newsletter_id, FeedbackPolicy(soft_limit=9))
    asked = {"soft_limit": "3", "soft_days": "60", "shown_policy": unescape(shown[1])}

    page = client.post(_SETTINGS, data=_FORM | asked | {"csrf": csrf_of(begun)})

    assert page.status_code == 409
    assert "“9”" in page.text
    assert 'value="まちの便り"' in page.text
    assert 'id="soft_limit" name="soft_limit" type="number" value="3"' in tight(page.text)
    row = _row(stage, "digest")
    assert row is not None
    assert row.name != "まちの便り"


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("role", [Role.EDITOR, Role.APPROVER, Role.OPERATOR])
def test_other_roles_do_not_reach_the_settings(sign_in: SignIn, role: Role) -> None:
    client = sign_in("other@example.jp", role)
    assert client.get(_SETTINGS).status_code == 403
    assert client.get("/newsletters/new").status_code == 403


@each_database
def test_a_new_newsletter_can_be_written_for_at_once(stage: Stage, sign_in: SignIn) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get("/newsletters/new").text)

    page = client.post("/newsletters/new", data=_FORM | {"csrf": csrf, "slug": "machi"})

    assert page.url.path == "/newsletters/machi/issues"
    row = _row(stage, "machi")
    assert row is not None
    assert row.list_id == "machi.example.jp"


@pytest.mark.parametrize("slug", ["digest", "new", "Großbuch", ""])
def test_a_short_name_that_is_taken_or_none_is_refused(
    stage: Stage, sign_in: SignIn, slug: str
) -> None:
    client = sign_in("admin@example.jp", Role.ADMINISTRATOR)
    csrf = csrf_of(client.get("/newsletters/new").text)

    page = client.post("/newsletters/new", data=_FORM | {"csrf": csrf, "slug": slug})

    assert page.status_code == 400
    assert 'id="slug-error"' in page.text
    with reading(stage.engine) as session:
        assert len(session.scalars(select(NewsletterRow)).all()) == 1
