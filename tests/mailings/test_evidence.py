"""What journals and a relay's log prove, where the ledger does not know."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import MailingRow, SubscriberRow
from newsletter.database.types import new_identity
from newsletter.database.vocabulary import DeliveryState, MailingState
from newsletter.errors import ConflictError, OrderError
from newsletter.mailings.ledger import leases as ledger
from newsletter.mailings.ledger.evidence import log_lines, message_ids, taken_by_relay
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.orders.actions import resume, settle_by_journals, settle_by_log
from newsletter.mailings.planning.links import refer
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.mailings.reports.progress import progress
from tests.support.databases import on_one_database
from tests.support.ledger import claim
from tests.support.stage import Stage, set_stage
from workers.journal import Journal, outcomes_below, read_orphans

State = DeliveryState
KEY = b"k" * 40
PEOPLE = 4


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=PEOPLE)


@pytest.fixture
def restored(stage: Stage) -> int:
    """A mailing that is held because the database was restored to before it was sent."""
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with transaction(stage.engine) as session:
        session.execute(update(MailingRow).values(state=MailingState.PAUSED, restored=True))
    return mailing


POSTFIX = b"""\
Dec  1 08:00:01 mx postfix/smtpd[11]: 4Zq1sP0xyz: client=web.example.jp[192.0.2.7]
Dec  1 08:00:01 mx postfix/cleanup[12]: 4Zq1sP0xyz: message-id=<7.abc@example.jp>
Dec  1 08:00:01 mx postfix/qmgr[13]: 4Zq1sP0xyz: from=<b@example.jp>, size=9, nrcpt=1 (queue active)
Dec  1 08:00:01 mx postfix/cleanup[12]: 9B2C41A0F: message-id=<7.def@example.jp>
Dec  1 08:00:01 mx postfix/cleanup[12]: 9B2C41A0F: milter-reject: END-OF-MESSAGE from web
2026-12-01T08:00:02+09:00 mx postfix-out/cleanup[14]: AAAA1: message-id=<7.ghi@example.jp>
2026-12-01T08:00:03+09:00 mx postfix-out/smtp[15]: AAAA1: to=<r@example.jp>, status=sent (250)
"""
EXIM = b"2026-12-01 08:00:01 1tHkQ2-0001ab-3C <= b@example.jp H=web P=esmtp S=9 id=7.jkl@x\n"


def test_of_a_log_of_postfix_what_was_queued_counts_and_what_was_only_read_does_not() -> None:
    assert list(taken_by_relay(POSTFIX.splitlines(keepends=True))) == [
        ("7.abc@example.jp", "4Zq1sP0xyz"),
        ("7.ghi@example.jp", "AAAA1"),
    ]


def test_a_log_of_exim_tells_what_arrived() -> None:
    assert list(taken_by_relay([EXIM])) == [("7.jkl@x", "1tHkQ2-0001ab-3C")]


def _log(stage: Stage, mailing: int, *positions: int) -> list[bytes]:
    with reading(stage.engine) as session:
        ids = message_ids(session, mailing, KEY, positions)
    return [
        line
        for place, message_id in ids.items()
        for line in (
            f"mx postfix/cleanup[1]: QUEUE{place}: message-id=<{message_id}>\n".encode(),
            f"mx postfix/qmgr[1]: QUEUE{place}: from=<b@example.jp>, size=1\n".encode(),
        )
    ]


@on_one_database("sqlite")
def test_a_relays_log_ends_the_doubt_of_what_it_took_and_leaves_the_rest(stage: Stage) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    claim(stage.engine, mailing, "lost")
    ledger.release_batch(stage.engine, mailing_id=mailing, token="lost", unproven=State.UNCERTAIN)
    lines = _log(stage, mailing, 1, 3)
    for expected in (2, 0):
        count = settle_by_log(
            stage.engine, COMMAND_LINE, mailing, lines, key=KEY, reason="the relay’s log"
        )
        assert count == expected
    assert stage.counts(mailing) == {State.ACCEPTED: 2, State.UNCERTAIN: 2}


@on_one_database("sqlite")
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "Nowhere in this file does Postfix or Exim say"),
        ([b"email,name\n", b"r@example.jp,R\n", b"\x7fELF\0\n"], "Nowhere in this file"),
        (POSTFIX.splitlines(keepends=True), "names no email of mailing"),
    ],
)
def test_a_file_that_proves_nothing_is_refused_and_decides_nothing(
    stage: Stage, lines: list[bytes], words: str
) -> None:
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    with pytest.raises(OrderError, match=words):
        settle_by_log(stage.engine, COMMAND_LINE, mailing, lines, key=KEY, reason="log")
    assert stage.counts(mailing) == {State.QUEUED: PEOPLE}


@on_one_database("sqlite")
def test_after_a_restore_it_tells_whom_the_mailing_reached(stage: Stage, restored: int) -> None:
    lines = _log(stage, restored, 2)
    settle_by_log(stage.engine, COMMAND_LINE, restored, lines, key=KEY, reason="log")
    assert stage.counts(restored) == {State.ACCEPTED: 1, State.QUEUED: 3}


@on_one_database("sqlite")
def test_saved_journals_settle_what_they_prove_of_this_mailing_and_of_no_other(
    stage: Stage, restored: int, tmp_path: Path
) -> None:
    people = [stage.subscriber_id(f"reader{number}@example.jp") for number in range(PEOPLE)]
    identity = ledger.identity_of(stage.engine, restored) or ""
    for name, whose, sent in (
        ("ours", identity, people[:2]),
        ("another's", new_identity(), people),
    ):
        journal = Journal(tmp_path / "host" / "journals", name, identity=whose)
        for position, person in enumerate(sent, start=1):
            journal.intent(position, person, 0)
            if position == 1:
                journal.outcome(
                    Outcome(position=1, subscriber_id=person, state=State.ACCEPTED, attempts=1)
                )
        os.close(journal._file)
    settle_by_journals(
        stage.engine,
        COMMAND_LINE,
        restored,
        lambda identity: outcomes_below(tmp_path / "host", identity),
        reason="saved from the former host",
    )
    assert stage.counts(restored) == {State.ACCEPTED: 1, State.UNCERTAIN: 1, State.QUEUED: 2}


def _renew(stage: Stage, address: str) -> None:
    """Let somebody else have a person's number, as after a restore."""
    with transaction(stage.engine) as session:
        row = session.get_one(SubscriberRow, stage.subscriber_id(address))
        row.created_at += timedelta(hours=1)


def test_of_somebody_who_has_the_number_of_another_now_neither_log_nor_journal_tells(
    stage: Stage, restored: int, tmp_path: Path
) -> None:
    lines = _log(stage, restored, 1, 2)
    people = [stage.subscriber_id(f"reader{number}@example.jp") for number in range(2)]
    refs = []
    for person in people:
        with reading(stage.engine) as session:
            refs.append(refer(session, stage.newsletter_id, person, restored))
    identity = ledger.identity_of(stage.engine, restored) or ""
    journal = Journal(tmp_path / "journals", "j", identity=identity)
    for position, ref in enumerate(refs, start=1):
        journal.intent(position, ref.subscriber_id, ref.subscriber_mark or 0)
    os.close(journal._file)
    _renew(stage, "reader0@example.jp")

    settle_by_log(stage.engine, COMMAND_LINE, restored, lines, key=KEY, reason="log")
    assert stage.counts(restored) == {State.ACCEPTED: 1, State.QUEUED: 3}
    _renew(stage, "reader2@example.jp")
    settle_by_journals(
        stage.engine,
        COMMAND_LINE,
        restored,
        lambda identity: outcomes_below(tmp_path, identity),
        reason="journals",
    )
    assert stage.counts(restored) == {State.ACCEPTED: 1, State.QUEUED: 3}


def test_a_restored_mailing_goes_on_only_when_told_that_some_may_get_it_twice(
    stage: Stage, restored: int
) -> None:
    with pytest.raises(ConflictError, match=f"{PEOPLE} of") as refused:
        resume(stage.engine, COMMAND_LINE, restored)
    assert f"newsletter mailing resume {restored} --even-twice" in str(refused.value.command)
    resume(stage.engine, COMMAND_LINE, restored, even_twice=True)
    assert progress(stage.engine, restored).state is MailingState.SENDING


@on_one_database("sqlite")
def test_a_restored_mailing_of_which_all_is_known_goes_on_without_a_question(
    stage: Stage, restored: int
) -> None:
    lines = _log(stage, restored, 1, 2, 3, 4)
    settle_by_log(stage.engine, COMMAND_LINE, restored, lines, key=KEY, reason="log")
    resume(stage.engine, COMMAND_LINE, restored)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("o " + json.dumps(["x", "accepted"]), False),
        ("o " + json.dumps([1, "accepted", 1, 250, {}]), False),
        ("o " + json.dumps([2**70, "accepted"]), False),
        ("o " + json.dumps([1, "accepted", 1, 250, "2.0.0", "half \ud83d\0"]), True),
        ("o " + json.dumps([1, "accepted", True]), False),
        ("o " + "[" * 100_000, False),
        (f"i {2**64} 1", False),
        ("i 2 -1", False),
        ("o " + json.dumps([1, "deferred", 2**40]), False),
        ("o " + json.dumps([1, "deferred", 1, 2**31]), False),
        ("o " + json.dumps([1, "accepted"]), True),
    ],
)
def test_a_line_that_is_none_of_a_journals_is_refused_by_name(
    tmp_path: Path, *, line: str, kept: bool
) -> None:
    header = json.dumps({"boot": "b", "mailing": "seven"})
    (tmp_path / "a.journal").write_text(f"{header}\nb 1\n{line}\n", encoding="utf-8")
    (tmp_path / "b.journal").write_text('{"boot": "b", "mailing": "other"}\nwhat\n')
    if kept:
        assert [len(each) for each in outcomes_below(tmp_path, "seven")] == [1]
        return
    with pytest.raises(OrderError, match=r"a\.journal:3: This line is not part of a journal"):
        list(outcomes_below(tmp_path, "seven"))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_no_journal(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x.journal")
    assert list(read_orphans(tmp_path)) == []
    with pytest.raises(OrderError, match=r"x\.journal: This is not a file"):
        list(outcomes_below(tmp_path, "seven"))


def test_of_a_log_no_line_is_held_whole() -> None:
    longest = b"x" * 50_000 + POSTFIX.splitlines()[1] + b"\n"
    lines = list(log_lines(io.BytesIO(longest + POSTFIX)))
    assert max(map(len, lines)) == 4096
    assert b"".join(lines[1:]) == POSTFIX
