"""Values: what text means in a field of each type, and that what is kept reads back the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.database.vocabulary import FieldType, Frequency
from newsletter.database.words import name_of
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import dump_message, load_message
from subscribers.fields.model import Field, Option, check_definition, field_named
from subscribers.fields.reading import read_value, read_values, require_values, written_value
from subscribers.frequency import read_frequency_word
from tests.support import fields
from tests.support.fields import a_field

_SIZES = a_field("sizes", "choices", ["S", "M", "L, XL", 'a "b"', "S、M"])


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (fields.CITY, "  千葉　市\n", "千葉 市"),
        (fields.CITY, "", None),
        (fields.CITY, " \u3000", None),
        (fields.CITY, 260, "260"),
        (fields.AGE, "１，２３４", 1234),
        (fields.AGE, "２０歳", 20),
        (fields.AGE, "3 人", 3),
        (fields.AGE, "2.50", 2.5),
        (fields.AGE, "-0", 0),
        (fields.AGE, 1e3, 1000),
        (fields.BIRTHDAY, "1955年1月5日", "1955-01-05"),
        (fields.BIRTHDAY, "昭和30/1/5", "1955-01-05"),
        (fields.BIRTHDAY, "2026-02-28T23:59:59+09:00", "2026-02-28"),
        (fields.MEMBER, "はい", True),
        (fields.MEMBER, "NO", False),
        (fields.MEMBER, False, False),
        (fields.PLAN, "有料", "paid"),
        (fields.PLAN, " Free OF charge", "free"),
        (fields.TOPIC, "文化、子育て", ["子育て", "文化"]),
        (fields.TOPIC, ["防災", "防災"], ["防災"]),
        (fields.TOPIC, [], None),
        (_SIZES, "L, XL", ["L, XL"]),
        (_SIZES, "S、M", ["S", "M"]),
        (_SIZES, '"S、M", S', ["S", "S、M"]),
    ],
)
def test_text_is_read_by_the_type(field: Field, given: object, kept: object) -> None:
    assert read_value(field, given) == kept


@pytest.mark.parametrize(
    ("field", "given", "remedy"),
    [
        (fields.CITY, "a\x00b", "without copying"),
        (fields.CITY, "\u202egpj.exe", "without copying"),
        (fields.CITY, "x" * 501, "Shorten"),
        (fields.CITY, True, "as text"),
        (fields.CITY, ["a"], "as text"),
        (fields.AGE, "about 30", "such as 12"),
        (fields.AGE, "歳", "such as 12"),
        (fields.AGE, "1,23", "such as 12"),
        (fields.AGE, "1" * 16, "15 digits"),
        (fields.AGE, "1e99", "15 digits"),
        (fields.AGE, "nan", "such as 12"),
        (fields.AGE, float("inf"), "such as 12"),
        (fields.BIRTHDAY, "2026-02-30", "2026-01-31"),
        (fields.BIRTHDAY, "1/5/2026", "2026-01-31"),
        (fields.MEMBER, "perhaps", "yes or no"),
        (fields.PLAN, "gold", "free and paid"),
        (fields.TOPIC, "防災、釣り", "子育て"),
    ],
)
def test_what_is_no_value_is_refused_by_the_fields_name(
    field: Field, given: object, remedy: str
) -> None:
    with pytest.raises(ListError, match=field.label(Language.ENGLISH)) as caught:
        read_value(field, given)
    assert (caught.value.place and caught.value.place.field, remedy in caught.value.remedy) == (
        field.key,
        True,
    )


_TEXTS = st.text(max_size=40) | st.text(alphabet="、,;\"' =a子\n", max_size=12)
_NAMES = st.lists(st.text(alphabet="、,;\"' ab子", min_size=1, max_size=8), min_size=1, max_size=6)


def _definition(kind: FieldType, names: list[str]) -> Field | None:
    chosen = names if kind.has_options else []
    try:
        return check_definition(a_field("given", kind, chosen))
    except ListError:
        return None


@given(st.sampled_from(FieldType), _NAMES, st.data())
def test_what_is_kept_is_read_back_the_same(
    kind: FieldType, names: list[str], data: st.DataObject
) -> None:
    """As text, as lists have it, and as JSON, as the database and exports have it."""
    field = _definition(kind, names)
    if field is None:
        return
    options = [option.value for option in field.options]
    given = data.draw(
        _TEXTS
        | st.floats()
        | st.integers()
        | st.booleans()
        | st.dates().map(str)
        | (st.sampled_from(options) | st.lists(st.sampled_from(options)) if options else _TEXTS)
    )
    try:
        value = read_value(field, given)
    except ListError:
        return
    for again in (written_value(value), json.loads(json.dumps(value))):
        read = read_value(field, again)
        assert (type(read), read) == (type(value), value)


def test_a_required_field_is_missed_where_it_is_asked() -> None:
    city = a_field("city", required=True, labels={"ja": "市区町村"})
    with pytest.raises(ListError, match="市区町村"):
        require_values([city], read_values([city], {"city": "  "}))
    require_values([fields.AGE], {})


def test_a_fault_names_the_field_in_its_readers_language() -> None:
    with pytest.raises(ListError) as caught:
        read_value(a_field("age", "number", labels={"ja": "年齢", "en": "Age"}), "many")
    stored = load_message(dump_message(caught.value.message))
    assert ("年齢" in stored.in_language(Language.JAPANESE), "Age" in str(stored)) == (True, True)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"key": "City"}, "key"),
        ({"key": "a" * 41}, "key"),
        ({"key": "name"}, "key"),
        ({"key": "2nd"}, "key"),
        ({"labels": {"ja": "x" * 101}}, "labels"),
        ({"labels": {"no language at all": "x"}}, "labels"),
        ({"purpose": "a\x07"}, "purpose"),
        ({"retention_days": 0}, "retention_days"),
        ({"options": (Option(value="a"),)}, "options"),
        ({"type": FieldType.CHOICE}, "options"),
        ({"type": FieldType.CHOICE, "options": (Option(value="a"), Option(value="Ａ"))}, "options"),
        ({"type": FieldType.CHOICE, "options": (Option(value=" "),)}, "options"),
        ({"key": "topic"}, "type"),
    ],
)
def test_a_definition_that_cannot_hold_is_refused(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ListError) as caught:
        check_definition(Field(**{"key": "city", "type": FieldType.TEXT} | changes))
    assert caught.value.place is not None
    assert caught.value.place.field == place


@pytest.mark.parametrize(
    ("name", "key"),
    [("city", "city"), ("City", "city"), ("市区町村", "city"), ("topics", "topic"), ("town", None)],
)
def test_a_column_is_a_field_by_key_or_label(name: str, key: str | None) -> None:
    found = field_named(fields.ALL, name)
    assert (found and found.key) == key


@pytest.mark.parametrize("name", ["topic", "Topics", "話題"])
def test_topics_without_a_label_are_named_as_pages_name_them(name: str) -> None:
    assert field_named([replace(fields.TOPIC, labels={})], name) is not None


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("frequency", Frequency)
def test_how_often_is_read_as_pages_say_it(frequency: Frequency, language: Language) -> None:
    assert read_frequency_word(name_of(frequency).in_language(language)) == frequency.value
    assert read_frequency_word("") == ""
    assert read_frequency_word("now and then") is None


def test_a_value_is_shown_by_its_labels() -> None:
    assert fields.PLAN.shown("paid", Language.JAPANESE) == "有料"
    assert fields.TOPIC.shown(["子育て", "文化"], Language.JAPANESE) == "子育て、文化"
    assert fields.MEMBER.shown(value=False, language=Language.ENGLISH) == "No"
    assert fields.CITY.shown(None, Language.ENGLISH) == ""


def test_topics_without_a_label_are_called_so_in_each_language() -> None:
    topics = Field(key="topic", type=FieldType.CHOICES)
    assert topics.label(Language.JAPANESE) == "話題"
    assert topics.label(Language.ENGLISH) == "Topics"
    assert replace(topics, labels={"ja": "分野"}).label(Language.ENGLISH) == "分野"
    assert Field(key="city", type=FieldType.TEXT).label(Language.JAPANESE) == "city"
