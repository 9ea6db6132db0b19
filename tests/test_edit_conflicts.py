"""What comes of a form when another saved meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.edit_conflicts import EditConflictError, merge_changes, shown_of


@dataclass(frozen=True, kw_only=True)
class _Value:
    name: str = ""
    number: int | None = None
    topics: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)


_NAMES = st.sampled_from(["", "a", "b", "c"])
_TOPICS = st.sets(st.sampled_from("xyz")).map(lambda each: tuple(sorted(each)))
_VALUES = st.fixed_dictionaries({"city": _NAMES, "likes": _TOPICS.map(list)})
_ANY = st.builds(
    _Value, name=_NAMES, number=st.sampled_from([None, 0, 1]), topics=_TOPICS, values=_VALUES
)


@given(_ANY, _ANY)
def test_what_nobody_else_changed_is_taken_as_it_was_sent(shown: _Value, sent: _Value) -> None:
    assert merge_changes(shown_of(shown), sent, shown).require() == sent


@given(_ANY, _ANY)
def test_a_form_saved_as_it_was_shown_changes_nothing(shown: _Value, now: _Value) -> None:
    assert merge_changes(shown_of(shown), shown, now).require() == now


@given(_ANY, _ANY, _ANY)
def test_saved_again_what_was_typed_holds_beside_what_another_changed(
    shown: _Value, sent: _Value, now: _Value
) -> None:
    begun = merge_changes(shown_of(shown), sent, now)
    assert merge_changes(shown_of(now), begun.value, now).require() == begun.value
    assert begun.value.name == (now.name if sent.name == shown.name else sent.name)
    kept = set(now.topics) - (set(shown.topics) - set(sent.topics))
    assert set(begun.value.topics) == kept | (set(sent.topics) - set(shown.topics))


def test_what_both_changed_is_refused_with_what_is_saved_now() -> None:
    shown = _Value(name="a", values={"city": "東京"})
    sent = replace(shown, name="b", values={"city": "奈良"})
    now = replace(shown, name="c", values={"city": "大阪"})
    with pytest.raises(EditConflictError) as caught:
        merge_changes(shown_of(shown), sent, now).require()
    assert caught.value.clashes == {"name": "c", "values.city": "大阪"}


@pytest.mark.parametrize("shown", ["", "no JSON", "[1]", "7"])
def test_who_shows_nothing_has_all_taken(shown: str) -> None:
    sent = _Value(name="b", topics=("x",))
    assert merge_changes(shown, sent, _Value(name="c")).require() == sent


@pytest.mark.parametrize("shown", ["", "[", "[]", "[" * 100_000, '{"a":' * 100_000])
def test_where_nothing_says_what_was_shown_all_is_taken_as_it_was_sent(shown: str) -> None:
    sent = _Value(name="a", topics=("x",))
    assert merge_changes(shown, sent, _Value(name="b")).require() == sent
