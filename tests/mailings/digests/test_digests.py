"""Digests: who reads issues in one gets each exactly once, and all others get them as before."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import (
    AuditEventRow,
    DigestEntryRow,
    MailingRow,
    SubscriptionRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import Archived, Frequency
from newsletter.errors import ListError
from newsletter.i18n.language import Language
from newsletter.mailings.archive import archive_issue
from newsletter.mailings.digests.opening import preview_digest
from newsletter.mailings.digests.rules import find_rules, pause_digest, resume_digest
from newsletter.mailings.orders.actions import cancel, pause
from newsletter.mailings.planning.audience import LeftOut, count_audience
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.variants import variant_sent
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.slots import fill
from tests.support.digests import (
    SETTING,
    choose,
    digests,
    due,
    offer,
    open_digests,
    received,
    send_issue,
)
from tests.support.soak import SOAK
from tests.support.stage import Stage, set_stage

PEOPLE = ("a@example.jp", "b@example.jp", "c@example.jp")


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    """On SQLite; what the databases do differently is asked of both by the first test."""
    opened = open_engine(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def each_engine(database_url: str) -> Iterator[Engine]:
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


def _stage(engine: Engine) -> Stage:
    """Offer both digests, the monthly one in two weeks: later than the weekly one on every day."""
    stage = set_stage(engine)
    stage.subscribe(*PEOPLE)
    offer(engine)
    offer(engine, Frequency.MONTHLY, day=(now() + timedelta(days=14)).day)
    return stage


def _text(stage: Stage, mailing: int, address: str, *, html: bool = False) -> str:
    with reading(stage.engine) as session:
        variant = variant_sent(session, mailing, stage.subscriber_id(address))
        rendered = load_content(session, mailing, variant).rendered
    return fill(rendered.html if html else rendered.text, {})


def test_who_chose_a_digest_reads_there_what_came_since_the_last_one(
    each_engine: Engine,
) -> None:
    engine = each_engine
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    choose(stage, "b@example.jp", Frequency.MONTHLY)
    for number in (1, 2):
        send_issue(stage, number)
    assert received(stage) == {"c@example.jp": Counter(["第1号", "第2号"])}

    (mailing,) = open_digests(engine, due(engine))

    assert received(stage)["a@example.jp"] == Counter(["第1号", "第2号"])
    assert "b@example.jp" not in received(stage)
    text = _text(stage, mailing, "a@example.jp")
    assert "まちのデジタル便り：週刊まとめ" in text
    assert text.index("第1号") < text.index("第2号")
    assert "図書館が開く" in text
    assert "新しい図書館が開きます。" in text
    assert "詳しくは窓口へ" not in text
    assert "https://mail.example.jp/archive/digest/" in text
    assert "第2号" in _text(stage, mailing, "a@example.jp", html=True)
    with reading(engine) as session:
        opened = select(AuditEventRow.object).where(AuditEventRow.action == Action.DIGEST_OPEN)
        assert session.scalars(opened).all() == [f"mailing {mailing}"]


def test_nothing_came_so_no_mail_goes_out(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    first = due(engine)
    assert open_digests(engine, first) == []
    assert due(engine) == first + timedelta(days=7)
    assert digests(engine) == []


def test_a_server_that_was_down_for_weeks_sends_one_digest_of_all_that_waited(
    engine: Engine,
) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1)
    late = due(engine) + timedelta(days=23)
    assert len(open_digests(engine, late)) == 1
    assert open_digests(engine, late) == []
    assert due(engine) > late
    assert received(stage)["a@example.jp"] == Counter(["第1号"])


def test_an_urgent_issue_goes_to_everybody_and_is_in_no_digest(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1, urgent=True)
    assert received(stage) == {address: Counter(["第1号"]) for address in PEOPLE}
    assert open_digests(engine, due(engine)) == []


def test_a_digest_that_is_offered_no_more_goes_out_once_more_for_what_waits(
    engine: Engine,
) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1)
    offer(engine, offered=False)
    send_issue(stage, 2)
    assert received(stage)["a@example.jp"] == Counter(["第2号"])
    open_digests(engine, due(engine))
    assert received(stage)["a@example.jp"] == Counter(["第1号", "第2号"])


def test_what_was_sent_twice_is_in_a_digest_once(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    for _ in range(2):
        plan_mailing(engine, stage.mail())
    open_digests(engine, due(engine))
    assert list(received(stage)["a@example.jp"].values()) == [1]


def test_a_held_mailing_waits_and_a_cancelled_one_is_in_no_digest(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    held, given_up = send_issue(stage, 1), send_issue(stage, 2)
    pause(engine, COMMAND_LINE, held)
    cancel(engine, COMMAND_LINE, given_up)
    assert open_digests(engine, due(engine)) == []
    with reading(engine) as session:
        assert session.scalars(select(DigestEntryRow.mailing_id)).all() == [held]


def test_parts_for_some_readers_stay_theirs(engine: Engine) -> None:
    stage = _stage(engine)
    for address in ("a@example.jp", "b@example.jp"):
        choose(stage, address, Frequency.WEEKLY)
    body = (
        '# 1. 職員\n:for[domain = "example.jp"]\n\n### 目印内規\n:for[name = "A"]\n\n中。\n\n'
        "# 2. 皆\n\n### 目印皆\n\n外。\n"
    )
    with transaction(engine) as session:
        session.get_one(
            SubscriptionRow, (stage.newsletter_id, stage.subscriber_id("a@example.jp"))
        ).name = "A"
    send_issue(stage, 1, body)
    (mailing,) = open_digests(engine, due(engine))
    assert "目印内規" in _text(stage, mailing, "a@example.jp")
    assert "目印内規" not in _text(stage, mailing, "b@example.jp")
    assert "目印皆" in _text(stage, mailing, "b@example.jp")


def test_an_issue_that_cannot_be_read_on_the_web_is_in_the_digest_as_a_whole(
    engine: Engine,
) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    mailing = send_issue(stage, 1)
    with transaction(engine) as session:
        issue_id = session.get_one(MailingRow, mailing).issue_id
        assert issue_id is not None
        archive_issue(session, COMMAND_LINE, stage.newsletter_id, issue_id, Archived.SUBSCRIBERS)
    (digest,) = open_digests(engine, due(engine))
    text = _text(stage, digest, "a@example.jp")
    assert "詳しくは窓口へ" in text
    assert "/archive/" not in text


def test_a_paused_digest_waits_and_can_go_on_without_what_waited(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1)
    moment = due(engine)
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "digest")
        pause_digest(session, COMMAND_LINE, newsletter, Frequency.WEEKLY)
    assert open_digests(engine, moment) == []
    with transaction(engine) as session:
        newsletter = find_newsletter(session, "digest")
        resume_digest(session, COMMAND_LINE, newsletter, Frequency.WEEKLY, without_waiting=True)
    assert open_digests(engine, due(engine)) == []
    assert "a@example.jp" not in received(stage)


def test_the_audience_says_who_reads_it_in_a_digest(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    choose(stage, "b@example.jp", Frequency.MONTHLY)
    with reading(engine) as session:
        newsletter = find_newsletter(session, "digest")
        counted = count_audience(session, newsletter, "")
        everybody = count_audience(session, newsletter, "", urgent=True)
        elsewhere = count_audience(session, newsletter, 'domain = "example.com"')
    assert (counted.included, counted.reached) == (1, 3)
    assert counted.left_out == {LeftOut.WEEKLY_DIGEST: 1, LeftOut.MONTHLY_DIGEST: 1}
    assert everybody.included == 3
    assert elsewhere.left_out == {LeftOut.OTHER_SEGMENT: 3}


def test_the_preview_shows_the_next_digest_and_changes_nothing(engine: Engine) -> None:
    stage = _stage(engine)
    choose(stage, "a@example.jp", Frequency.WEEKLY)
    send_issue(stage, 1)
    with reading(engine) as session:
        newsletter = find_newsletter(session, "digest")
        rules = find_rules(session, newsletter.id)
        found = preview_digest(session, newsletter, rules[Frequency.WEEKLY], SETTING)
        nothing = preview_digest(session, newsletter, rules[Frequency.MONTHLY], SETTING)
    assert found.people == 1
    assert found.rendered is not None
    assert "第1号" in fill(found.rendered.text, {})
    assert (nothing.people, nothing.issue) == (0, None)


@pytest.mark.parametrize(
    ("frequency", "day", "remedy"),
    [
        (Frequency.WEEKLY, 7, "0 (Monday) to 6 (Sunday)"),
        (Frequency.MONTHLY, 0, "1 to 31"),
        (Frequency.MONTHLY, 32, "1 to 31"),
    ],
)
def test_a_day_that_is_none_is_refused_with_those_that_there_are(
    engine: Engine, frequency: Frequency, day: int, remedy: str
) -> None:
    set_stage(engine)
    with pytest.raises(ListError, match=f"on day {day}") as refused:
        offer(engine, frequency, day=day)
    assert refused.value.place is not None
    assert refused.value.place.field == "day"
    assert remedy in str(
        refused.value.advice and refused.value.advice.in_language(Language.ENGLISH)
    )


@pytest.mark.parametrize("hour", ["8:00", "24:00", "08:00:00", ""])
def test_an_hour_that_is_none_is_refused(engine: Engine, hour: str) -> None:
    set_stage(engine)
    with pytest.raises(ListError) as refused:
        offer(engine, hour=hour)
    assert refused.value.place is not None
    assert refused.value.place.field == "hour"


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("issue"), st.booleans()),
        st.tuples(st.just("choose"), st.sampled_from(PEOPLE), st.sampled_from(Frequency)),
        st.tuples(st.just("offer"), st.sampled_from(["weekly", "monthly"]), st.booleans()),
        st.tuples(st.just("digest"), st.sampled_from(["weekly", "monthly"])),
    ),
    min_size=4,
    max_size=12,
)


@settings(max_examples=200 if SOAK else 8, derandomize=not SOAK)
@given(steps=_STEPS)
def test_whatever_is_chosen_meanwhile_each_issue_comes_exactly_once(
    _sqlite_template: Path,  # noqa: PT019 - a value, copied for each example
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[object, ...]],
) -> None:
    path = tmp_path_factory.mktemp("digests") / "newsletter.sqlite3"
    shutil.copy(_sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    stage = _stage(engine)
    numbers = count(1)
    sent = 0
    for step in steps:
        match step:
            case ("issue", bool(urgent)):
                send_issue(stage, sent := next(numbers), urgent=urgent)
            case ("choose", str(address), Frequency() as frequency):
                choose(stage, address, frequency)
            case ("offer", str(frequency), bool(offered)):
                offer(engine, Frequency(frequency), offered=offered)
            case ("digest", str(frequency)):
                open_digests(engine, due(engine, Frequency(frequency)))
    open_digests(engine, now() + timedelta(days=400))
    expected = Counter({f"第{number}号": 1 for number in range(1, sent + 1)})
    assert received(stage) == (dict.fromkeys(PEOPLE, expected) if sent else {})
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(DigestEntryRow)) == 0
    engine.dispose()


def test_a_digest_is_read_in_the_language_in_which_its_issues_were_sent(
    each_engine: Engine,
) -> None:
    engine = each_engine
    stage = _stage(engine)
    with transaction(engine) as session:
        for address, tag in (("a@example.jp", "en-GB"), ("b@example.jp", "ja")):
            key = (stage.newsletter_id, stage.subscriber_id(address))
            session.get_one(SubscriptionRow, key).language = tag
    for address in PEOPLE[:2]:
        choose(stage, address, Frequency.WEEKLY)
    english = "# 1. Town\n\n### The library opens\n\nA new library opens. Ask at the counter.\n"
    send_issue(stage, 1, translations={"en": ("Issue one", english)})
    send_issue(stage, 2)

    (mailing,) = open_digests(engine, due(engine))

    assert received(stage)["a@example.jp"] == Counter(["第1号", "第2号"])
    theirs = _text(stage, mailing, "a@example.jp")
    assert ("Issue one" in theirs, "A new library opens." in theirs) == (True, True)
    assert ("Town" in theirs, "第2号" in theirs, "町から" in theirs) == (True, True, False)
    assert "Read this issue" in theirs
    original = _text(stage, mailing, "b@example.jp")
    assert ("Issue one" in original, "第1号" in original, "町から" in original) == (
        False,
        True,
        True,
    )
