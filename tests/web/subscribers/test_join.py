"""Joining: nothing begins but by the button behind the link in one's own mail."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    ConsentRow,
    DeliveryRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
)
from newsletter.database.vocabulary import (
    ConsentStep,
    DeliveryState,
    Frequency,
    SubscriptionState,
    SuppressionReason,
    UnsubscribeWay,
)
from newsletter.mailings.ledger.leases import claim_batch
from newsletter.tokens import TokenSigner
from subscribers.erasure import erase
from subscribers.leaving import unsubscribe
from subscribers.suppression import suppress
from tests.support.databases import each_database
from tests.support.digests import offer
from tests.support.site import serving
from tests.support.stage import set_stage
from tests.web.subscribers.conftest import Reception

pytestmark = pytest.mark.servers

NEW = "new@example.jp"


def test_a_request_subscribes_nobody(reception: Reception) -> None:
    assert reception.ask(NEW).status_code == 200
    assert reception.state(NEW) is SubscriptionState.PENDING


@each_database
def test_following_the_link_confirms_nothing_and_pressing_the_button_does(
    reception: Reception,
) -> None:
    reception.ask(NEW)
    link = reception.link()
    assert httpx.get(link).status_code == 200
    assert reception.state(NEW) is SubscriptionState.PENDING
    answer = httpx.post(link, follow_redirects=True)
    assert "You are subscribed" in answer.text
    assert reception.state(NEW) is SubscriptionState.CONFIRMED


def test_the_record_says_what_when_and_from_where(reception: Reception) -> None:
    reception.ask(NEW)
    httpx.post(reception.link())
    with reading(reception.stage.engine) as session:
        steps = session.scalars(select(ConsentRow).order_by(ConsentRow.id)).all()
    assert [step.step for step in steps] == [ConsentStep.REQUESTED, ConsentStep.CONFIRMED]
    assert steps[0].source == "/subscribe/digest"
    assert steps[0].network == "127.0.0.0/24"
    assert "I agree to receive まちのデジタル便り" in steps[0].wording


@each_database
def test_confirming_twice_records_once(reception: Reception) -> None:
    reception.ask(NEW)
    for _ in range(2):
        httpx.post(reception.link())
    with reading(reception.stage.engine) as session:
        steps = list(session.scalars(select(ConsentRow.step)))
    assert steps.count(ConsentStep.CONFIRMED) == 1


def test_the_answer_is_the_same_for_everybody(reception: Reception) -> None:
    stage = reception.stage
    stage.subscribe("known@example.jp", "gone@example.jp")
    with transaction(stage.engine) as session:
        erase(
            session,
            stage.subscriber_id("gone@example.jp"),
            reception.signer.pseudonyms,
            way=UnsubscribeWay.PAGE,
        )
        suppress(session, address_key="bad@example.jp", reason=SuppressionReason.HARD_BOUNCE)
    answers = {
        reception.ask(f"{name}@example.jp").text.replace(name, "X")
        for name in ("known", "gone", "bad", "new")
    }
    assert len(answers) == 1


def test_somebody_who_reads_it_already_gets_the_link_to_their_settings(
    reception: Reception,
) -> None:
    reception.stage.subscribe(NEW)
    reception.ask(NEW)
    assert "/p/" in reception.link()
    assert httpx.get(reception.link()).status_code == 200


@each_database
def test_an_erased_address_is_not_written_down_again(reception: Reception) -> None:
    stage = reception.stage
    stage.subscribe(NEW)
    with transaction(stage.engine) as session:
        number = stage.subscriber_id(NEW)
        erase(session, number, reception.signer.pseudonyms, way=UnsubscribeWay.PAGE)
    reception.ask(NEW)
    with reading(stage.engine) as session:
        assert session.scalars(select(SubscriberRow.address_key)).all() == [None]
    assert reception.notices() == []


def test_a_stranger_s_request_does_not_bring_back_who_left(reception: Reception) -> None:
    stage = reception.stage
    stage.subscribe(NEW)
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(NEW),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    reception.ask(NEW)
    assert reception.state(NEW) is SubscriptionState.UNSUBSCRIBED
    httpx.post(reception.link())
    assert reception.state(NEW) is SubscriptionState.CONFIRMED


def test_an_old_confirmation_does_not_undo_leaving(reception: Reception) -> None:
    stage = reception.stage
    reception.ask(NEW)
    link = reception.link()
    httpx.post(link)
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(NEW),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    assert "out of date" in httpx.post(link, follow_redirects=True).text
    assert reception.state(NEW) is SubscriptionState.UNSUBSCRIBED


def test_a_program_that_fills_the_hidden_field_is_thanked_and_forgotten(
    reception: Reception,
) -> None:
    assert reception.ask(NEW, website="https://spam.example").status_code == 200
    assert reception.state(NEW) is None
    assert reception.notices() == []


@pytest.mark.parametrize(
    "wrong", ["", "nobody", "a@b@c", "a b@example.jp", "x@example.jp\r\nBcc: y@z"]
)
def test_what_is_no_address_is_told_beside_the_field(reception: Reception, wrong: str) -> None:
    answer = reception.ask(wrong)
    assert answer.status_code == 422
    assert 'aria-describedby="fault"' in answer.text


def test_a_domain_that_looks_mistyped_is_asked_about_once(reception: Reception) -> None:
    typed = "mori@gmai.com"
    answer = reception.ask(typed)
    assert answer.status_code == 422
    assert "Did you mean mori@gmail.com?" in answer.text
    assert f'name="questioned" value="{typed}"' in answer.text
    assert reception.state(typed) is None
    assert reception.ask("mori@gmail.co", questioned=typed).status_code == 422
    assert "Did you mean mori@gmail.com?" in reception.ask("mori@gmail.con").text
    assert reception.ask(typed, questioned=typed).status_code == 200
    assert len(reception.notices()) == 1


def test_an_address_in_japanese_joins(reception: Reception) -> None:
    sent = reception.ask("田中@例え.jp")
    shown = httpx.get(reception.link())
    done = httpx.post(reception.link(), follow_redirects=True)
    settings = httpx.get(reception.preferences("田中@xn--r8jz45g.jp"))
    assert reception.state("田中@xn--r8jz45g.jp") is SubscriptionState.CONFIRMED
    for page in (sent, shown, done, settings):
        assert "田中@例え.jp" in page.text
        assert "xn--" not in page.text


@each_database
def test_one_address_gets_three_mails_a_day_and_no_hint_of_it(reception: Reception) -> None:
    answers = [reception.ask(NEW) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert len(reception.notices()) == 3


@each_database
def test_all_spellings_of_one_google_mailbox_are_one_address(reception: Reception) -> None:
    spellings = ["abcd", "a.bcd", "ab.cd", "abc.d+x", "a.b.c.d"]
    for domain in ("gmail.com", "googlemail.com"):
        for spelling in spellings:
            reception.ask(f"{spelling}@{domain}")
    assert len(reception.notices()) == 3


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "//[x"])
def test_an_origin_that_is_no_address_is_a_foreign_one(reception: Reception, origin: str) -> None:
    answer = httpx.post(reception.form, data={"email": NEW}, headers={"Origin": origin})
    assert answer.status_code == 200
    signing_in = httpx.post(
        f"{reception.url}/sign-in", data={"address": NEW}, headers={"Origin": origin}
    )
    assert signing_in.status_code == 403


def test_a_network_that_asks_too_much_is_told_to_wait(engine: Engine, tmp_path: Path) -> None:
    set_stage(engine)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, join_limit_network=2) as url:
        codes = [
            httpx.post(f"{url}/subscribe/digest", data={"email": f"a{n}@example.jp"}).status_code
            for n in range(3)
        ]
    assert codes == [200, 200, 429]


@each_database
def test_a_notice_goes_to_the_pending_and_never_to_the_suppressed(reception: Reception) -> None:
    engine = reception.stage.engine
    with transaction(engine) as session:
        suppress(session, address_key="bad@example.jp", reason=SuppressionReason.HARD_BOUNCE)
    reception.ask(NEW)
    reception.ask("bad@example.jp")
    good, bad = reception.notices()
    assert good.priority == 9
    claims = [
        claim_batch(engine, row.id, 1, token=f"{row.id}", lease_seconds=60) for row in (good, bad)
    ]
    assert [[d.address for d in claim.deliveries] for claim in claims if claim] == [[NEW], []]
    with reading(engine) as session:
        assert session.get_one(DeliveryRow, (bad.id, 1)).state is DeliveryState.SKIPPED


@each_database
def test_how_often_is_asked_where_digests_are_offered_and_holds_once_confirmed(
    reception: Reception,
) -> None:
    assert 'name="frequency"' not in httpx.get(reception.form).text
    offer(reception.stage.engine)
    assert 'name="frequency"' in httpx.get(reception.form).text
    assert reception.ask(NEW, frequency="monthly").status_code == 422
    assert reception.ask(NEW, frequency="weekly").status_code == 200
    httpx.post(reception.link())
    with reading(reception.stage.engine) as session:
        assert session.scalars(select(SubscriptionRow.frequency)).one() is Frequency.WEEKLY


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("frequency", "told"),
    [("each", "From the next issue on"), ("weekly", "once a week"), ("monthly", "once a month")],
)
def test_the_welcome_says_how_often_mail_comes(
    reception: Reception, frequency: str, told: str
) -> None:
    for each in (Frequency.WEEKLY, Frequency.MONTHLY):
        offer(reception.stage.engine, each)
    reception.ask("new@example.jp", frequency=frequency)
    link = reception.link()
    assert told in httpx.post(link, follow_redirects=True).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_follows_the_form_helps_subscribers_and_those_whose_provider_blocks(
    reception: Reception,
) -> None:
    page = reception.ask("new@example.jp").text
    assert "If you are subscribed already" in page
    with reading(reception.stage.engine) as session:
        assert (
            f"allow email from {session.scalars(select(NewsletterRow)).one().from_address}" in page
        )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("chosen", ["vi", "en"])
def test_who_chooses_a_language_is_written_to_in_it_from_the_first_mail_on(
    reception: Reception, chosen: str
) -> None:
    """Of a language without a catalogue, in English; the record keeps the words that were shown."""
    with transaction(reception.stage.engine) as session:
        session.scalars(select(NewsletterRow)).one().languages = ["vi"]
    reception.ask("new@example.jp", lang="ja", mail_language=chosen)
    assert "begins when you press the button" in reception.texts()[-1]
    link = reception.link()
    assert "Start the subscription" in httpx.get(link).text
    assert "You are subscribed" in httpx.post(link, follow_redirects=True).text
    with reading(reception.stage.engine) as session:
        assert {row.language.value for row in session.scalars(select(ConsentRow))} == {"ja"}

    reception.ask("new@example.jp", lang="ja", mail_language=chosen)
    assert "already" in reception.texts()[-1]
