"""Search for the owner of a Message-ID among a mailing's recipients, without blocking writers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import pytest
from sqlalchemy import Connection, Engine, delete, event, select
from sqlalchemy.engine import make_url

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import BounceRow, DeliveryRow
from newsletter.database.vocabulary import SubscriptionState
from newsletter.feedback.attribution import attribute, delivery_of_message_id
from newsletter.feedback.consequences import act_on_new_bounces
from newsletter.feedback.mail import Taken, take_mail
from newsletter.mailings.planning.planning import plan_mailing
from tests.feedback.conftest import KEYS, Post
from tests.feedback.letters import READER, letter, notice
from tests.support.stage import set_stage

pytestmark = pytest.mark.database

_FEW, _MANY = 20, 400


def _post(url: str, readers: int) -> Post:
    """Mail this many people, our reader last, so that a search tries all others first."""
    stage = set_stage(open_engine(url))
    stage.subscribe(*(f"reader{number}@example.jp" for number in range(readers - 1)))
    stage.subscribe(READER)
    mailing_id = stage.mail()
    plan_mailing(stage.engine, mailing_id)
    return Post(stage=stage, mailing_id=mailing_id)


def _work_while_nobody_else_writes(engine: Engine, act: Callable[[], object]) -> int:
    """Return the number of function calls within the transaction that writes."""
    calls = 0

    def count(_frame: FrameType, _event: str, _given: object) -> None:
        nonlocal calls
        calls += 1

    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("read_only"):
            sys.setprofile(count)

    def end(_connection: Connection) -> None:
        sys.setprofile(None)

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", end)
    event.listen(engine, "rollback", end)
    try:
        act()
    finally:
        sys.setprofile(None)
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", end)
        event.remove(engine, "rollback", end)
    return calls


def _leave(post: Post) -> None:
    mail = letter("配信停止", sender="alias@elsewhere.example", In_Reply_To=post.message_id)
    assert take_mail(post.engine, mail, KEYS) is Taken.LEFT
    assert post.state() is SubscriptionState.UNSUBSCRIBED


def _judge(post: Post) -> None:
    assert act_on_new_bounces(post.engine, KEYS) == 1
    [row] = post.rows()
    assert row.proven
    assert row.subscriber_id == post.stage.subscriber_id(READER)


def _report_with_another_address(post: Post) -> None:
    mail = notice(about="forwarded@elsewhere.example", message_id=post.message_id)
    take_mail(post.engine, mail, KEYS)


@pytest.mark.parametrize(
    ("prepare", "act"),
    [(lambda _post: None, _leave), (_report_with_another_address, _judge)],
    ids=["request to leave", "bounce"],
)
def test_a_search_in_a_longer_list_does_not_block_writers_longer(
    sqlite_url: str, prepare: Callable[[Post], None], act: Callable[[Post], None]
) -> None:
    work: list[int] = []
    # A first run fills the caches, so that they are not counted.
    for readers in (_FEW, _FEW, _MANY):
        url = f"{sqlite_url}-{len(work)}"
        shutil.copy(make_url(sqlite_url).database or "", make_url(url).database or "")
        post = _post(url, readers)
        prepare(post)
        work.append(_work_while_nobody_else_writes(post.engine, partial(act, post)))
        post.engine.dispose()
    assert work[2] < 1.2 * work[1], work


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_owner_of_a_message_id_is_searched_for_once(sqlite_url: str, *, is_gone: bool) -> None:
    post = _post(sqlite_url, 3)
    message_id = post.message_id
    owner = None if is_gone else (post.mailing_id, post.stage.subscriber_id(READER))
    if is_gone:
        with transaction(post.engine) as session:
            session.execute(delete(DeliveryRow))
    searches: list[str] = []

    @event.listens_for(post.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "JOIN delivery" in statement:
            searches.append(statement)

    with reading(post.engine) as session:
        found = [delivery_of_message_id(session, KEYS, message_id) for _ in range(2)]
    post.engine.dispose()
    assert found == [owner, owner]
    assert len(searches) == 1


@pytest.mark.parametrize("address", [READER, "reader1@example.jp"])
def test_what_was_found_before_is_proven_by_the_message_id_once_more(
    sqlite_url: str, address: str
) -> None:
    post = _post(sqlite_url, 3)
    _report_with_another_address(post)
    found = post.stage.subscriber_id(address)
    with reading(post.engine) as session:
        [row] = session.scalars(select(BounceRow))
        told = attribute(session, [row], KEYS, {row.id: found})[row.id]
    post.engine.dispose()
    assert told.proof.holds is (address == READER)
    assert told.subscriber_id == (found if address == READER else None)
