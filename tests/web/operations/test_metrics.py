"""What machines are told: metrics that are right over all processes, whether it works, and logs."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, make_url, text, update

from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import AccountSessionRow, WorkerHeartbeatRow
from newsletter.database.types import now
from newsletter.database.vocabulary import DeliveryState, ProcessKind, Role
from newsletter.logs import bound, set_up_logs
from newsletter.mailings.ledger import database_history
from newsletter.mailings.ledger.leases import claim_batch, identity_of
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import record
from newsletter.mailings.ledger.relays import resting_relays
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.operations import heartbeats
from newsletter.operations.heartbeats import Activity, Process
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from tests.support.celery import celery_workers
from tests.support.databases import each_database
from tests.support.ports import await_condition, free_port
from tests.support.proxy import silent_network
from tests.support.site import serving
from tests.support.stage import Stage, set_stage
from tests.web.conftest import add_account

pytestmark = pytest.mark.servers

_DOCS = Path(__file__).resolve().parents[3] / "docs/monitoring"
_NAME = re.compile(r"\bnewsletter_[a-z_]+")


def _told(site: str) -> dict[str, float]:
    """Return every sample by its name and labels."""
    words = httpx.get(f"{site}/metrics").raise_for_status().text
    told = {}
    for family in text_string_to_metric_families(words):
        for sample in family.samples:
            labels = [f"{key}={value}" for key, value in sorted(sample.labels.items())]
            told[",".join([sample.name, *labels])] = sample.value
    return told


def _send(stage: Stage) -> int:
    """Let two workers tell of one mailing, the second what the first said already."""
    stage.subscribe("a@example.jp", "b@example.jp", "c@example.jp")
    mailing = stage.mail()
    plan_mailing(stage.engine, mailing)
    claim = claim_batch(stage.engine, mailing, 1, token="t", lease_seconds=60)
    assert claim is not None
    outcomes = [
        Outcome(
            position=delivery.position,
            state=DeliveryState.ACCEPTED,
            attempts=1,
            code=250,
            transport="smtp:mail.example.jp:25",
        )
        for delivery in claim.deliveries
    ]
    for told in (outcomes[:2], outcomes):
        record(
            stage.engine,
            mailing_id=mailing,
            identity=identity_of(stage.engine, mailing) or "",
            token="t",
            outcomes=told,
            retry_hours=48,
            lease_seconds=60,
        )
    return mailing


def test_what_is_told_twice_is_counted_once(stage: Stage, site: str) -> None:
    _send(stage)

    told = _told(site)

    key = "newsletter_deliveries_total,relay=smtp:mail.example.jp:25,state=accepted"
    assert told[key] == 3


@each_database
def test_workers_of_all_hosts_are_told_by_any_web_server(stage: Stage, site: str) -> None:
    for host in ("one", "two"):
        worker = Process(kind=ProcessKind.WORKER, node=f"bulk@{host}", host=host, pid=7)
        heartbeats.beat(stage.engine, worker, Activity())

    told = _told(site)

    assert told["newsletter_processes,kind=worker,node=bulk@one,state=alive"] == 1
    assert told["newsletter_processes,kind=worker,node=bulk@two,state=alive"] == 1


@each_database
def test_a_process_that_another_took_the_place_of_is_not_told_as_lost(
    stage: Stage, site: str
) -> None:
    killed, instead, missed = (
        Process(kind=ProcessKind.WORKER, node=f"bulk@{host}", host=host, pid=pid)
        for host, pid in (("one", 1), ("one", 2), ("two", 3))
    )
    for each in (killed, missed):
        heartbeats.beat(stage.engine, each, Activity())
    with transaction(stage.engine) as session:
        silent = now() - timedelta(minutes=2)
        session.execute(update(WorkerHeartbeatRow).values(seen_at=silent, started_at=silent))
    heartbeats.beat(stage.engine, instead, Activity())
    told = {key for key in _told(site) if key.startswith("newsletter_processes,")}
    assert told == {
        "newsletter_processes,kind=worker,node=bulk@one,state=alive",
        "newsletter_processes,kind=worker,node=bulk@two,state=lost",
    }


@each_database
def test_every_metric_that_the_alerts_and_the_dashboard_name_is_told(
    stage: Stage, engine: Engine, redis_url: str, tmp_path: Path
) -> None:
    _send(stage)
    heartbeats.beat(
        engine, Process(kind=ProcessKind.WORKER, node="bulk@one", host="one", pid=7), Activity()
    )
    database_history.beat(engine)
    signer = TokenSigner([b"k" * 40])
    with serving(engine, signer, tmp_path, redis_url=redis_url, secret_keys=("k" * 40,)) as site:
        httpx.get(f"{site}/sign-in").raise_for_status()
        everything = _told(site).keys()
    told = {key.partition(",")[0] for key in everything}

    rules = (_DOCS / "alerts.yml").read_text(encoding="utf-8")
    dashboard = (_DOCS / "dashboard.json").read_text(encoding="utf-8")
    groups = yaml.safe_load(rules)["groups"]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    for panel in json.loads(dashboard)["panels"]:
        expressions += [target["expr"] for target in panel["targets"]]
    named = {name for expression in expressions for name in _NAME.findall(expression)}
    assert named
    assert named - told == set()
    # And each label that one is chosen by; what has a value of these only at times is not told now.
    chosen = {
        (name, label, value)
        for expression in expressions
        for name, labels in re.findall(r"(newsletter_\w+)\{([^}]*)\}", expression)
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels)
    }
    assert chosen
    assert {one for one in chosen if not _is_told(*one, told=everything)} <= {
        ("newsletter_processes", "state", "lost"),
        ("newsletter_deliveries_total", "state", "rejected"),
    }
    for each in re.findall(r"by \(([^)]*)\)", " ".join(expressions)):
        for label in each.replace(" ", "").split(","):
            assert any(f",{label}=" in key for key in everything), label


def _is_told(name: str, label: str, value: str, *, told: Collection[str]) -> bool:
    return any(key.partition(",")[0] == name and f",{label}={value}" in f"{key}," for key in told)


def test_a_database_that_is_away_is_not_taken_for_a_web_server_that_is_silent(
    tmp_path: Path, redis_url: str
) -> None:
    away = open_engine(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    signer = TokenSigner([b"k" * 40])
    with serving(away, signer, tmp_path, redis_url=redis_url, secret_keys=("k" * 40,)) as site:
        told = _told(site)

    assert told["newsletter_database_up"] == 0
    rules = (_DOCS / "alerts.yml").read_text(encoding="utf-8")
    expressions = [
        rule["expr"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]
    ]
    missed = {name for each in expressions for name in re.findall(r"absent\((\w+)\)", each)}
    assert missed
    assert missed <= told.keys()


def test_metrics_are_for_this_machine_or_for_who_knows_the_token(
    engine: Engine, site: str, tmp_path: Path
) -> None:
    proxied = httpx.get(f"{site}/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
    assert proxied.status_code == 401

    token = "t" * 40
    signer = TokenSigner([b"k" * 40])
    with serving(engine, signer, tmp_path, metrics_token=token, secret_keys=("k" * 40,)) as guarded:
        assert httpx.get(f"{guarded}/metrics").status_code == 401
        allowed = httpx.get(f"{guarded}/metrics", headers={"Authorization": f"Bearer {token}"})
        assert allowed.status_code == 200


def test_a_web_server_without_its_redis_is_not_ready_and_says_so(
    engine: Engine, site: str, tmp_path: Path
) -> None:
    assert httpx.get(f"{site}/readyz").json() == {"ready": True, "problems": []}

    signer = TokenSigner([b"k" * 40])
    away = "redis://127.0.0.1:1/0"
    with serving(engine, signer, tmp_path, redis_url=away, secret_keys=("k" * 40,)) as lonely:
        answer = httpx.get(f"{lonely}/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (
            503,
            ["Redis does not answer."],
        )
        assert httpx.get(f"{lonely}/healthz").status_code == 200


def test_a_redis_that_hangs_is_asked_once_however_many_probe(
    engine: Engine, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as silent, ExitStack() as asking:
        port = silent.getsockname()[1]
        silent.setblocking(False)  # noqa: FBT003 - the language's
        signer, redis_url = TokenSigner([b"k" * 40]), f"redis://127.0.0.1:{port}/0"
        serve = serving(engine, signer, tmp_path, redis_url=redis_url, secret_keys=("k" * 40,))
        site = asking.enter_context(serve)
        pool = asking.enter_context(ThreadPoolExecutor(30))
        answers = list(pool.map(lambda _: httpx.get(f"{site}/readyz", timeout=60), range(30)))
        assert {answer.status_code for answer in answers} == {503}
        asked = 0
        with suppress(BlockingIOError):
            while asked < len(answers):
                silent.accept()[0].close()
                asked += 1
        # Who came once the first were answered made it asked anew.
        assert asked < len(answers) / 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_web_server_on_a_full_disk_is_not_ready_until_there_is_room(
    sqlite_url: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ("/bin/mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk))
    if subprocess.run(mount, check=False).returncode:  # noqa: S603 - a disk of our own
        pytest.skip("this machine lets nobody mount a disk")
    try:
        shutil.copy(str(make_url(sqlite_url).database), disk)
        engine = open_engine(f"sqlite:///{disk / 'newsletter.sqlite3'}")
        with serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as site:
            assert httpx.get(f"{site}/readyz").status_code == 200
            ballast = disk / "ballast"
            with suppress(OSError):
                ballast.write_bytes(b"\0" * 8 * 1024 * 1024)
            answer = httpx.get(f"{site}/readyz")
            problem = "The database accepts no changes: its disk is full."
            assert (answer.status_code, answer.json()["problems"]) == (503, [problem])
            assert httpx.get(f"{site}/healthz").status_code == 200
            ballast.unlink()
            assert httpx.get(f"{site}/readyz").status_code == 200
        engine.dispose()
    finally:
        subprocess.run(["/bin/umount", "-l", str(disk)], check=False)  # noqa: S603


def test_a_web_server_whose_database_is_read_only_is_not_ready_and_shows_operators_why(
    postgres_url: str, tmp_path: Path
) -> None:
    preparing = open_engine(postgres_url)
    operator = add_account(preparing, "operator@example.jp", Role.OPERATOR)
    with transaction(preparing) as session:
        begun = open_session(session, operator, Browser(), verified=True)
        session.execute(update(AccountSessionRow).values(seen_at=now() - timedelta(hours=1)))
    with preparing.begin() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    preparing.dispose()
    engine = open_engine(postgres_url)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as site:
        answer = httpx.get(f"{site}/readyz")
        page = httpx.get(f"{site}/operate", cookies={"session": begun})
    engine.dispose()
    assert (page.status_code, "The database accepts no changes" in page.text) == (200, True)
    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert "accepts no changes" in problem
    assert "read-only" in problem


def test_probes_say_of_a_database_that_hangs_that_it_does_not_answer(
    postgres_url: str, tmp_path: Path
) -> None:
    with silent_network(postgres_url) as network:
        engine = open_engine(network.url)
        with serving(engine, TokenSigner([b"k" * 40]), tmp_path, secret_keys=("k" * 40,)) as site:
            assert httpx.get(f"{site}/readyz").status_code == 200
            assert _told(site)["newsletter_database_up"] == 1
            network.fall_silent()
            # The health check of docker-compose.yml waits 5 seconds, Prometheus 10.
            answer = httpx.get(f"{site}/readyz", timeout=5)
            assert (answer.status_code, answer.json()["problems"]) == (
                503,
                ["The database does not answer."],
            )
            metrics = httpx.get(f"{site}/metrics", timeout=10).text
            assert "newsletter_database_up 0.0" in metrics
            network.mend()
            await_condition(
                lambda: httpx.get(f"{site}/readyz", timeout=60).status_code == 200,
                seconds=90,
                what="a database that answers again",
            )
        engine.dispose()


def test_metrics_count_the_alarms_that_the_page_shows(
    stage: Stage, site: str, tmp_path: Path
) -> None:
    relay = "smtp://user:word@email-smtp.eu-west-1.amazonaws.com:587?tls=starttls"
    signer = TokenSigner([b"k" * 40])
    with serving(
        stage.engine, signer, tmp_path, mail_transports=(relay,), secret_keys=("k" * 40,)
    ) as by_amazon:
        told = _told(by_amazon)
    key = "newsletter_alarms,severity=critical"
    assert told[key] == _told(site)[key] + 1, "mail to accounts is refused there"


def test_a_line_of_the_log_names_the_mailing_and_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        set_up_logs(Settings(_env_file=None, log_format="json"))
        with bound(mailing=12, batch=3):
            logging.getLogger("workers").warning("550 <reader@example.jp>: no such user")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    line = json.loads(capsys.readouterr().err)
    assert (line["mailing"], line["batch"], line["level"]) == (12, 3, "warning")
    assert line["message"] == "550 <[address]>: no such user"


def test_a_send_that_fails_is_logged_with_its_ids_and_names_nobody(
    sqlite_url: str,
    redis_url: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine = open_engine(sqlite_url)
    stage = set_stage(engine)
    stage.subscribe("somebody.real@example.jp")
    with celery_workers(
        database_url=sqlite_url,
        redis_url=redis_url,
        # Nobody listens there.
        smtp_url="smtp://127.0.0.1:1",
        folder=tmp_path / "data",
        LOG_LEVEL="INFO",
        LOG_FORMAT="json",
    ):
        mailing = stage.mail()
        await_condition(lambda: bool(resting_relays(engine)), seconds=60, what="the relay to rest")
    engine.dispose()

    lines = [
        json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")
    ]
    told = [line for line in lines if "takes nothing until" in line["message"]]
    assert {(line["mailing"], line["batch"]) for line in told} == {(mailing, 1)}
    assert "somebody.real" not in json.dumps(lines)


def test_methods_that_clients_make_up_are_counted_as_one(site: str) -> None:
    for method in ("BREW", "WHEN", "M" * 20_000, "GET"):
        httpx.request(method, f"{site}/nowhere")
    counted = [name for name in _told(site) if name.startswith("newsletter_http_seconds_count")]
    # A process counts for as long as it lives: what tests before this one asked is in it, too.
    methods = {re.findall(r"method=(\w+)", name)[0] for name in counted}
    assert (
        {"GET", "other"} <= methods <= {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "other"}
    )
