"""Trials of subjects whose workers die: decided once, and everybody gets one mail with theirs."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading
from newsletter.database.vocabulary import BatchState, DeliveryState, TrialVerdict
from newsletter.mailings.orders.actions import decide_subject
from newsletter.mailings.planning.variants import with_subject
from newsletter.mailings.reports.variants import report_variants
from newsletter.mailings.trials.decisions import decide_due
from tests.faults.dying_round import die_at_each_step
from tests.support.databases import on_one_database
from tests.support.smtp import SmtpServer
from tests.support.trials import (
    OTHER,
    OWN,
    PEOPLE,
    TEXT,
    batches_of,
    click,
    decision_of,
    decisions_recorded,
    let_hour_come,
    plan_trial,
    subjects_received,
    trial_stage,
)

_HOSTS = 2
_PART = '\n:::for domain = "example.jp"\n市内の方へ\n:::\n'
_MAY_HAVE_ARRIVED = (DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)


def test_a_subject_is_decided_once_whenever_the_rounds_of_two_hosts_die(
    engine: Engine, database_url: str
) -> None:
    stage = trial_stage(engine)
    mailing = plan_trial(stage, batch_size=5)
    click(stage, mailing, 0, 90)
    let_hour_come(engine, mailing)
    before = {each.number: each for each in batches_of(stage, mailing)}

    with ThreadPoolExecutor(_HOSTS) as hosts:
        ends = list(
            hosts.map(
                lambda _: die_at_each_step(database_url, datetime.now(UTC), "subjects"),
                range(_HOSTS),
            )
        )
    assert all(len(steps) > 1 for steps in ends)
    decide_due(engine)

    assert decision_of(stage, mailing) == (1, TrialVerdict.BEST)
    assert decisions_recorded(stage) == 1
    assert {each.state for each in before.values()} == {BatchState.DONE, BatchState.HELD}
    for each in batches_of(stage, mailing):
        was = before[each.number]
        if was.state is BatchState.HELD:
            assert (each.state, each.variant) == (BatchState.PENDING, with_subject(0, 1))
        else:
            assert (each.state, each.variant) == (was.state, was.variant)


@on_one_database("sqlite")
def test_whoever_is_in_a_trial_gets_one_subject_once_whenever_the_sending_worker_dies(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = trial_stage(engine, TEXT + _PART)
    stage.subscribe("a@example.com", "b@example.com")
    mailing = plan_trial(stage, batch_size=5)
    decide_subject(engine, COMMAND_LINE, mailing, 1)

    *died, _ = die_at_each_step(
        database_url,
        datetime.now(UTC),
        "sending",
        strides=(13, 13),
        DATABASE_URL=database_url,
        MAIL_TRANSPORTS=smtp_server.url,
        DATA_DIR=str(tmp_path / "data"),
        SECRET_KEYS="k" * 40,
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert len(died) > 2

    received = Counter(smtp_server.recipients())
    assert received == dict.fromkeys(received, 1)
    counts = stage.counts(mailing)
    assert set(counts) <= {DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN}
    assert sum(counts.values()) == PEOPLE + 2
    # Of each subject as many arrived as its line of the report says, but for what is in doubt.
    with reading(engine) as session:
        subjects = report_variants(session, mailing).by_subject
    arrived = Counter(subjects_received(smtp_server).values())
    assert [name for name, _ in subjects] == [f"A {OWN}", f"B {OTHER}"]
    for title, (_, of_subject) in zip((OWN, OTHER), subjects, strict=True):
        accepted, doubted = (of_subject[state] for state in _MAY_HAVE_ARRIVED)
        assert accepted <= arrived[title] <= accepted + doubted
    for received_mail in smtp_server.messages:
        mail = message_from_bytes(received_mail.raw, policy=default)
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain",))
        assert body is not None
        is_local = received_mail.recipients[0].endswith("@example.jp")
        assert ("市内の方へ" in body.get_content()) is is_local
