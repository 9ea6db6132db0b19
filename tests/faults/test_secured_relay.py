"""A relay whose certificate or password is wrong: an alarm says which, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import Engine

from newsletter.database.vocabulary import DeliveryState
from newsletter.operations.alarms import find_alarms
from newsletter.operations.alarms.model import Alarm
from newsletter.operations.overview import look
from tests.support.authority import Authority
from tests.support.lone_worker import lone_worker
from tests.support.ports import await_condition
from tests.support.relay import CountingRelay, counting_relay
from tests.support.stage import Stage, set_stage

pytestmark = pytest.mark.servers

_PEOPLE = 12
_OUR_NAME = x509.IPAddress(ip_address("127.0.0.1"))
_SIGN_IN_REFUSED = {"step": "auth", "do": "535 5.7.8 authentication failed", "every": 1}


@pytest.fixture
def stage(engine: Engine) -> Stage:
    return set_stage(engine, readers=_PEOPLE)


def _untrusted(folder: Path, _ours: Authority) -> Path:
    other = folder / "other"
    other.mkdir()
    return Authority(other).certificate(_OUR_NAME)


def _expired(_folder: Path, ours: Authority) -> Path:
    return ours.certificate(_OUR_NAME, age=timedelta(days=3))


def _of_another_name(_folder: Path, ours: Authority) -> Path:
    return ours.certificate(x509.DNSName("other.example.jp"))


def _relay_alarms(engine: Engine) -> list[Alarm]:
    return [one for one in find_alarms(look(engine, redis_url="")) if one.section == "relays"]


def _judge(
    stage: Stage, mailing: int, relay: CountingRelay, words: str, mend: Callable[[], None]
) -> None:
    """Await the alarm; then nothing was tried, and all is sent once the relay is mended."""
    await_condition(
        lambda: any(words in str(one.what) for one in _relay_alarms(stage.engine)),
        seconds=60,
        what="the alarm",
    )
    assert "secret" not in str(_relay_alarms(stage.engine))
    # The relay is tried again and again, with a batch in hand.
    await_condition(
        lambda: stage.counts(mailing) == {DeliveryState.QUEUED: _PEOPLE},
        seconds=60,
        what="the batch given back",
    )
    assert relay.count() == 0
    mend()
    stage.await_end(mailing)
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: _PEOPLE}
    assert set(relay.accepted().values()) == {1}
    await_condition(
        lambda: not _relay_alarms(stage.engine), seconds=60, what="the end of the alarm"
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (_untrusted, "is not trusted (self-signed, or unknown CA)"),
        (_expired, "has expired"),
        (_of_another_name, "was issued for another name"),
    ],
)
def test_a_certificate_that_is_wrong_is_an_alarm_until_it_is_replaced(
    stage: Stage,
    database_url: str,
    tmp_path: Path,
    wrong: Callable[[Path, Authority], Path],
    words: str,
) -> None:
    ours = Authority(tmp_path)
    with (
        counting_relay(
            tmp_path, options=f"ca={ours.file}", certificate=wrong(tmp_path, ours)
        ) as relay,
        lone_worker(database_url, relay.url, tmp_path / "data"),
    ):
        mailing = stage.mail()

        def replace() -> None:
            relay.certificate = ours.certificate(_OUR_NAME)
            relay.change()

        _judge(stage, mailing, relay, words, replace)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_password_that_is_refused_is_an_alarm_until_it_is_taken(
    stage: Stage, database_url: str, tmp_path: Path
) -> None:
    ours = Authority(tmp_path)
    with (
        counting_relay(
            tmp_path,
            _SIGN_IN_REFUSED,
            options=f"ca={ours.file}",
            certificate=ours.certificate(_OUR_NAME),
        ) as relay,
        lone_worker(database_url, relay.url, tmp_path / "data"),
    ):
        mailing = stage.mail()
        words = "rejects the user name or password"
        _judge(stage, mailing, relay, words, relay.change)
