"""An issue is shown, and sent as a test, as the readers of a variant or as one person gets it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.database.vocabulary import FieldType, UnsubscribeWay
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import find_issue
from newsletter.mailings.orders.test_mails import order_test, save_group
from newsletter.mailings.planning.content import load_content
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.planning.shown_as import (
    ShownAs,
    find_shown_as,
    person_key,
    sent_shown_as,
    variant_key,
)
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from subscribers.erasure import erase
from subscribers.fields.actions import add_field
from subscribers.fields.model import Field
from subscribers.lists.imports.imports import import_csv
from subscribers.segments.saved import find_segment, save_segment
from tests.support.stage import Stage, set_stage

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HEAD = "---\ntitle: 十二月号\ndate: 2026-12-01\n---\n\n"
BODY = """:field[name|市民] 様、:field[town|市内] のお知らせです。[町](https://town.example.jp/)

:::for parents
目印催し
:::

:::for tag = "staff"
目印職員
:::
"""
PEOPLE = """email,name,tags,town
haru@example.jp,春,child,千葉
natsu@example.jp,夏,child; staff,
aki@example.jp,,,
fuyu@example.jp,冬,child,
"""
BOTH = ("parents", 'tag = "staff"')


@pytest.fixture
def stage(engine: Engine) -> Stage:
    stage = set_stage(engine, (HEAD + BODY).encode())
    with transaction(engine) as session:
        save_segment(session, stage.newsletter_id, name="parents", query='tag = "child"')
        town = Field(key="town", type=FieldType.TEXT, labels={"ja": "町"})
        add_field(session, COMMAND_LINE, stage.newsletter_id, town)
    lines = PEOPLE.splitlines(keepends=True)
    import_csv(engine, stage.newsletter_id, lines, source="test", basis="test")
    return stage


def _shown(stage: Stage, key: str, *, body: str = BODY, sees_people: bool = True) -> ShownAs:
    issue = read_issue((HEAD + body).encode(), source="draft").issue
    with reading(stage.engine) as session:
        return find_shown_as(
            session,
            session.get_one(NewsletterRow, stage.newsletter_id),
            issue,
            key,
            sees_people=sees_people,
            language=Language.ENGLISH,
        )


def test_the_choice_is_each_variant_with_its_readers(stage: Stage) -> None:
    variants = {each.met: each.people for each in _shown(stage, "").variants}
    assert variants == {("parents",): 2, BOTH: 1, (): 1}


def test_a_variant_stays_chosen_while_the_issue_is_edited(stage: Stage) -> None:
    key = variant_key(BOTH)
    assert _shown(stage, key).met == BOTH
    # Another part comes first, and these change places: their numbers are others.
    edited = ':::for language = "en"\nx\n:::\n\n' + "\n".join(
        re.findall(r":::for .*?\n:::\n", BODY, re.DOTALL)[::-1]
    )
    met = _shown(stage, key, body=edited).met
    assert met is not None
    assert set(met) == set(BOTH)


def test_a_person_is_shown_their_parts_and_values(stage: Stage) -> None:
    haru = _shown(stage, person_key(stage.subscriber_id("haru@example.jp")))
    assert haru.met == ("parents",)
    assert (haru.reader.name, dict(haru.reader.fields)) == ("春", {"town": "千葉"})


@pytest.mark.parametrize("key", ["", "v000000000000", "p0", "p999", "p-1", "x", "p" + "9" * 30])
def test_a_key_that_stands_for_nobody_shows_all_parts(stage: Stage, key: str) -> None:
    shown = _shown(stage, key)
    assert (shown.key, shown.met, shown.person) == ("", None, None)


def test_who_may_not_see_people_is_shown_nobody(stage: Stage) -> None:
    key = person_key(stage.subscriber_id("haru@example.jp"))
    assert _shown(stage, key, sees_people=False).person is None


def test_who_was_erased_is_shown_to_nobody(stage: Stage) -> None:
    haru = stage.subscriber_id("haru@example.jp")
    with transaction(stage.engine) as session:
        erase(session, haru, Pseudonyms([b"p" * 40]), way=UnsubscribeWay.OPERATOR)
    assert _shown(stage, person_key(haru)).person is None


def _test(stage: Stage, key: str, *, group: str = "") -> str:
    with reading(stage.engine) as session:
        issue = find_issue(session, stage.newsletter_id, stage.issue)
        newsletter = session.get_one(NewsletterRow, stage.newsletter_id)
    mailing = order_test(
        stage.engine,
        COMMAND_LINE,
        newsletter,
        issue,
        group=group,
        to="" if group else "aki@example.jp",
        shown_as=key,
        sees_people=True,
        settings=Settings(_env_file=None),
        pseudonyms=Pseudonyms([b"p" * 40]),
    )
    with reading(stage.engine) as session:
        return fill(load_content(session, mailing).rendered.text, {"subscriber_name": "秋"})


def test_a_test_mail_is_what_the_preview_shows(stage: Stage) -> None:
    haru = person_key(stage.subscriber_id("haru@example.jp"))
    natsu = person_key(stage.subscriber_id("natsu@example.jp"))
    tests = [_test(stage, key) for key in ("", variant_key(["parents"]), haru, natsu, "unknown")]
    marks = [re.findall("目印(..)", text) for text in tests]
    assert marks == [["催し", "職員"], ["催し"], ["催し"], ["催し", "職員"], ["催し", "職員"]]
    greetings = [re.findall(r"(\S+) 様、(..)", text)[0] for text in tests]
    own = ("秋", "市内")
    assert greetings == [own, own, ("春", "千葉"), ("夏", "市内"), ("市民", "市内")]


def test_a_test_mail_of_readers_who_are_gone_is_refused(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="no longer there"):
        _test(stage, "v000000000000")


def test_what_one_subscriber_gets_is_not_sent_to_a_group(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        save_group(
            session, COMMAND_LINE, stage.newsletter_id, name="desk", addresses="desk@example.jp"
        )
    haru = person_key(stage.subscriber_id("haru@example.jp"))
    with pytest.raises(ConflictError, match="personal data"):
        _test(stage, haru, group="desk")
    assert "目印職員" not in _test(stage, variant_key(["parents"]), group="desk")


def test_a_sent_issue_is_shown_as_each_reader_got_it_whatever_they_are_now(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    natsu = person_key(stage.subscriber_id("natsu@example.jp"))
    with transaction(stage.engine) as session:
        find_segment(session, stage.newsletter_id, "parents").query = 'tag = "none"'
    for key, marks in [(natsu, ["催し", "職員"]), (variant_key([]), []), ("v0", ["催し"])]:
        with reading(stage.engine) as session:
            shown, content = sent_shown_as(
                session,
                session.get_one(NewsletterRow, stage.newsletter_id),
                mailing,
                key,
                sees_people=True,
                language=Language.ENGLISH,
            )
        assert re.findall("目印(..)", fill(content.rendered.text, {})) == marks
        assert len(shown.variants) == 3
