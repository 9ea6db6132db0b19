"""Alarms that somebody looks after: what that covers, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import open_engine, reading, server_now, transaction
from newsletter.database.tables import AcknowledgedAlarmRow, AuditEventRow
from newsletter.errors import ConflictError, NotFoundError
from newsletter.mailings.ledger.relays import hold_relay, relay_failed
from newsletter.operations.acknowledgements import forget_ended, has_acknowledgements
from newsletter.operations.actions import acknowledge_alarm, reopen_alarm
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm, places_of
from newsletter.operations.attention import UnsettledMailing
from newsletter.operations.overview import Overview, look
from tests.support.commands import run_command

RELAY = "smtp:mail.example.jp:25"
KEY = f"relay-stuck {RELAY}"


@pytest.fixture
def stuck(engine: Engine) -> Engine:
    relay_failed(engine, RELAY, "connection refused")
    return engine


def _look(engine: Engine) -> Overview:
    return look(engine, redis_url="", relays=(RELAY, "smtp:b:25"))


def _find(engine: Engine, key: str) -> Alarm:
    return next(one for one in find_alarms(_look(engine)) if one.key == key)


def _acknowledge(engine: Engine, key: str = KEY, *, seen: Overview | None = None) -> None:
    reason = "the provider knows"
    acknowledge_alarm(engine, COMMAND_LINE, key, reason=reason, seen=seen or _look(engine))


def test_an_alarm_that_somebody_looks_after_stays_and_is_no_longer_open(stuck: Engine) -> None:
    _acknowledge(stuck)
    found = _find(stuck, KEY)
    assert found.acknowledgement is not None
    assert (str(found.acknowledgement.by), found.acknowledgement.reason) == (
        "Command line",
        "the provider knows",
    )
    assert not found.is_open
    with reading(stuck) as session:
        entry = session.scalars(select(AuditEventRow)).one()
    assert (entry.action, entry.object) == ("alarm.acknowledge", f"alarm {KEY}")


def test_what_nobody_looks_after_stands_first(stuck: Engine) -> None:
    with transaction(stuck) as session:
        hold_relay(session, "smtp:b:25", reason="moving", known=["smtp:b:25"])
    _acknowledge(stuck)
    assert find_alarms(_look(stuck))[-1].key == KEY


def test_an_alarm_that_grew_graver_or_larger_is_open_again(stuck: Engine) -> None:
    seen = _look(stuck)
    of_some = UnsettledMailing(mailing_id=1, newsletter_id=1, subject="x", count=3)
    few = replace(seen, relays=(*seen.relays, replace(seen.relays[0], name="w")), failed=(of_some,))
    _acknowledge(stuck, "failed", seen=few)
    kept = _look(stuck).acknowledgements
    with_more = replace(few, acknowledgements=kept, failed=(replace(of_some, count=4),))
    with_fewer = replace(few, acknowledgements=kept, failed=(replace(of_some, count=2),))
    assert _is_open(find_alarms(with_more), "failed")
    assert not _is_open(find_alarms(with_fewer), "failed")
    # With another relay that works it is a warning; as the only one it is critical.
    working = replace(seen, relays=(*seen.relays, replace(seen.relays[0], name="w", resting=None)))
    only = replace(seen, relays=tuple(each for each in seen.relays if each.resting))
    _acknowledge(stuck, seen=working)
    kept = _look(stuck).acknowledgements
    assert not _is_open(find_alarms(replace(working, acknowledgements=kept)), KEY)
    assert _is_open(find_alarms(replace(only, acknowledgements=kept)), KEY)


def _is_open(alarms: Sequence[Alarm], key: str) -> bool:
    return next(one for one in alarms if one.key == key).is_open


def test_an_alarm_that_returns_after_its_end_is_open_again(stuck: Engine) -> None:
    _acknowledge(stuck)
    here = places_of(find_alarms(_look(stuck)))
    forget_ended(stuck, ())
    forget_ended(stuck, here)
    _away(stuck, minutes=4)
    assert has_acknowledgements(stuck), "it was away for less than five minutes"
    _away(stuck, minutes=6)
    assert not has_acknowledgements(stuck)
    assert _find(stuck, KEY).is_open


def _away(engine: Engine, *, minutes: int) -> None:
    """Let an alarm be away for so long, and look for its end."""
    forget_ended(engine, ())
    with transaction(engine) as session:
        since = server_now(session) - timedelta(minutes=minutes)
        session.execute(update(AcknowledgedAlarmRow).values(missing_since=since))
    forget_ended(engine, ())


def test_only_an_alarm_that_there_is_can_be_acknowledged_and_reopened_once(stuck: Engine) -> None:
    with pytest.raises(NotFoundError):
        _acknowledge(stuck, "redis-down")
    _acknowledge(stuck)
    reopen_alarm(stuck, COMMAND_LINE, KEY, reason="not solved")
    assert _find(stuck, KEY).is_open
    with pytest.raises(ConflictError):
        reopen_alarm(stuck, COMMAND_LINE, KEY, reason="again")


def test_the_command_line_lists_acknowledges_and_reopens(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(sqlite_url)
    relay_failed(engine, RELAY, "connection refused")
    engine.dispose()
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("REDIS_URL", "")

    def alarm() -> dict[str, object]:
        listed = json.loads(run_command(["alarm", "list", "--json"]).stdout)
        return next(one for one in listed if one["kind"] == "relay-stuck")

    done = run_command(["alarm", "acknowledge", KEY, "--reason", "seen to"])
    assert done.exit_code == 0, done.output
    acknowledged = alarm()["acknowledged"]
    assert isinstance(acknowledged, dict)
    assert acknowledged["reason"] == "seen to"
    assert "Command line" in run_command(["alarm", "list"]).stdout
    assert run_command(["alarm", "reopen", KEY, "--reason", "again"]).exit_code == 0
    assert alarm()["acknowledged"] is None
