"""The list that people read: words of their language, the newsletter's clock, no formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import NewsletterRow, SubscriptionRow, SuppressionRow, TagRow
from newsletter.database.vocabulary import SubscriptionState, SuppressionReason
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import create_newsletter, find_newsletter
from subscribers.joining import BASIS, BY_MAIL
from subscribers.lists.exports.readable_csv import readable_pages
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.files import list_records
from tests.support import fields
from tests.support.stage import DRAFT, Stage, set_stage


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    opened = open_engine(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def stage(engine: Engine) -> Stage:
    found = set_stage(engine)
    fields.set_fields(engine, found.newsletter_id, *fields.ALL)
    found.subscribe("anna@example.jp", "left@example.jp")
    moment = datetime(2026, 1, 4, 23, 30, 15, tzinfo=UTC)
    anna = found.newsletter_id, found.subscriber_id("anna@example.jp")
    left = found.newsletter_id, found.subscriber_id("left@example.jp")
    with transaction(engine) as session:
        row = session.get_one(SubscriptionRow, anna)
        row.name, row.language, row.consented_at = "=佐藤 葵", "en-US", moment
        row.consent_basis, row.consent_source = BASIS, f"{BY_MAIL}join@example.jp"
        row.attributes = {"age": 42, "member": True, "topic": ["防災", "文化"]}
        session.add(TagRow(newsletter_id=anna[0], subscriber_id=anna[1], tag="press"))
        gone = session.get_one(SubscriptionRow, left)
        gone.state, gone.unsubscribed_at = SubscriptionState.UNSUBSCRIBED, moment
        session.add(
            SuppressionRow(
                newsletter_id=anna[0],
                address_key="left@example.jp",
                reason=SuppressionReason.COMPLAINT,
                created_at=moment,
            )
        )
    return found


def _text(engine: Engine, newsletter: NewsletterRow, language: Language) -> str:
    return "".join(page.text for page in readable_pages(engine, newsletter, language))


def _people(stage: Stage, language: Language) -> dict[str, dict[str, str]]:
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, DRAFT.slug)
    rows = csv.DictReader(io.StringIO(_text(stage.engine, newsletter, language)))
    return {next(iter(row.values())): row for row in rows}


def test_a_reader_of_japanese_gets_japanese_heads_words_and_local_times(stage: Stage) -> None:
    people = _people(stage, Language.JAPANESE)
    anna, left = people["anna@example.jp"], people["left@example.jp"]
    assert anna["購読の状態"] == "購読中"
    assert anna["同意した日時（Asia/Tokyo）"] == "2026-01-05 08:30"
    assert anna["同意の根拠"] == "確認メールのリンクによる同意（ダブルオプトイン）"
    assert f"{BY_MAIL}join@example.jp" not in anna.values()
    assert (anna["年齢"], anna["会員"], anna["言語"]) == ("42", "はい", "アメリカ英語")
    assert (anna["関心のある話題"], anna["タグ"], anna["名前"]) == (
        "防災, 文化",
        "press",
        "'=佐藤 葵",
    )
    assert left["配信停止した日時（Asia/Tokyo）"] == "2026-01-05 08:30"
    assert left["配信除外の理由"] == "迷惑メールの報告"


def test_a_reader_of_english_gets_english(stage: Stage) -> None:
    anna = _people(stage, Language.ENGLISH)["anna@example.jp"]
    assert anna["State of the subscription"] == "Subscribed"
    assert anna["When they consented (Asia/Tokyo)"] == "2026-01-05 08:30"


@pytest.mark.parametrize("language", list(Language))
def test_taken_for_a_list_to_import_nobody_gets_mail_who_left(
    stage: Stage, language: Language
) -> None:
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, DRAFT.slug)
    octets = _text(stage.engine, newsletter, language).encode()
    with transaction(stage.engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    import_records(stage.engine, other, records, ImportOptions(source="l.csv", basis="moved"))
    with reading(stage.engine) as session:
        states = {
            key: session.get_one(SubscriptionRow, (other, stage.subscriber_id(key))).state
            for key in ("anna@example.jp", "left@example.jp")
        }
    assert list(states.values()) == [SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED]


@pytest.mark.parametrize("language", list(Language))
def test_read_back_everybody_is_as_they_were_to_the_minute(
    stage: Stage, language: Language
) -> None:
    anna = stage.newsletter_id, stage.subscriber_id("anna@example.jp")
    with transaction(stage.engine) as session:
        session.add(TagRow(newsletter_id=anna[0], subscriber_id=anna[1], tag="vip, gold"))
        row = session.get_one(SubscriptionRow, anna)
        row.consent_basis, row.consent_source, row.consent_wording = "paper", "fair", "I agree"
        find_newsletter(session, DRAFT.slug).time_zone = "Europe/Berlin"
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, DRAFT.slug)
    octets = _text(stage.engine, newsletter, language).encode()
    with transaction(stage.engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    fields.set_fields(stage.engine, other, *fields.ALL)
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    report = import_records(stage.engine, other, records, ImportOptions(source="l.csv", basis="x"))
    assert report.refused == []

    def known(newsletter_id: int) -> tuple[object, ...]:
        with reading(stage.engine) as session:
            row = session.get_one(SubscriptionRow, (newsletter_id, anna[1]))
            tags = select(TagRow.tag).where(
                TagRow.newsletter_id == newsletter_id, TagRow.subscriber_id == anna[1]
            )
            return (
                row.name,
                row.language,
                row.format,
                row.frequency,
                row.attributes,
                (row.consent_basis, row.consent_source, row.consent_wording),
                row.consented_at and row.consented_at.replace(second=0, microsecond=0),
                row.confirmed_at and row.confirmed_at.replace(second=0, microsecond=0),
                sorted(session.scalars(tags)),
            )

    assert known(other) == known(stage.newsletter_id)


@pytest.mark.parametrize("language", list(Language))
def test_whoever_is_suppressed_comes_back_in_the_state_they_had(
    stage: Stage, language: Language
) -> None:
    moment = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    with transaction(stage.engine) as session:
        session.add(
            SuppressionRow(
                newsletter_id=stage.newsletter_id,
                address_key="anna@example.jp",
                reason=SuppressionReason.HARD_BOUNCE,
                evidence="bounce 7",
                created_at=moment,
            )
        )
        newsletter = find_newsletter(session, DRAFT.slug)
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    octets = _text(stage.engine, newsletter, language).encode()
    records = list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")
    import_records(stage.engine, other, records, ImportOptions(source="l.csv", basis="x"))
    anna = other, stage.subscriber_id("anna@example.jp")
    of_other = select(SuppressionRow).where(SuppressionRow.newsletter_id == other)
    with reading(stage.engine) as session:
        assert session.get_one(SubscriptionRow, anna).state is SubscriptionState.CONFIRMED
        held = {
            row.address_key: (row.reason, row.evidence, row.created_at)
            for row in session.scalars(of_other)
        }
    assert held["anna@example.jp"] == (SuppressionReason.HARD_BOUNCE, "bounce 7", moment)
    assert held["left@example.jp"][0] is SuppressionReason.COMPLAINT
