"""Another address: confirmed at the new one, told at the old one, which may undo it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from lxml import html as lxml_html
from sqlalchemy import select, update

from newsletter.accounts.audit import READER
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AddressChangeRow,
    DeliveryRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason, UnsubscribeWay
from newsletter.newsletters.publications import create_newsletter
from newsletter.tokens import Purpose, mark_of
from subscribers.actions import erase_person
from subscribers.suppression import suppress
from tests.support.databases import each_database
from tests.support.stage import DRAFT
from tests.web.subscribers.conftest import Reception
from tests.web.subscribers.test_preferences import OTHER

OLD, NEW = "old@example.jp", "new@example.jp"
CONFIRMED, LEFT = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


@pytest.fixture
def page(reception: Reception) -> str:
    reception.stage.subscribe(OLD)
    with transaction(reception.stage.engine) as session:
        number = reception.stage.subscriber_id(OLD)
        digest = reception.stage.newsletter_id
        row = session.get_one(SubscriptionRow, (digest, number))
        row.name, row.attributes, row.time_zone = "花子", {"city": "青葉町"}, "Asia/Seoul"
        row.paused_until = now() + timedelta(days=9)
        session.add(TagRow(newsletter_id=digest, subscriber_id=number, tag="press"))
    return reception.preferences(OLD)


def _ask(page: str, address: str = NEW) -> httpx.Response:
    return httpx.post(f"{page}/address", data={"email": address})


def test_who_asks_for_many_addresses_keeps_nobody_of_the_network_from_joining(
    reception: Reception, page: str
) -> None:
    # More than an hour's worth in each of two hours, should one end meanwhile.
    answers = {_ask(page, f"new{each}@example.jp").status_code for each in range(41)}
    assert answers == {200, 429}
    joined = httpx.post(f"{reception.url}/subscribe/digest", data={"email": "other@example.jp"})
    assert joined.status_code == 200


def _change(reception: Reception, page: str, address: str = NEW) -> str:
    """Change the address; return the link to undo it."""
    _ask(page, address)
    httpx.post(reception.link())
    return reception.link()


def _relation(reception: Reception, address: str) -> SubscriptionRow:
    with reading(reception.stage.engine) as session:
        key = (reception.stage.newsletter_id, reception.stage.subscriber_id(address))
        return session.get_one(SubscriptionRow, key)


def _recipients(reception: Reception) -> list[str | None]:
    with reading(reception.stage.engine) as session:
        return list(
            session.scalars(
                select(SubscriberRow.address)
                .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
                .order_by(DeliveryRow.mailing_id)
            )
        )


def test_nothing_changes_until_the_button_is_pressed_at_the_new_address(
    reception: Reception, page: str
) -> None:
    assert NEW in _ask(page).text
    assert _recipients(reception) == [NEW]
    httpx.get(reception.link())
    assert _relation(reception, OLD).state is CONFIRMED
    with reading(reception.stage.engine) as session:
        assert session.scalars(select(SubscriptionRow)).one().subscriber_id == (
            reception.stage.subscriber_id(OLD)
        )


@each_database
def test_a_change_takes_along_all_that_the_newsletter_knows(
    reception: Reception, page: str
) -> None:
    _change(reception, page)
    moved = _relation(reception, NEW)
    assert (moved.state, moved.name, moved.attributes) == (CONFIRMED, "花子", {"city": "青葉町"})
    assert moved.time_zone == "Asia/Seoul"
    assert moved.paused_until is not None
    with reading(reception.stage.engine) as session:
        tags = session.scalars(
            select(TagRow.tag).where(TagRow.subscriber_id == moved.subscriber_id)
        )
        assert list(tags) == ["press"]
        way = session.scalars(select(UnsubscribeEventRow.way)).one()
    assert (_relation(reception, OLD).state, way) == (LEFT, UnsubscribeWay.ADDRESS_CHANGE)


@each_database
def test_the_old_address_is_told_and_can_undo_it(reception: Reception, page: str) -> None:
    undo = _change(reception, page)
    assert _recipients(reception) == [NEW, OLD]
    assert OLD in httpx.get(undo).text
    assert _relation(reception, NEW).state is CONFIRMED
    httpx.post(undo)
    assert (_relation(reception, OLD).state, _relation(reception, NEW).state) == (CONFIRMED, LEFT)
    assert _recipients(reception) == [NEW, OLD, NEW]


def test_a_link_of_either_kind_works_once(reception: Reception, page: str) -> None:
    _ask(page)
    confirm = reception.link()
    httpx.post(confirm)
    httpx.post(confirm)
    undo = reception.link()
    httpx.post(undo)
    httpx.post(undo)
    httpx.post(confirm)
    assert (_relation(reception, OLD).state, _relation(reception, NEW).state) == (CONFIRMED, LEFT)
    assert len(_recipients(reception)) == 3


def test_links_go_out_of_date(reception: Reception, page: str) -> None:
    _ask(page)
    confirm = reception.link()
    with transaction(reception.stage.engine) as session:
        session.execute(update(AddressChangeRow).values(requested_at=now() - timedelta(days=8)))
        row = session.scalars(select(AddressChangeRow)).one()
        numbers = (row.id, mark_of(row.requested_at))
    token = reception.signer.sign(Purpose.ADDRESS_CHANGE, *numbers)
    assert httpx.get(confirm).status_code == 404
    httpx.post(f"{reception.url}/address/{token}")
    assert _relation(reception, OLD).state is CONFIRMED


def test_who_leaves_by_a_mail_to_the_old_address_leaves(reception: Reception, page: str) -> None:
    _change(reception, page)
    link = reception.unsubscribe_link(OLD)
    httpx.post(link, data={"List-Unsubscribe": "One-Click"})
    assert _relation(reception, NEW).state is LEFT


def test_the_page_of_an_old_mail_offers_to_leave_and_names_no_new_address(
    reception: Reception, page: str
) -> None:
    _change(reception, page)
    link = reception.unsubscribe_link(OLD)
    shown = httpx.get(link).text
    assert f'action="{urlsplit(link).path}?lang=ja"' in shown
    assert NEW not in shown
    left = httpx.post(link).text
    assert NEW not in left
    assert _relation(reception, NEW).state is LEFT
    assert f'action="{urlsplit(link).path}"' not in httpx.get(link).text


def test_a_pause_by_an_old_mail_holds_at_the_new_address(reception: Reception, page: str) -> None:
    with transaction(reception.stage.engine) as session:
        session.execute(update(SubscriptionRow).values(paused_until=None))
    _change(reception, page)
    httpx.post(f"{reception.unsubscribe_link(OLD)}/pause")
    assert _relation(reception, NEW).paused_until is not None


def test_the_settings_that_an_old_mail_asks_for_go_to_the_new_address(
    reception: Reception, page: str
) -> None:
    _change(reception, page)
    httpx.post(f"{reception.unsubscribe_link(OLD)}/settings")
    assert _recipients(reception)[-1] == NEW


@each_database
def test_leaving_all_by_an_old_mail_leaves_what_was_joined_since(
    reception: Reception, page: str
) -> None:
    _change(reception, page)
    with transaction(reception.stage.engine) as session:
        other = create_newsletter(session, OTHER).id
    httpx.post(
        f"{reception.preferences(NEW)}/join",
        data={"newsletter": str(other)},
    )
    httpx.post(f"{reception.unsubscribe_link(OLD)}/all")
    with reading(reception.stage.engine) as session:
        states = set(session.scalars(select(SubscriptionRow.state)))
    assert states == {LEFT}


def test_the_settings_page_of_the_old_address_says_where_to_go(
    reception: Reception, page: str
) -> None:
    moved = "現在は別のアドレスに届いています"
    assert moved not in httpx.get(page).text
    _change(reception, page)
    assert moved in httpx.get(page).text
    assert moved not in httpx.get(reception.preferences(NEW)).text


def test_undoing_brings_back_nobody_who_left_meanwhile(reception: Reception, page: str) -> None:
    undo = _change(reception, page)
    httpx.post(reception.preferences(NEW), data={"language": "ja", "format": "html"})
    httpx.post(undo)
    assert (_relation(reception, OLD).state, _relation(reception, NEW).state) == (LEFT, LEFT)


def test_no_page_says_that_mail_goes_on_after_its_reader_has_left(
    reception: Reception, page: str
) -> None:
    name = DRAFT.name
    undo = _change(reception, page)
    httpx.post(undo)
    assert f"{OLD}に届くようになりました：{name}" in httpx.get(undo).text
    leave = reception.unsubscribe_link(OLD)
    httpx.post(leave)
    assert f"{OLD}に届くニュースレターは現在ありません" in httpx.get(undo).text
    assert "配信はすでに停止しています" in httpx.post(f"{leave}/pause").text


def test_the_settings_page_of_the_old_address_says_nothing_of_mail_that_ended(
    reception: Reception, page: str
) -> None:
    _change(reception, page)
    httpx.post(reception.preferences(NEW), data={"language": "ja", "format": "html"})
    assert "現在は別のアドレスに届いています" not in httpx.get(page).text


@each_database
def test_undoing_hands_nothing_over_that_the_new_address_had_itself(
    reception: Reception, page: str
) -> None:
    reception.stage.subscribe(NEW)
    number, digest = reception.stage.subscriber_id(NEW), reception.stage.newsletter_id
    with transaction(reception.stage.engine) as session:
        theirs = session.get_one(SubscriptionRow, (digest, number))
        theirs.name, theirs.attributes = "太郎", {"city": "赤葉町", "age": "40"}
        session.add(TagRow(newsletter_id=digest, subscriber_id=number, tag="patient"))
    httpx.post(_change(reception, page))
    own = _relation(reception, OLD)
    assert (own.state, own.name, own.attributes) == (CONFIRMED, "花子", {"city": "青葉町"})
    assert _relation(reception, NEW).state is CONFIRMED
    with reading(reception.stage.engine) as session:
        tags = select(TagRow.tag).where(TagRow.subscriber_id == own.subscriber_id)
        assert session.scalars(tags).all() == ["press"]


def test_an_address_that_is_subscribed_already_gets_no_second_copy_and_keeps_its_own(
    reception: Reception, page: str
) -> None:
    reception.stage.subscribe(NEW)
    undo = _change(reception, page)
    assert (_relation(reception, OLD).state, _relation(reception, NEW).state) == (LEFT, CONFIRMED)
    assert _relation(reception, NEW).name != "花子"
    httpx.post(undo)
    states = (_relation(reception, OLD).state, _relation(reception, NEW).state)
    assert states == (CONFIRMED, CONFIRMED)


def test_a_suppressed_address_gets_nothing_and_the_old_one_goes_on(
    reception: Reception, page: str
) -> None:
    with transaction(reception.stage.engine) as session:
        suppress(session, address_key=NEW, reason=SuppressionReason.COMPLAINT)
    _change(reception, page)
    assert _relation(reception, OLD).state is CONFIRMED


def test_an_erased_address_is_written_to_by_nobody(reception: Reception, page: str) -> None:
    reception.stage.subscribe(NEW)
    with transaction(reception.stage.engine) as session:
        number = reception.stage.subscriber_id(NEW)
        erase_person(session, READER, number, reception.signer.pseudonyms, way=UnsubscribeWay.PAGE)
    assert _ask(page).status_code == 200
    assert _recipients(reception) == []


@each_database
def test_a_mailbox_gets_few_of_these_mails_a_day(reception: Reception, page: str) -> None:
    answers = {_ask(page, f"new+{number}@example.jp").status_code for number in range(6)}
    assert answers == {200}
    assert len(_recipients(reception)) == 3


def test_the_present_address_is_refused(page: str) -> None:
    refused = _ask(page, OLD.upper())
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text


@each_database
def test_a_domain_is_judged_as_when_somebody_joins(reception: Reception, page: str) -> None:
    refused = _ask(page, "hanako@mailinator.com")
    assert (refused.status_code, "mailinator.com" in refused.text) == (422, True)
    asked = _ask(page, "hanako@gmai.com")
    assert (asked.status_code, "hanako@gmail.com" in asked.text) == (422, True)
    assert _recipients(reception) == []
    certain = dict(lxml_html.fromstring(asked.text).forms[0].form_values())
    assert httpx.post(f"{page}/address", data=certain).status_code == 200
    assert _recipients(reception) == ["hanako@gmai.com"]


def test_erasing_covers_the_addresses_of_before(reception: Reception, page: str) -> None:
    _change(reception, page)
    httpx.post(f"{reception.preferences(NEW)}/erase", data={"sure": "yes"})
    with reading(reception.stage.engine) as session:
        assert set(session.scalars(select(SubscriberRow.address))) == {None}
