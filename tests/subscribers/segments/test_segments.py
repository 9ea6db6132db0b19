"""Segments: what text means, the same in SQL on both servers as in plain Python."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading, transaction
from newsletter.database.folding import fold_text
from newsletter.database.tables import (
    NewsletterRow,
    SubscriberRow,
    SubscriptionRow,
    TagRow,
)
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError
from newsletter.mailings.planning.variants import condition_query
from newsletter.newsletters.publications import create_newsletter, find_newsletter
from subscribers.fields.values import write_values
from subscribers.segments.compile import segment_clause
from subscribers.segments.model import (
    And,
    BuiltIn,
    Comparison,
    CustomField,
    DaysAgo,
    Happened,
    MailEvent,
    Membership,
    Not,
    Operator,
    Or,
    Presence,
    Query,
    format_query,
)
from subscribers.segments.parse import parse_query
from subscribers.segments.saved import (
    count_segment,
    is_segment_name,
    sample_segment,
    save_segment,
    segment_name,
    segment_text,
)
from tests.support import fields
from tests.support.examples import examples
from tests.support.stage import DRAFT, Stage

_TEXTS = st.sampled_from(
    ["", "東京", "さとう", "ｻﾄｳ", "Osaka", "osaka", 'a"b\\', "2026-01-31", "%_", "true", "12"]
)
_NUMBERS = st.sampled_from([Decimal(text) for text in ("0", "-1", "12", "2.5")])
_DAYS = st.sampled_from([date(2026, 1, 31), date(2025, 12, 31)])
_KEYS = ["city", "age_2", "topic"]
_NAMES = st.sampled_from(_KEYS).map(lambda key: CustomField(key=key))
_ORDERS = [Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST]
_EQUALS = [Operator.EQUAL, Operator.UNEQUAL]
_PARTS = [Operator.CONTAINS, Operator.STARTS, Operator.ENDS]


def _comparisons() -> st.SearchStrategy[Query]:
    def compare(fields: Any, signs: list[Operator], values: Any) -> st.SearchStrategy[Query]:
        return st.builds(Comparison, field=fields, operator=st.sampled_from(signs), value=values)

    texts = st.sampled_from([BuiltIn.NAME, BuiltIn.DOMAIN, BuiltIn.LANGUAGE])
    return st.one_of(
        compare(_NAMES, _EQUALS + _PARTS, _TEXTS),
        compare(_NAMES, _EQUALS + _ORDERS, _NUMBERS | _DAYS),
        compare(_NAMES, _EQUALS, st.booleans()),
        compare(texts, _EQUALS + _PARTS, _TEXTS),
        compare(st.just(BuiltIn.LANGUAGE), _EQUALS, st.sampled_from(["en", "JA", "en-us", "e"])),
        compare(st.just(BuiltIn.TAG), _EQUALS, st.sampled_from(["press", "東京"])),
        st.builds(Presence, field=_NAMES),
        st.builds(
            Membership,
            field=_NAMES,
            values=st.lists(_TEXTS | _NUMBERS, min_size=1, unique=True).map(tuple),
        ),
    )


def _joined(parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Not, part=parts), st.builds(And, parts=several), st.builds(Or, parts=several)
    )


_QUERIES: st.SearchStrategy[Query] = st.recursive(_comparisons(), _joined, max_leaves=6)
_TIMED: st.SearchStrategy[Query] = st.one_of(
    st.builds(
        Comparison,
        field=st.sampled_from([BuiltIn.JOINED, BuiltIn.CONFIRMED]),
        operator=st.sampled_from(_EQUALS + _ORDERS),
        value=_DAYS | st.builds(DaysAgo, days=st.integers(0, 36_500)),
    ),
    st.builds(Happened, event=st.sampled_from(MailEvent), number=st.integers(0, 36_500)),
)


@given(st.recursive(_comparisons() | _TIMED, _joined, max_leaves=8))
def test_what_is_written_is_read_back_the_same(query: Query) -> None:
    assert parse_query(format_query(query)) == query


@given(st.text(alphabet='abc"\\().,=<>! field.city topic tag 日12-', max_size=60))
def test_any_text_is_a_segment_or_told_where_not(text: str) -> None:
    try:
        parse_query(text)
    except ListError as error:
        told = (error.place is not None and error.place.column is not None, bool(error.remedy))
        if told != (True, True):
            raise


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("city = 1", 1),
        ("tag = press", 7),
        ('tag = "press', 7),
        ('tag = "a" tag = "b"', 11),
        ("joined >= 2026-02-30", 11),
        ('joined >= "soon"', 11),
        ('field.age >= "30"', 14),
        ("received(12)", 10),
        ("(" * 60, 41),
    ],
)
def test_a_fault_is_named_by_its_column(text: str, column: int) -> None:
    with pytest.raises(ListError, match=f"character {column}:"):
        parse_query(text)


_PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "name": _TEXTS,
            "domain": st.sampled_from(["example.jp", "osaka", "docomo.ne.jp"]),
            "language": st.sampled_from(["ja", "en", "en-US", "eng"]),
            "attributes": st.dictionaries(
                st.sampled_from(_KEYS),
                _TEXTS
                | st.sampled_from([0, -1, 12, 2.5, 13])
                | st.booleans()
                | st.none()
                | st.just("2026-01-31T10:00")
                | st.lists(_TEXTS, max_size=3),
            ),
            "tags": st.sets(st.sampled_from(["press", "東京", "other"])),
        }
    ),
    min_size=1,
    max_size=6,
)


def _holds(sign: Operator, found: Any, value: Any) -> bool:  # noqa: PLR0911 - one a case
    match sign:
        case Operator.CONTAINS:
            return fold_text(value) in fold_text(found)
        case Operator.STARTS:
            return fold_text(found).startswith(fold_text(value))
        case Operator.ENDS:
            return fold_text(found).endswith(fold_text(value))
        case Operator.LESS:
            return bool(found < value)
        case Operator.AT_MOST:
            return bool(found <= value)
        case Operator.MORE:
            return bool(found > value)
        case Operator.AT_LEAST:
            return bool(found >= value)
        case _:
            return bool(found == value)


def _compared(  # noqa: PLR0911 - one a case
    person: dict[str, Any], field: Any, sign: Operator, value: Any
) -> bool:
    if field is BuiltIn.TAG:
        return value in person["tags"]
    if isinstance(field, BuiltIn):
        if field is BuiltIn.LANGUAGE and sign is Operator.EQUAL:
            sign, value, person = (
                Operator.STARTS,
                f"{value}-",
                {"language": f"{person['language']}-"},
            )
        fold = str if field is BuiltIn.NAME else str.lower
        return _holds(sign, fold(str(person[field.value])), fold(value))
    found = person["attributes"].get(field.key)
    match value:
        case bool():
            return found is value
        case str() if isinstance(found, list):
            return sign is Operator.EQUAL and value in found
        case str():
            return isinstance(found, str) and _holds(sign, found, value)
        case Decimal():
            number = isinstance(found, int | float) and not isinstance(found, bool)
            return number and _holds(sign, found, float(value))
        case _:
            dated = isinstance(found, str) and found[4:5] == found[7:8] == "-"
            return dated and _holds(sign, found[:10], value.isoformat())


def _true_of(query: Query, person: dict[str, Any]) -> bool:  # noqa: PLR0911 - one a case
    match query:
        case And(parts=parts):
            return all(_true_of(part, person) for part in parts)
        case Or(parts=parts):
            return any(_true_of(part, person) for part in parts)
        case Not(part=part):
            return not _true_of(part, person)
        case Comparison(field=field, operator=Operator.UNEQUAL, value=value):
            return not _compared(person, field, Operator.EQUAL, value)
        case Comparison(field=field, operator=sign, value=value):
            return _compared(person, field, sign, value)
        case Membership(field=field, values=values):
            return any(_compared(person, field, Operator.EQUAL, value) for value in values)
        case Presence(field=field):
            return person["attributes"].get(field.key) is not None
        case _:
            raise AssertionError(query)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=_QUERIES, people=_PEOPLE)
def test_sql_finds_whom_plain_python_finds(
    engine: Engine, query: Query, people: list[dict[str, Any]]
) -> None:
    with transaction(engine) as session:
        _people(session, people)
        clause = segment_clause(format_query(query), 1)
        found = session.scalars(
            select(SubscriberRow.id).join_from(SubscriberRow, SubscriptionRow).where(clause)
        ).all()
    expected = {n for n, person in enumerate(people, start=1) if _true_of(query, person)}
    assert set(found) == expected


def _people(session: Session, people: list[dict[str, Any]]) -> None:
    for table in (TagRow, SubscriptionRow, SubscriberRow):
        session.execute(delete(table))
    if session.get(NewsletterRow, 1) is None:
        create_newsletter(session, DRAFT)
    for number, person in enumerate(people, start=1):
        session.add(SubscriberRow(id=number, domain=person["domain"]))
        session.flush()
        known = {key: person[key] for key in ("name", "language", "attributes")}
        session.add(
            SubscriptionRow(
                newsletter_id=1,
                subscriber_id=number,
                state=SubscriptionState.CONFIRMED,
                consent_basis="test",
                **known,
            )
        )
        session.flush()
        for tag in person["tags"]:
            session.add(TagRow(newsletter_id=1, subscriber_id=number, tag=tag))


def test_a_list_of_values_has_each_once_and_a_bound() -> None:
    assert parse_query('consent in ("form", "form")') == Membership(
        field=BuiltIn.CONSENT, values=("form",)
    )
    values = ",".join(map(str, range(501)))
    with pytest.raises(ListError, match="more than 500 values"):
        parse_query(f"field.age in ({values})")


def test_tags_of_a_list_are_asked_for_at_once() -> None:
    tags = ", ".join(f'"{number}"' for number in range(400))
    assert str(segment_clause(f"tag in ({tags})", 1)).count("EXISTS") == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("joined >= 1 days ago", 2),
        ("confirmed < 2020-01-01", 0),
        ("received(mailing = 1)", 0),
        ("not accepted(days = 30) and not bounced(days = 30)", 2),
        ('domain = "example.jp"', 2),
    ],
)
def test_dates_and_engagement_are_asked_of_this_newsletter(
    stage: Stage, text: str, count: int
) -> None:
    stage.subscribe("a@example.jp", "b@example.jp")
    with reading(stage.engine) as session:
        assert count_segment(session, find_newsletter(session, None), text) == count


_TYPED = [
    ("field.cty = 1", 7, "field.city, field.age"),
    ("field.age = true", 13, "field.age >= 30"),
    ('field.age contains "3"', 20, "field.age >= 30"),
    ("field.city >= 3", 15, 'field.city = "text"'),
    ('field.birthday = "soon"', 18, "field.birthday >= 2026-01-31"),
    ('field.member = "yes"', 16, "field.member = true"),
    ('field.plan = "gold"', 14, "free and paid"),
    ('topic contains "子"', 16, 'topic = "子育て"'),
    ('topic in ("子育て", "釣り")', 18, "子育て"),
]


@pytest.mark.parametrize(("text", "column", "remedy"), _TYPED)
def test_a_field_is_compared_by_its_type(text: str, column: int, remedy: str) -> None:
    with pytest.raises(ListError, match=f"character {column}:") as caught:
        parse_query(text, fields.ALL)
    assert remedy in caught.value.remedy


_TAGS = 'language = "ja" or language in ("en", "pt-BR")'


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ('field.plan = "有料"', 'field.plan = "paid"'),
        ('field.plan in ("FREE OF CHARGE", "paid")', 'field.plan in ("free", "paid")'),
        ('field.topic != "防災"', 'topic != "防災"'),
        ("field.birthday < 30 days ago", "field.birthday < 30 days ago"),
        ('language = "日本語" or language in ("English", "pt_br")', _TAGS),
        ('language contains "zh"', 'language contains "zh"'),
    ],
)
def test_an_option_may_be_named_by_its_label(text: str, normal: str) -> None:
    assert format_query(parse_query(text, fields.ALL)) == normal


def test_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(ListError, match="“夜語” is no language"):
        parse_query('language = "夜語"', fields.ALL)


def test_topics_are_asked_where_there_are_some() -> None:
    with pytest.raises(ListError, match="no topics"):
        parse_query('topic = "防災"', [fields.CITY])


def test_a_segment_is_saved_by_the_fields_there_are(stage: Stage) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.TOPIC)
    stage.subscribe("a@example.jp", "b@example.jp")
    with transaction(stage.engine) as session:
        write_values(
            session,
            stage.newsletter_id,
            stage.subscriber_id("b@example.jp"),
            {"topic": ["文化", "防災"]},
        )
        newsletter = find_newsletter(session, None)
        row = save_segment(session, newsletter.id, name="防災", query='topic = "防災"')
        assert list(sample_segment(session, newsletter, row.query, size=9)) == ["b@example.jp"]
        with pytest.raises(ListError):
            save_segment(session, newsletter.id, name="釣り", query='topic = "釣り"')


def test_a_saved_segment_is_counted_and_sampled(stage: Stage) -> None:
    stage.subscribe("a@example.jp", "b@docomo.ne.jp")
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, None)
        row = save_segment(
            session, newsletter.id, name="携帯", query='domain ends with "docomo.ne.jp"'
        )
        assert list(sample_segment(session, newsletter, row.query, size=10)) == ["b@docomo.ne.jp"]


@pytest.mark.parametrize(
    "typed",
    [
        "福祉課 の人",
        "福祉課　の人",
        " 福祉課 の人 ",
        "議会だより（紙）＆防災",
        "R&D – Tokyo",
        "65歳以上",
    ],
)
def test_a_segment_bears_the_name_a_clerk_gives_it(stage: Stage, typed: str) -> None:
    name = " ".join(typed.split())
    with transaction(stage.engine) as session:
        row = save_segment(
            session, stage.newsletter_id, name=typed, query='domain = "docomo.ne.jp"'
        )
        assert row.name == name
        assert segment_text(session, stage.newsletter_id, typed) == row.query
        assert condition_query(session, stage.newsletter_id, typed) == row.query


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "topic exists",
        "not topic exists",
        'a = "b"',
        "a/b",
        "a?b",
        "-a",
        "a\x00b",
        "a" * 65,
        "new",
    ],
)
def test_a_segment_bears_no_name_that_reads_as_a_query_or_leads_elsewhere(
    stage: Stage, typed: str
) -> None:
    fields.set_fields(stage.engine, stage.newsletter_id, fields.TOPIC)
    with transaction(stage.engine) as session, pytest.raises(ListError) as refusal:
        save_segment(session, stage.newsletter_id, name=typed, query='domain = "docomo.ne.jp"')
    assert refusal.value.place is not None
    assert refusal.value.place.field == "name"


def test_a_name_of_words_that_no_segment_has_is_told_as_a_name(stage: Stage) -> None:
    with transaction(stage.engine) as session, pytest.raises(ListError, match="福祉課 の人"):
        condition_query(session, stage.newsletter_id, "福祉課　の人")


@given(st.recursive(_comparisons() | _TIMED, _joined, max_leaves=4))
def test_no_query_may_be_a_name(query: Query) -> None:
    assert not is_segment_name(segment_name(format_query(query)))
