"""A tag for many: at once or by workers, and each person once, whatever dies meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AuditEventRow, SeriesEnrolmentRow, TaggingRow, TagRow
from newsletter.database.vocabulary import SeriesTrigger, SubscriptionState, UnsubscribeWay
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.mailings.series.actions import SeriesPlan
from newsletter.newsletters.publications import NewsletterDraft, create_newsletter
from newsletter.tokens import Pseudonyms
from subscribers import tagging
from subscribers.erasure import erase
from subscribers.history import read_history
from subscribers.history_entries import Person
from subscribers.lists.imports.imports import import_csv
from subscribers.search import PeopleFilter
from subscribers.tagging import (
    TagChange,
    list_tags,
    next_tagging,
    read_tag,
    run_tagging,
    tag_people,
)
from tests.support.databases import on_one_database
from tests.support.series import begin_series
from tests.support.stage import Stage, set_stage, set_subscribers

A, B, C = "a@example.jp", "b@example.jp", "c@example.jp"
PRESS = TagChange(tag="press")


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine)
    stage.subscribe(A, B, C)
    return stage


def _tag(stage: Stage, change: TagChange, *whom: str | PeopleFilter) -> TaggingRow:
    wanted = next((each for each in whom if isinstance(each, PeopleFilter)), None)
    numbers = [stage.subscriber_id(each) for each in whom if isinstance(each, str)]
    with transaction(stage.engine) as session:
        return tag_people(session, COMMAND_LINE, stage.newsletter_id, change, wanted or numbers)


def _tagged(stage: Stage, tag: str = "press") -> int:
    with reading(stage.engine) as session:
        return session.scalar(select(func.count(TagRow.tag)).where(TagRow.tag == tag)) or 0


def test_a_tag_is_given_and_taken_and_twice_does_no_harm(stage: Stage) -> None:
    assert _tag(stage, PRESS, A, B).changed == 2
    again = _tag(stage, PRESS, A, B, C)
    assert (again.people, again.done, again.changed) == (3, 3, 1)
    assert _tagged(stage) == 3
    taken = TagChange(tag="press", given=False)
    assert [_tag(stage, taken, A, B).changed for _ in range(2)] == [2, 0]
    assert _tagged(stage) == 1


def test_a_search_reaches_all_whom_the_list_shows_for_it(stage: Stage) -> None:
    set_subscribers(stage.engine, "digest", {"hanako@town.jp": "花子", "taro@town.jp": "太郎"})
    for whom, count in (
        (PeopleFilter(), 5),
        (PeopleFilter(text="a@"), 1),
        (PeopleFilter(text="花"), 1),
        (PeopleFilter(text="town"), 2),
        (PeopleFilter(segment='domain = "town.jp"', state=SubscriptionState.CONFIRMED), 2),
        (PeopleFilter(state=SubscriptionState.UNSUBSCRIBED), 0),
    ):
        assert _tag(stage, PRESS, whom).done == count
    assert _tag(stage, TagChange(tag="old"), PeopleFilter(tag="press")).changed == 5


def test_whom_somebody_may_not_reach_is_not_reached(stage: Stage) -> None:
    draft = NewsletterDraft(slug="b", name="B", from_address="b@example.jp", postal_address="Tokyo")
    with transaction(stage.engine) as session:
        other = create_newsletter(session, draft).id
    import_csv(stage.engine, other, ["email\n", "theirs@example.jp\n"], source="t", basis="t")
    erased = stage.subscriber_id(C)
    with transaction(stage.engine) as session:
        erase(session, erased, Pseudonyms([b"k" * 40]), way=UnsubscribeWay.PAGE)
        theirs = stage.subscriber_id("theirs@example.jp")
        numbers = [theirs, erased, stage.subscriber_id(A), 10**17]
        order = tag_people(session, COMMAND_LINE, stage.newsletter_id, PRESS, numbers)
    assert (order.people, order.done, _tagged(stage)) == (1, 1, 1)


def test_a_series_begins_once_for_those_who_had_not_the_tag(stage: Stage) -> None:
    _tag(stage, PRESS, A)
    plan = SeriesPlan(name="講座", trigger=SeriesTrigger.TAG, subject="press")
    begin_series(stage.engine, plan=plan)
    for _ in range(2):
        _tag(stage, PRESS, A, B)
    with reading(stage.engine) as session:
        enrolled = session.scalars(select(SeriesEnrolmentRow.subscriber_id)).all()
    assert enrolled == [stage.subscriber_id(B)]


@pytest.fixture
def many(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A list of more people than are tagged at once."""
    monkeypatch.setattr(tagging, "AT_ONCE", 3)
    stage.subscribe(*(f"r{number}@example.jp" for number in range(7)))
    return stage


def test_more_are_done_by_workers_who_go_on_where_one_was_killed(many: Stage) -> None:
    order = _tag(many, PRESS, PeopleFilter(segment='not tag = "press"'))
    assert (order.people, order.done, _tagged(many)) == (10, 0, 0)
    many.subscribe("later@example.jp")
    looks = iter([False, True])
    assert not run_tagging(many.engine, order.id, stopping=lambda: next(looks))
    assert (_tagged(many), next_tagging(many.engine)) == (3, order.id)
    with ThreadPoolExecutor(2) as workers:
        assert all(workers.map(lambda _: run_tagging(many.engine, order.id), range(2)))
    with reading(many.engine) as session:
        done = session.get_one(TaggingRow, order.id)
        events = session.scalars(
            select(AuditEventRow).where(AuditEventRow.action == "subscriber.tag")
        ).all()
    assert (done.done, done.changed, _tagged(many), done.terms) == (10, 10, 10, {})
    assert [event.details["readers"] for event in events] == [10]
    assert next_tagging(many.engine) is None


@on_one_database("sqlite")
def test_what_is_no_tag_and_nobody_are_refused(stage: Stage) -> None:
    for text in ("", " ", "x" * 65, "a\nb"):
        with pytest.raises(ListError, match="A tag has"):
            read_tag(text)
    with pytest.raises(ListError, match="Nobody was chosen"):
        _tag(stage, PRESS)
    with pytest.raises(ListError):
        _tag(stage, PRESS, PeopleFilter(segment="tag ="))
    assert _tagged(stage) == 0


@on_one_database("postgresql")
def test_tags_are_listed_once_each(stage: Stage) -> None:
    for tag in ("b", "a", "c"):
        _tag(stage, TagChange(tag=tag), A, B)
    with reading(stage.engine) as session:
        assert list_tags(session, stage.newsletter_id, limit=2) == ["a", "b"]


def test_each_ones_history_has_the_tags_that_many_got(many: Stage) -> None:
    _tag(many, PRESS, B)
    order = _tag(many, PRESS, PeopleFilter())
    run_tagging(many.engine, order.id)
    run_tagging(many.engine, _tag(many, TagChange(tag="press", given=False), PeopleFilter()).id)
    given, taken = "Tag “press” given", "Tag “press” taken away"
    for address in (A, B, "r6@example.jp"):
        assert _taggings_of(many, address) == [taken, given]
    assert _tagged(many) == 0


def _taggings_of(stage: Stage, address: str) -> list[str]:
    """Return what somebody's history says of tags, read an entry at a time."""
    person = Person(newsletter_id=stage.newsletter_id, subscriber_id=stage.subscriber_id(address))
    found, mark = [], None
    with reading(stage.engine) as session:
        while True:
            page = read_history(session, person, before=mark, limit=1)
            found += [entry.what.in_language(Language.ENGLISH) for entry in page.entries]
            mark = page.after
            if mark is None:
                return [words for words in found if words.startswith("Tag ")]
