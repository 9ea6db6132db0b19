"""A list of Japanese people goes out as CSV, and comes back the same into an empty instance."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, text

from bench.realistic import round_trip
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    FieldRow,
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    SuppressionRow,
    TagRow,
    UnsubscribeEventRow,
)
from newsletter.database.vocabulary import Frequency, SubscriptionState, SuppressionReason
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.newsletters.publications import find_newsletter
from subscribers.fields.actions import add_fields
from subscribers.fields.store import list_fields
from subscribers.lists.columns.new_fields import find_new_fields
from subscribers.lists.exports import csv_export
from subscribers.lists.exports.csv_export import csv_pages
from subscribers.lists.exports.exports import exported
from subscribers.lists.imports.imports import ImportOptions, import_records
from subscribers.lists.parsers.files import list_records
from subscribers.subscription_columns import HANDLING
from tests.support import fields
from tests.support.ports import await_condition
from tests.support.stage import Stage, set_stage

PEOPLE = 10_000 if os.environ.get("SOAK") else 250
_FAMILY = ("佐藤", "鈴木", "髙橋", "田中", "渡邉", "伊東", "𠮷田", "長谷川", "五十嵐", "=山本")
_GIVEN = ("葵", "陽菜", "蓮", "さくら", "健太郎", "みなと", "ﾊﾅｺ", "O’Neil", '"Ken"', "-")
_DOMAINS = ("docomo.ne.jp", "example.co.jp", "city.chiba.lg.jp", "xn--r8jz45g.jp", "mail.example")
_TEXTS = ("千葉市", "0312345678", "12", "2026-01-05", "yes", "@home", "'=1+1", 'a "b", c', "、", "")
_ALL = (
    *fields.ALL,
    fields.a_field("phone", labels={"ja": "電話番号"}, purpose="緊急の連絡", retention_days=365),
    fields.a_field("area", "choices", ("北区, 西部", '"東"区', "=南区", "西区")),
)


def _people(newsletter_id: int, count: int) -> Iterator[dict[str, list[dict[str, Any]]]]:
    pick = random.Random(17)  # noqa: S311 - the same people each time
    begin = datetime(2015, 4, 1, 9, tzinfo=UTC)
    for number in range(1, count + 1):
        state = (
            pick.choices(list(SubscriptionState), (1, 1, 8))[0]
            if number > 3
            else SubscriptionState.CONFIRMED
        )
        key = f"reader.{number}+{pick.randrange(9)}@{pick.choice(_DOMAINS)}"
        moment = begin + timedelta(
            seconds=pick.randrange(10**8), microseconds=pick.choice([0, 5, 120_000])
        )
        known = {
            "city": pick.choice(_TEXTS),
            "phone": pick.choice(_TEXTS),
            "age": pick.choice([None, 0, -5, 42, 2.5, 1e-05, 99999999999999]),
            "birthday": pick.choice([None, "1960-02-29", "2001-12-31"]),
            "member": pick.choice([None, True, False]),
            "plan": pick.choice([None, "free", "paid"]),
            "topic": pick.choice([None, ["子育て"], ["防災", "文化"]]),
            "area": pick.choice([None, ["北区, 西部"], ['"東"区', "=南区"], ["=南区"]]),
        }
        given = {"newsletter_id": newsletter_id, "subscriber_id": number}
        left = state is SubscriptionState.UNSUBSCRIBED
        person: dict[str, list[dict[str, Any]]] = {
            "subscriber": [
                {
                    "id": number,
                    "address": key.replace("reader", "Reader") if number % 7 == 0 else key,
                    "address_key": key,
                    "domain": key.partition("@")[2],
                }
            ],
            "subscription": [
                given
                | {
                    "state": state,
                    "name": f"{pick.choice(_FAMILY)} {pick.choice(_GIVEN)}",
                    "language": pick.choice(["ja", "ja", "ja", "en-US", "ja-x-yasashi", "zh-Hant"]),
                    "time_zone": pick.choice(["", "", "Asia/Tokyo", "America/Sao_Paulo"]),
                    "format": pick.choice(["html", "html", "text"]),
                    "frequency": pick.choice(list(Frequency)),
                    "consent_basis": pick.choice(["web form 2026", "窓口, 紙"]),
                    "consent_source": pick.choice(["list.csv", '=HYPERLINK("x")']),
                    "consent_wording": pick.choice(
                        ["", "お知らせを受け取ります。\n配信停止できます。"]
                    ),
                    "consented_at": moment,
                    "confirmed_at": None if state is SubscriptionState.PENDING else moment,
                    "unsubscribed_at": moment + timedelta(days=9) if left else None,
                    "paused_until": pick.choice([None, None, datetime(2031, 1, 1, tzinfo=UTC)]),
                    "attributes": {
                        name: one for name, one in known.items() if one not in (None, "")
                    },
                }
            ],
            "tag": [
                given | {"tag": tag}
                for tag in pick.sample(["press", "a, b", '"q"', "=f"], pick.randrange(3))
            ],
            "suppression": [],
        }
        if number % 11 == 0:
            person["suppression"].append(
                {
                    "newsletter_id": newsletter_id,
                    "address_key": key,
                    "reason": pick.choice(
                        [SuppressionReason.HARD_BOUNCE, SuppressionReason.MANUAL]
                    ),
                    "evidence": "=550 5.1.1, 宛先不明",
                    "created_at": moment,
                }
            )
        yield person


def _fill(engine: Engine, newsletter_id: int, count: int) -> None:
    fields.set_fields(engine, newsletter_id, *_ALL)
    tables = {
        "subscriber": SubscriberRow,
        "subscription": SubscriptionRow,
        "tag": TagRow,
        "suppression": SuppressionRow,
    }
    people = list(_people(newsletter_id, count))
    with transaction(engine) as session:
        for name, table in tables.items():
            rows = [row for person in people for row in person[name]]
            session.execute(insert(table), rows)


def _empty(engine: Engine) -> None:
    tables = (TagRow, SuppressionRow, UnsubscribeEventRow, SubscriptionRow, SubscriberRow, FieldRow)
    with transaction(engine) as session:
        for table in tables:
            session.execute(delete(table))


def _text(engine: Engine, newsletter: NewsletterRow) -> str:
    return "".join(page.text for page in csv_pages(engine, newsletter))


def _take(engine: Engine, newsletter: NewsletterRow, exported_list: str) -> None:
    """Import as ``--new-fields`` does."""
    with reading(engine) as session:
        known = list_fields(session, newsletter.id)
    octets = exported_list.encode()

    def records() -> Any:
        return list_records(io.BytesIO(octets), file_name="l.csv", source="l.csv")

    new = find_new_fields(records(), {}, known=known, language=Language.JAPANESE, source="l.csv")
    with transaction(engine) as session:
        add_fields(session, COMMAND_LINE, newsletter.id, new.fields)
    problems: list[object] = []
    options = ImportOptions(source="l.csv", basis="moved", columns=new.columns)
    import_records(engine, newsletter.id, records(), options, on_problem=problems.append)
    assert problems == []


def test_each_column_that_lists_bring_differs_among_the_people_who_are_tried() -> None:
    rows = [person["subscription"][0] for person in _people(1, 300)]
    brought = {name for name, each in HANDLING.items() if each.imported}
    assert {name for name in brought if len({str(row.get(name)) for row in rows}) > 1} == brought


def test_a_list_comes_back_the_same_with_its_fields_where_there_were_none(stage: Stage) -> None:
    engine = stage.engine
    with reading(engine) as session:
        newsletter = find_newsletter(session, None)
    _fill(engine, newsletter.id, PEOPLE)
    text, before = _text(engine, newsletter), list(exported(engine, newsletter))
    _empty(engine)
    _take(engine, newsletter, text)

    assert list(exported(engine, newsletter)) == before
    with reading(engine) as session:
        assert list_fields(session, newsletter.id) == _ALL
    assert _text(engine, newsletter) == text


def test_addresses_and_names_of_japan_come_out_as_they_went_in(stage: Stage) -> None:
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, None)
    assert round_trip(stage.engine, newsletter, 1_000_000 if os.environ.get("SOAK") else 1000) > 0


def test_a_definition_that_is_none_is_refused_before_anything_is_taken(stage: Stage) -> None:
    with reading(stage.engine) as session:
        newsletter = find_newsletter(session, None)
    fields.set_fields(stage.engine, newsletter.id, fields.AGE)
    columns = _text(stage.engine, newsletter).rstrip()
    row = ["a@x.example", *[""] * (columns.count(",") - 1), "[{}]"]
    text = f"{columns}\r\n" + ",".join(f'"{cell}"' for cell in row) + "\r\n"
    with pytest.raises(ListError, match="definition"):
        _take(stage.engine, newsletter, text)
    assert list(exported(stage.engine, newsletter)) == []


def test_pages_and_what_is_remembered_of_the_suppressed_change_nothing_in_a_list(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = stage.engine
    with reading(engine) as session:
        newsletter = find_newsletter(session, None)
    _fill(engine, newsletter.id, 60)
    with transaction(engine) as session:
        session.execute(delete(TagRow).where(TagRow.subscriber_id.between(8, 30)))
        session.execute(delete(SubscriptionRow).where(SubscriptionRow.subscriber_id.between(8, 30)))
    whole = _text(engine, newsletter)
    some = [page.text for page in csv_pages(engine, newsletter, state=SubscriptionState.PENDING)]
    monkeypatch.setattr(csv_export, "_PAGE", 7)
    monkeypatch.setattr(csv_export, "_FEW", 1)
    pending = csv_pages(engine, newsletter, state=SubscriptionState.PENDING)

    assert _text(engine, newsletter) == whole
    assert "".join(page.text for page in pending) == "".join(some)
    assert len(list(csv.reader(io.StringIO(whole, newline="")))) == 1 + 37


_READ = """
SELECT sum(seq_tup_read), sum(idx_tup_fetch) FROM pg_stat_user_tables
WHERE relname IN ('subscriber', 'subscription')
"""


_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
"""


def _rows_read(url: str) -> tuple[int, int]:
    """Return how many rows of people were read by scanning, and by an index.

    What a connection read is counted as it ends, so that the others' end is awaited.
    """
    engine = open_engine(url)

    def is_alone() -> bool:
        with reading(engine) as session:
            return bool(session.execute(text(_OTHERS)).scalar_one() == 0)

    await_condition(is_alone, seconds=60, what="the other connections to end")
    with reading(engine) as session:
        scanned, found = session.execute(text(_READ)).one()
    engine.dispose()
    return scanned, found


def test_a_page_is_read_in_order_before_postgresql_knows_how_many_there_are(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(postgres_url)
    stage = set_stage(engine)
    monkeypatch.setattr(csv_export, "_PAGE", 1000)
    with reading(engine) as session:
        newsletter = find_newsletter(session, None)
    stage.subscribe(*(f"reader{number}@example.jp" for number in range(12_000)))
    with transaction(engine) as session:
        session.add_all(
            SuppressionRow(
                newsletter_id=newsletter.id,
                address_key=f"reader{number}@example.jp",
                reason=SuppressionReason.MANUAL,
            )
            for number in range(500)
        )
    engine.dispose()
    before = _rows_read(postgres_url)
    engine = open_engine(postgres_url)
    _text(engine, newsletter)
    engine.dispose()
    after = _rows_read(postgres_url)

    assert after[0] == before[0]
    # Everybody once for the page's bounds, once for each of two tables, and the suppressed.
    assert 36_000 <= after[1] - before[1] < 40_000
