"""A segment's text and its conditions are one value, seen in two ways."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.segments.conditions import (
    Condition,
    Group,
    Match,
    Predicate,
    checked_group,
    conditions_in,
    from_text,
    subjects_of,
)
from subscribers.segments.model import (
    And,
    BuiltIn,
    Comparison,
    ConsentWay,
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
from tests.support.fields import AGE, BIRTHDAY, CITY, MEMBER, PLAN, TOPIC

FIELDS = (CITY, AGE, BIRTHDAY, MEMBER, PLAN, TOPIC)

_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
_days = st.dates(date(1900, 1, 1), date(2200, 12, 31)) | st.builds(
    DaysAgo, days=st.integers(0, 36_500)
)
_numbers = st.decimals(-(10**9), 10**9, places=2).map(lambda number: Decimal(f"{number:f}"))
_ORDERED = [Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST]
_SAME = [Operator.EQUAL, Operator.UNEQUAL]
_PARTS = [Operator.CONTAINS, Operator.STARTS, Operator.ENDS]


def _compared(
    field: BuiltIn | CustomField, operators: list[Operator], values: st.SearchStrategy[Any]
) -> st.SearchStrategy[Comparison]:
    return st.builds(
        Comparison, field=st.just(field), operator=st.sampled_from(operators), value=values
    )


_leaves: st.SearchStrategy[Query] = st.one_of(
    _compared(BuiltIn.TAG, _SAME, _texts),
    _compared(BuiltIn.NAME, _SAME, _texts | st.just("")),
    _compared(BuiltIn.NAME, _PARTS, _texts),
    _compared(BuiltIn.LANGUAGE, _SAME, st.sampled_from(["ja", "zh-Hant"])),
    _compared(BuiltIn.CONSENT, _SAME, st.sampled_from(ConsentWay).map(str)),
    _compared(BuiltIn.CONSENT_WORDING, _SAME + _PARTS, _texts),
    _compared(BuiltIn.JOINED, _SAME + _ORDERED, _days),
    _compared(CustomField(key="city"), _SAME + _PARTS, _texts),
    _compared(CustomField(key="age"), _SAME + _ORDERED, _numbers),
    _compared(CustomField(key="birthday"), _SAME + _ORDERED, _days),
    _compared(CustomField(key="member"), _SAME, st.booleans()),
    _compared(CustomField(key="topic"), _SAME, st.sampled_from(["子育て", "防災"])),
    st.builds(
        Membership,
        field=st.just(BuiltIn.TAG),
        values=st.lists(_texts, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        Membership,
        field=st.just(CustomField(key="plan")),
        values=st.lists(st.sampled_from(["free", "paid"]), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(Presence, field=st.just(CustomField(key="city"))),
    st.builds(Happened, event=st.sampled_from(MailEvent), number=st.integers(0, 30_000)),
)
queries: st.SearchStrategy[Query] = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(Not, part=inner),
        st.builds(And, parts=st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, parts=st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


def _plain(query: Query) -> Query:
    """Return a query in the one form that all of its spellings have."""
    match query:
        case Not(part=part):
            inner = _plain(part)
            return inner.part if isinstance(inner, Not) else Not(part=inner)
        case And(parts=parts):
            return And(parts=tuple(map(_plain, parts)))
        case Or(parts=parts):
            return Or(parts=tuple(map(_plain, parts)))
        case Comparison(field=field, operator=Operator.UNEQUAL, value=value):
            return Not(part=Comparison(field=field, operator=Operator.EQUAL, value=value))
        case Membership(field=field, values=values):
            each = [Comparison(field=field, operator=Operator.EQUAL, value=one) for one in values]
            return each[0] if len(each) == 1 else Or(parts=tuple(each))
        case _:
            return query


@given(query=queries)
def test_every_query_can_be_seen_as_conditions_that_mean_the_same(query: Query) -> None:
    text = format_query(query)
    read = parse_query(text, FIELDS)
    group, normal = from_text(text, FIELDS)
    _, back = checked_group(group, FIELDS)
    assert _plain(parse_query(back, FIELDS)) == _plain(read)
    assert from_text(back, FIELDS)[0] == group
    assert normal == format_query(read)


def test_no_condition_is_everybody() -> None:
    assert checked_group(Group(match=Match.ALL), FIELDS)[1] == ""
    assert from_text("  ", FIELDS) == (Group(match=Match.ALL), "")


def test_empty_groups_ask_nothing() -> None:
    group = Group(
        match=Match.ALL,
        parts=(
            Group(match=Match.NONE),
            Condition(subject="tag", predicate=Predicate.IS, value="press"),
            Group(match=Match.ANY, parts=(Group(match=Match.ALL),)),
        ),
    )
    assert checked_group(group, FIELDS)[1] == 'tag = "press"'


@pytest.mark.parametrize(
    ("subject", "predicate", "value", "text"),
    [
        ("joined", Predicate.WITHIN_DAYS, "30", "joined >= 30 days ago"),
        ("field.birthday", Predicate.SINCE, "2000-04-01", "field.birthday >= 2000-04-01"),
        ("topic", Predicate.IS_ONE_OF, "子育て\n防災", 'topic in ("子育て", "防災")'),
        ("received", Predicate.HAPPENED_NOT, "12", "not received(mailing = 12)"),
        ("field.city", Predicate.IS_UNKNOWN, "", "not field.city exists"),
        ("name", Predicate.CONTAINS_NOT, '田"', 'not name contains "田\\""'),
    ],
)
def test_a_condition_is_a_piece_of_the_query_language(
    subject: str, predicate: Predicate, value: str, text: str
) -> None:
    condition = Condition(subject=subject, predicate=predicate, value=value)
    assert checked_group(Group(match=Match.ALL, parts=(condition,)), FIELDS)[1] == text


@pytest.mark.parametrize(
    ("subject", "predicate", "value"),
    [
        ("field.age", Predicate.MORE, "三十"),
        ("field.age", Predicate.MORE, '30 or tag = "x"'),
        ("field.age", Predicate.MORE, "30) or (field.age < 3"),
        ("joined", Predicate.WITHIN_DAYS, "-3"),
        ("field.plan", Predicate.IS, "gold"),
        ("field.gone", Predicate.IS, "x"),
        ("consent", Predicate.IS, "telephone"),
        ("received", Predicate.HAPPENED, ""),
        ("language", Predicate.IS, ""),
        ("tag", Predicate.IS_NONE_OF, ""),
        ("name", Predicate.CONTAINS, ""),
        ("field.plan", Predicate.IS_NOT, ""),
    ],
)
def test_a_wrong_condition_is_named_and_the_others_are_not(
    subject: str, predicate: Predicate, value: str
) -> None:
    right = Condition(subject="tag", predicate=Predicate.IS, value="press")
    wrong = Condition(subject=subject, predicate=predicate, value=value)
    group = Group(match=Match.ANY, parts=(right, Group(match=Match.NONE, parts=(wrong,))))
    read, text = checked_group(group, FIELDS)
    errors = [condition.error is not None for condition in conditions_in(read)]
    assert (errors, text) == ([False, True], "")


def test_every_subject_offers_tests_of_its_kind() -> None:
    assert {subject.key for subject in subjects_of(FIELDS)} >= {"topic", "field.city", "joined"}
    assert all(len(subject.predicates) > 1 for subject in subjects_of(FIELDS))
