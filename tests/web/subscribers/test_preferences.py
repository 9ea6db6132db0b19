"""Preferences, the data held, erasure, and every way out through one function."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from lxml import html as lxml_html
from playwright.sync_api import Page, expect
from sqlalchemy import select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    Base,
    ConsentRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import (
    Frequency,
    Joining,
    LeaveReason,
    SubscriptionState,
    UnsubscribeWay,
)
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.tokens import DeliveryRef, Pseudonyms, Purpose, TokenSigner
from subscribers.fields.values import values_of, write_values
from subscribers.held_data import LEFT_OUT, held_columns
from subscribers.joining import OWN_PAGE, PREFERENCES_PAGE
from subscribers.suppression import erased_among
from tests.support import fields
from tests.support.databases import each_database
from tests.support.digests import offer
from tests.web.conftest import tight
from tests.web.subscribers.conftest import API_TOKEN, Reception

READER = "reader@example.jp"
OTHER = NewsletterDraft(
    slug="weekly",
    name="週刊",
    from_address="weekly@example.jp",
    postal_address="東京都",
    joining=Joining.PUBLIC,
    description="図書館の新着です。",
)


@pytest.fixture
def page(reception: Reception) -> str:
    reception.stage.subscribe(READER)
    return reception.preferences(READER)


def _save(page: str, *newsletters: int, **fields: str) -> httpx.Response:
    data = {"language": "ja", "format": "html", "name": "", **fields}
    ticked = [*map(str, newsletters), *filter(None, [fields.get("newsletter")])]
    return httpx.post(page, data={**data, "newsletter": ticked})


def test_the_page_goes_on_in_the_language_that_is_chosen_whatever_its_address_named(
    reception: Reception, page: str
) -> None:
    ours = reception.stage.newsletter_id
    assert '<html lang="en"' in _save(f"{page}?lang=ja", ours, language="en").text
    assert '<html lang="ja"' in _save(f"{page}?lang=ja", ours, language="en").text


@each_database
def test_a_newsletter_that_is_ticked_is_joined_with_a_record(
    reception: Reception, page: str
) -> None:
    with transaction(reception.stage.engine) as session:
        other = create_newsletter(session, OTHER).id
    _save(page, reception.stage.newsletter_id, other)
    with reading(reception.stage.engine) as session:
        row = session.get_one(SubscriptionRow, (other, reception.stage.subscriber_id(READER)))
    assert row.state is SubscriptionState.CONFIRMED
    assert (row.consent_source, row.consent_basis) == (PREFERENCES_PAGE, OWN_PAGE)


def test_a_newsletter_that_is_unticked_is_left(reception: Reception, page: str) -> None:
    assert "再び受け取る" not in httpx.get(page).text
    left = _save(page).text
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED
    assert "再び受け取る" in left
    assert 'href="/u/' not in left


def _as_shown(page: str) -> dict[str, str]:
    """Return what the open page would send by itself."""
    shown = tight(httpx.get(page).text)
    hidden = dict(re.findall('<input type="hidden" name="([^"]+)" value="([^"]*)"', shown))
    ticked = re.findall('name="newsletter" value="(\\d+)" checked', shown)
    paused = {"pause": "" if "日まで停止" in shown else "0"}
    return hidden | paused | ({"newsletter": ticked[0]} if ticked else {})


def test_a_page_that_was_open_meanwhile_brings_back_nobody_who_left(
    reception: Reception, page: str
) -> None:
    open_page = _as_shown(page)
    _save(page)
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED

    _save(page, **open_page, name="花")

    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED
    _save(page, reception.stage.newsletter_id, **_as_shown(page))
    assert reception.state(READER) is SubscriptionState.CONFIRMED


def test_a_page_that_was_open_meanwhile_ends_nothing_that_it_did_not_show(
    reception: Reception, page: str
) -> None:
    open_page = _as_shown(page)
    with transaction(reception.stage.engine) as session:
        other = create_newsletter(session, OTHER).id
    httpx.post(f"{page}/join", data={"newsletter": str(other)})
    _save(page, reception.stage.newsletter_id, other, pause="4")

    _save(page, **open_page, name="花")

    with reading(reception.stage.engine) as session:
        rows = session.scalars(select(SubscriptionRow)).all()
    assert [row.state for row in rows] == [SubscriptionState.CONFIRMED] * 2
    assert [row.paused_until is None for row in rows] == [False, False]


@each_database
def test_a_pause_ends_by_itself(reception: Reception, page: str) -> None:
    _save(page, reception.stage.newsletter_id, pause="4")
    with reading(reception.stage.engine) as session:
        until = session.scalars(select(SubscriptionRow.paused_until)).one()
    assert until is not None
    assert timedelta(days=27) < until - now() < timedelta(days=29)


def test_saving_again_leaves_a_pause_as_it_is(reception: Reception, page: str) -> None:
    _save(page, reception.stage.newsletter_id, pause="4")
    _save(page, reception.stage.newsletter_id, pause="", name="花子")
    with reading(reception.stage.engine) as session:
        assert session.scalars(select(SubscriptionRow.paused_until)).one() is not None


def test_all_that_is_held_can_be_downloaded(page: str) -> None:
    held = httpx.get(f"{page}/data.json")
    assert held.headers["content-disposition"].startswith("attachment")
    assert held.json()["address"] == READER
    assert held.json()["subscriptions"][0]["newsletter"] == "digest"


@each_database
def test_the_data_held_names_tags_and_fields(reception: Reception, page: str) -> None:
    digest = reception.stage.newsletter_id
    city = replace(fields.CITY, purpose="どの支所からお送りするかを決めます")
    fields.set_fields(reception.stage.engine, digest, city, fields.PLAN)
    with transaction(reception.stage.engine) as session:
        number = reception.stage.subscriber_id(READER)
        session.add(TagRow(newsletter_id=digest, subscriber_id=number, tag="press"))
        write_values(session, digest, number, {"city": "青葉町", "plan": "paid"})
    (held,) = httpx.get(f"{page}/data.json").json()["subscriptions"]
    assert held["tags"] == ["press"]
    assert [(field["label"], field["value"]) for field in held["fields"]] == [
        ("市区町村", "青葉町"),
        ("プラン", "paid"),
    ]
    shown = httpx.get(f"{page}/data").text
    for words in ("press", "市区町村", "青葉町", "有料", city.purpose):
        assert words in shown


def test_the_data_held_names_a_mail_by_its_subject(reception: Reception, page: str) -> None:
    mailing = reception.stage.mail()
    plan_mailing(reception.stage.engine, mailing)
    shown = re.sub(r"<[^>]+>|\s+", " ", httpx.get(f"{page}/data", params={"lang": "ja"}).text)
    assert re.search(r"件名 +まちのデジタル便り 2026年11月号", shown)
    assert "配信番号" not in shown


def test_the_data_held_says_how_often_and_until_when_mail_is_paused(
    reception: Reception, page: str
) -> None:
    with transaction(reception.stage.engine) as session:
        row = session.scalars(select(SubscriptionRow)).one()
        row.frequency, row.time_zone = Frequency.WEEKLY, "Asia/Seoul"
        row.paused_until = datetime(2031, 5, 6, 3, tzinfo=UTC)
    (held,) = httpx.get(f"{page}/data.json").json()["subscriptions"]
    assert (held["frequency"], held["paused_until"][:10]) == ("weekly", "2031-05-06")
    shown = httpx.get(f"{page}/data").text
    for words in ("週1回、まとめて", "2031年5月6日"):
        assert words in shown


def test_the_page_tells_all_that_the_download_does(reception: Reception, page: str) -> None:
    digest = reception.stage.newsletter_id
    _save(page)
    with transaction(reception.stage.engine) as session:
        event = session.scalars(select(UnsubscribeEventRow)).one()
        event.reason, event.remark = LeaveReason.TOO_MANY, "週に一通で十分です"
    _save(page, digest, name="花")
    with transaction(reception.stage.engine) as session:
        (consent,) = session.scalars(select(ConsentRow))
        consent.network = "192.0.2.0/24"
    shown = lxml_html.fromstring(httpx.get(f"{page}/data").text).text_content()
    for words in (
        "メールが多すぎる",
        "週に一通で十分です",
        "192.0.2.0/24",
        "設定の変更",
        "設定ページ",
    ):
        assert words in shown
    held = httpx.get(f"{page}/data.json").json()
    assert held["changes"][0]["changed"] == ["name"]
    assert not re.search(r"[a-z]+_[a-z]+|preferences page|subscriber\.", shown)


def test_every_table_about_a_person_is_told_or_left_out_knowingly() -> None:
    told_otherwise = {"subscription_tag", "series_enrolment", "series_copy", "person_merge"}
    journals_of_imports = {"import_change", "import_spread", "import_tag"}
    held = {table.__tablename__ for table in LEFT_OUT}
    about = {
        table.name
        for table in Base.metadata.sorted_tables
        if "subscriber_id" in table.c
        or any(key.column.table.name == "subscriber" for key in table.foreign_keys)
    }
    assert about - held == told_otherwise | journals_of_imports
    for table, names in LEFT_OUT.items():
        assert names <= {column.name for column in table.__table__.columns}
        assert held_columns(table)


def _values(reception: Reception) -> object:
    with reading(reception.stage.engine) as session:
        return values_of(
            session, reception.stage.newsletter_id, reception.stage.subscriber_id(READER)
        )


def test_readers_change_what_is_theirs_to_change(reception: Reception, page: str) -> None:
    digest = reception.stage.newsletter_id
    own = replace(fields.CITY, reader_may_change=True, required=True)
    fields.set_fields(reception.stage.engine, digest, own, fields.TOPIC, fields.AGE)
    shown = httpx.get(page).text
    for words in ("市区町村", "防災", "避難情報と訓練のお知らせ"):
        assert words in shown
    assert "年齢" not in shown
    form = {"newsletter": str(digest), "language": "ja", "field.topic": ["文化", "防災"]}
    wrong = httpx.post(page, data={**form, "field.city": " ", "name": "花子"})
    assert (wrong.status_code, "市区町村" in wrong.text) == (422, True)
    assert _values(reception) == {}
    saved = httpx.post(page, data={**form, "field.city": "青葉町", "field.age": "7"})
    assert saved.status_code == 200
    assert _values(reception) == {"city": "青葉町", "topic": ["防災", "文化"]}
    nothing = {"newsletter": str(digest), "language": "ja", "field.city": "青葉町"}
    httpx.post(page, data=nothing)
    assert _values(reception) == {"city": "青葉町"}


def test_who_leaves_is_not_held_up_by_a_required_field(
    reception: Reception, page: str, window: Page
) -> None:
    digest = reception.stage.newsletter_id
    own = replace(fields.CITY, reader_may_change=True, required=True)
    fields.set_fields(reception.stage.engine, digest, own)
    window.goto(f"{page}?lang=en")
    window.uncheck("[name=newsletter]")
    window.get_by_role("button", name="Save").click()
    expect(window.get_by_role("status").first).to_contain_text("Saved")
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED


def test_where_something_must_be_corrected_the_page_keeps_what_was_chosen(
    reception: Reception, page: str
) -> None:
    digest = reception.stage.newsletter_id
    own = replace(fields.CITY, reader_may_change=True, required=True)
    fields.set_fields(reception.stage.engine, digest, own)
    chosen = {"language": "en", "time_zone": "Asia/Seoul", "pause": "2", "format": "text"}
    wrong = httpx.post(page, data={"newsletter": str(digest), **chosen})
    assert wrong.status_code == 422
    kept = dict(lxml_html.fromstring(wrong.text).forms[0].form_values())
    assert {name: kept[name] for name in chosen} == chosen


def test_a_page_that_was_open_meanwhile_reverts_nothing_that_it_left_as_shown(
    reception: Reception, page: str
) -> None:
    digest, city = reception.stage.newsletter_id, replace(fields.CITY, reader_may_change=True)
    fields.set_fields(reception.stage.engine, digest, city, fields.TOPIC)
    form = {"newsletter": str(digest), "language": "ja", "format": "html", "name": ""}
    shown = lxml_html.fromstring(httpx.get(page).text).forms[0].fields["shown"]
    newer = {"name": "花", "format": "text", "field.city": "奈良", "field.topic": ["防災"]}
    httpx.post(page, data={**form, **newer, "shown": shown})

    older = {"time_zone": "Asia/Seoul", "field.city": "", "field.topic": ["文化"], "shown": shown}
    httpx.post(page, data={**form, **older})

    assert _values(reception) == {"city": "奈良", "topic": ["防災", "文化"]}
    with reading(reception.stage.engine) as session:
        row = session.scalars(select(SubscriptionRow)).one()
    assert (row.name, row.format, row.time_zone) == ("花", "text", "Asia/Seoul")
    httpx.post(page, data={**form, "field.city": "千葉", "shown": shown})
    assert _values(reception) == {"city": "千葉", "topic": ["防災", "文化"]}


def test_erasing_asks_first(reception: Reception, page: str) -> None:
    httpx.get(f"{page}/erase")
    httpx.post(f"{page}/erase")
    assert reception.state(READER) is SubscriptionState.CONFIRMED


@each_database
def test_erasing_leaves_nothing_that_names_the_person(reception: Reception, page: str) -> None:
    assert httpx.post(f"{page}/erase", data={"sure": "yes"}).status_code == 200
    with reading(reception.stage.engine) as session:
        person = session.scalars(select(SubscriberRow)).one()
        left = session.scalars(select(SuppressionRow)).one()
        assert erased_among(session, [READER, "x@y.jp"], reception.signer.pseudonyms) == {READER}
    assert (person.address, person.address_key, person.domain) == (None, None, "")
    assert left.address_key is None
    assert READER not in (left.address_hash or "")


def test_erasing_is_said_to_be_for_good_and_old_links_say_what_helps(page: str) -> None:
    asked = httpx.get(f"{page}/erase").text
    assert "同じアドレスの再登録は、ご本人を含め、できなくなります" in asked
    leave = httpx.URL(page).join(re.findall('href="(/u/[^"]+)"', asked)[0])

    httpx.post(f"{page}/erase", data={"sure": "yes"})

    after = httpx.get(page, headers={"Accept-Language": "ja"})
    assert after.status_code == 404
    assert "登録フォームを開き" in after.text
    assert "もう一度購読できます" not in httpx.get(leave).text


def test_an_erased_person_stays_known_when_keys_rotate() -> None:
    old, new = b"o" * 40, b"n" * 40
    before = Pseudonyms([old]).of(READER)
    assert before in Pseudonyms([new, old]).all_of(READER)
    assert Pseudonyms([new, old]).of(READER) == before


def _leave_link(reception: Reception, signer: TokenSigner, mailing_id: int = 0) -> str:
    ref = DeliveryRef(
        newsletter_id=reception.stage.newsletter_id,
        mailing_id=mailing_id,
        subscriber_id=reception.stage.subscriber_id(READER),
    )
    return f"{reception.url}/u/{signer.sign_delivery(Purpose.UNSUBSCRIBE, ref)}"


@pytest.mark.usefixtures("page")
def test_a_link_of_a_mailing_long_deleted_still_lets_leave(reception: Reception) -> None:
    link = _leave_link(reception, reception.signer, mailing_id=987_654)
    assert httpx.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert reception.state(READER) is SubscriptionState.UNSUBSCRIBED


@pytest.mark.usefixtures("page")
def test_the_page_offers_a_pause_and_keeps_the_subscription(reception: Reception) -> None:
    link = _leave_link(reception, reception.signer)
    assert "4週間だけ停止する" in httpx.get(link).text
    assert f'action="{urlsplit(link).path}/resume' in httpx.post(f"{link}/pause").text
    assert reception.state(READER) is SubscriptionState.CONFIRMED


@pytest.mark.usefixtures("page")
def test_a_paused_reader_is_told_until_when_and_goes_on_at_will(reception: Reception) -> None:
    link = _leave_link(reception, reception.signer)
    httpx.post(f"{link}/pause")
    paused = httpx.get(link).text
    assert "自動で再開します" in paused
    assert "4週間だけ停止する" not in paused
    assert "再び届きます" in httpx.post(f"{link}/resume").text
    with reading(reception.stage.engine) as session:
        assert session.scalars(select(SubscriptionRow.paused_until)).one() is None
    assert "4週間だけ停止する" in httpx.get(link).text


@each_database
@pytest.mark.usefixtures("page")
def test_a_program_unsubscribes_with_the_token_and_twice_does_no_harm(
    reception: Reception,
) -> None:
    def order(token: str) -> httpx.Response:
        return httpx.post(
            f"{reception.url}/api/unsubscribe",
            json={"address": READER},
            headers={"Authorization": f"Bearer {token}"},
        )

    assert order("wrong").status_code == 401
    assert order(API_TOKEN).json() == {"left": ["digest"]}
    assert order(API_TOKEN).json() == {"left": []}
    with reading(reception.stage.engine) as session:
        assert session.scalars(select(UnsubscribeEventRow.way)).all() == [UnsubscribeWay.API]


def test_a_link_signed_with_an_older_key_still_reads() -> None:
    ref = DeliveryRef(newsletter_id=1, mailing_id=2, subscriber_id=3)
    token = TokenSigner([b"o" * 40]).sign_delivery(Purpose.UNSUBSCRIBE, ref)
    rotated = TokenSigner([b"n" * 40, b"o" * 40])
    assert rotated.read_delivery(Purpose.UNSUBSCRIBE, token) == ref


@each_database
def test_how_often_is_chosen_of_what_is_offered_and_only_where_it_stands_as_shown(
    reception: Reception, page: str
) -> None:
    engine, number = reception.stage.engine, reception.stage.newsletter_id
    assert "frequency-" not in httpx.get(page).text
    offer(engine)
    assert f'name="frequency-{number}"' in httpx.get(page).text

    def chosen(shown: str, wanted: str) -> Frequency:
        _save(page, number, **{f"shown-{number}": shown, f"frequency-{number}": wanted})
        with reading(engine) as session:
            return session.scalars(select(SubscriptionRow.frequency)).one()

    assert chosen("each", "monthly") is Frequency.EACH
    assert chosen("each", "weekly") is Frequency.WEEKLY
    assert chosen("monthly", "each") is Frequency.WEEKLY
    assert chosen("weekly", "each") is Frequency.EACH


@each_database
def test_newsletters_are_offered_by_their_own_rule_and_joined_by_one_click(
    reception: Reception, page: str
) -> None:
    engine = reception.stage.engine
    drafts = {
        joining: replace(OTHER, slug=joining.value, name=joining.value, joining=joining)
        for joining in Joining
    }
    with transaction(engine) as session:
        numbers = {
            joining: create_newsletter(session, draft).id for joining, draft in drafts.items()
        }
    shown = tight(httpx.get(page).text)
    offered = [each for each in Joining if f'name="newsletter" value="{numbers[each]}"' in shown]
    assert offered == [Joining.PUBLIC]
    assert "図書館の新着です。" in shown

    def join(number: int) -> int:
        return httpx.post(f"{page}/join", data={"newsletter": str(number)}).status_code

    assert join(numbers[Joining.PUBLIC]) == 200
    assert join(numbers[Joining.UNLISTED]) == 404
    assert join(numbers[Joining.INVITATION]) == 404
    _save(page, reception.stage.newsletter_id, *numbers.values())
    with reading(engine) as session:
        joined = session.scalars(
            select(SubscriptionRow).where(SubscriptionRow.newsletter_id.in_(numbers.values()))
        ).one()
    assert joined.newsletter_id == numbers[Joining.PUBLIC]
    assert joined.consent_wording


def test_a_reader_sees_their_consent_in_their_own_language(
    reception: Reception,
) -> None:
    reception.ask(READER, lang="ja")
    httpx.post(reception.link())
    shown = httpx.get(f"{reception.preferences(READER)}/data").text
    assert "確認メールのリンクによる同意" in shown
    assert "double opt-in" not in shown


def test_the_time_zones_that_a_reader_may_choose_are_places(page: str) -> None:
    shown = httpx.get(page).text
    assert 'value="Asia/Tokyo"' in shown
    assert not re.search(r'<option value="(Etc/|[A-Z]{3}\d)', shown)
