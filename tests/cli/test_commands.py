"""The command line as a user calls it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import psutil
import pytest
from openpyxl import Workbook

from newsletter.accounts.actors import find_actor
from newsletter.accounts.administration import find_account
from newsletter.accounts.audit import AuditFilter, list_events
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import read_invitation
from newsletter.accounts.permissions import Permission
from newsletter.accounts.roles import Grant, rights_of
from newsletter.cli.embedded import find_ports
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.types import now
from newsletter.database.vocabulary import Role
from newsletter.errors import ExitCode
from newsletter.i18n.language import Language
from newsletter.mailbox.store import MailboxStore
from newsletter.newsletters.publications import create_newsletter
from newsletter.samples import sample_issue
from newsletter.settings import Settings
from tests.support import warm
from tests.support.ports import await_condition
from tests.support.stage import DRAFT

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _run(*words: str, seconds: float = 120, answer: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}
    return warm.run("newsletter.cli", *words, env=env, answer=answer, seconds=seconds)


def _init() -> None:
    made = _run(
        *("init", "--slug", "digest", "--name", "便り", "--from-address", "digest@example.jp"),
        *("--postal-address", "東京都千代田区例町1-2-3"),
    )
    assert made.returncode == 0, made.stderr


def _sample() -> Path:
    path = Path("issue.md")
    path.write_bytes(sample_issue(Language.JAPANESE))
    return path


def _last(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return value


def test_init_makes_a_key_only_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEYS", "a key that the environment brings along")
    _init()
    assert not Path(".env").exists()

    monkeypatch.delenv("SECRET_KEYS")
    Path("var/newsletter.sqlite3").unlink()
    _init()
    assert Path(".env").read_text(encoding="ascii").startswith("SECRET_KEYS=")


def test_help_lists_every_command() -> None:
    shown = _run("--help").stdout
    for command in ("init", "issue", "subscriber", "send", "status", "worker", "web", "demo"):
        assert command in shown


def test_render_writes_what_a_reader_would_get() -> None:
    assert _run("issue", "render", str(_sample()), "--output", "out").returncode == 0
    message = message_from_bytes(Path("out/issue.eml").read_bytes(), policy=default)
    assert message["Subject"] == "まちのデジタル便り 2026年11月号"
    assert Path("out/issue.html").stat().st_size > 0
    assert Path("out/issue.txt").stat().st_size > 0


def test_render_shows_the_newsletter_that_an_issue_is_for() -> None:
    _init()

    assert _run("issue", "render", str(_sample()), "--output", "out").returncode == 0

    message = message_from_bytes(Path("out/issue.eml").read_bytes(), policy=default)
    assert str(message["From"]) == "便り <digest@example.jp>"
    assert "発行：便り" in Path("out/issue.txt").read_text()


def test_an_issue_speaks_the_language_of_its_newsletter_if_it_names_none() -> None:
    made = _run(
        *("init", "--slug", "gazette", "--name", "Gazette", "--from-address", "news@example.com"),
        *("--postal-address", "1 High Street", "--language", "en"),
    )
    assert made.returncode == 0, made.stderr
    Path("issue.md").write_text("---\ntitle: News\ndate: 2026-12-01\n---\n\nGood morning.\n")
    assert _run("issue", "render", "issue.md", "--output", "out").returncode == 0
    text = Path("out/issue.txt").read_text()
    assert ("Unsubscribe" in text, "1 December 2026" in text, "配信" in text) == (True, True, False)
    assert _run("issue", "import", "issue.md").returncode == 0
    with closing(sqlite3.connect("var/newsletter.sqlite3")) as database:
        assert database.execute("SELECT language FROM issue").fetchall() == [("en",)]


def test_an_error_names_file_line_and_field() -> None:
    path = _sample()
    path.write_text(path.read_text().replace("date: 2026-11-20", "date: soon"))
    refused = _run("issue", "check", str(path))
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "issue.md:3: date" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PORT", "none")
    refused = _run("status")
    assert refused.returncode == ExitCode.BAD_SETTING
    assert "WEB_PORT" in refused.stderr


def test_a_check_ends_by_the_gravest_alarm_that_nobody_looks_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _init()
    well = _run("status", "--check")
    assert (well.returncode, well.stdout) == (ExitCode.OK, "")

    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    day = now() + timedelta(days=30)
    assert _run("send", "--at", f"{day:%Y-%m-%d} 08:00", "--yes").returncode == 0
    assert _run("mailing", "pause", "1").returncode == 0
    warning = _run("status", "--check")
    assert warning.returncode == ExitCode.ALARM_WARNING
    assert "Mailing 1" in warning.stdout

    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    critical = _run("status", "--check", "--json")
    assert critical.returncode == ExitCode.ALARM_CRITICAL
    kinds = {one["kind"] for one in json.loads(critical.stdout)}
    assert kinds >= {"redis-down", "no-worker", "mailing-halted"}
    assert _run("status").returncode == ExitCode.OK

    monkeypatch.delenv("REDIS_URL")
    done = _run("alarm", "acknowledge", "mailing-halted mailing 1", "--reason", "on purpose")
    assert done.returncode == 0, done.stderr
    assert _run("status", "--check").returncode == ExitCode.OK


def test_rows_that_cannot_be_taken_are_named_and_the_rest_is_imported() -> None:
    _init()
    Path("list.csv").write_text("メールアドレス,氏名\na@example.jp,葵\nno address,蓮\n")
    done = _run("subscriber", "import", "list.csv", "--basis", "web form", "--json")
    assert done.returncode == ExitCode.INCOMPLETE
    assert _last(done)["added"] == 1
    assert _last(done)["refused"][0]["line"] == 3


def test_a_workbook_is_imported_and_its_rows_are_named_by_their_sheet() -> None:
    _init()
    book = Workbook()
    for title, rows in (("会員", ("a@example.jp",)), ("Sheet2", ("b@example.jp", "bad@"))):
        sheet = book.create_sheet(title)
        sheet.append(("メールアドレス", "氏名"))
        for row in rows:
            sheet.append((row, "葵"))
    book.remove(book.worksheets[0])
    book.save("list.xlsx")
    done = _run("subscriber", "import", "list.xlsx", "--basis", "web form", "--new-fields")
    assert done.returncode == ExitCode.INCOMPLETE
    assert "sheet 2, row 3" in done.stdout
    how = ("subscriber", "import", "list.xlsx", "--encoding", "cp932", "--json")
    again = _run(*how, "--basis", "form", "--on-existing", "update")
    assert _last(again)["unchanged"] == 2
    refused = _last(again)["refused"][0]
    assert (refused["sheet"], refused["line"]) == (2, 3)


@pytest.mark.parametrize(
    ("name", "value", "code", "said"),
    [
        ("REDIS_URL", "foo", ExitCode.BAD_SETTING, "REDIS_URL"),
        ("DATA_DIR", "/proc/nowhere", ExitCode.BAD_SETTING, "cannot be created"),
        ("DATABASE_URL", "sqlite:////proc/version", ExitCode.UNAVAILABLE, "database"),
    ],
)
def test_a_wrong_setting_is_told_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: ExitCode, said: str
) -> None:
    monkeypatch.setenv(name, value)
    run = _run("status")
    assert run.returncode == code
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_authorities_that_no_worker_could_read_are_named_before_any_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "notes.pem").write_text("Ask Sato for the certificate.\n")
    monkeypatch.setenv("MAIL_TRANSPORTS", f"smtps://relay.example?ca={tmp_path}/notes.pem")
    run = _run("worker")
    assert run.returncode == ExitCode.BAD_SETTING
    assert "MAIL_TRANSPORTS" in run.stderr
    assert f"{tmp_path}/notes.pem holds no certificate." in run.stderr


def test_authorities_that_no_look_at_a_mailbox_could_read_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOUNCE_MAILBOX", "imaps://user:secret@mail.example/INBOX?ca=/nowhere.pem")
    run = _run("bounce", "fetch")
    assert run.returncode == ExitCode.BAD_SETTING
    assert "BOUNCE_MAILBOX: /nowhere.pem cannot be read" in run.stderr
    assert "secret" not in run.stderr


def test_a_key_that_no_worker_could_read_is_named_before_any_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DKIM_KEYS", "example.jp:nl2026:/nowhere.pem")
    run = _run("worker")
    assert run.returncode == ExitCode.BAD_SETTING
    assert "DKIM_KEYS: /nowhere.pem cannot be read" in run.stderr


@pytest.mark.parametrize(
    "words", [("beat",), ("worker", "--role", "bulk"), ("worker", "--no-beat")]
)
def test_what_needs_a_broker_of_others_says_so_and_starts_nothing(
    words: tuple[str, ...],
) -> None:
    run = _run(*words)
    assert run.returncode == ExitCode.BAD_SETTING
    assert "REDIS_URL" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("show", "99"), ("pause", "99"), ("cancel", "99"),
        ("settle", "99", "--leave", "--reason", "x"), ("retry", "99", "--reason", "x"),
    ],
)  # fmt: skip
def test_a_mailing_that_is_not_there_is_told(words: tuple[str, ...]) -> None:
    _init()
    run = _run("mailing", *words)
    assert run.returncode == ExitCode.BAD_INPUT
    assert "no mailing 99" in run.stderr


def test_a_relay_that_no_setting_names_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    _init()
    monkeypatch.setenv("MAIL_TRANSPORTS", "smtp://mail.example.jp:587")
    refused = _run("relay", "hold", "foo", "--reason", "x")
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "MAIL_TRANSPORTS has: smtp:mail.example.jp:587" in refused.stderr
    assert "accepting mail" in _run("relay", "list").stdout
    name = "smtp:mail.example.jp:587"
    assert "--reason" in _run("relay", "hold", name).stderr
    assert _run("relay", "hold", name, "--reason", "moving").stdout == f"{name} is on hold.\n"
    (listed,) = json.loads(_run("relay", "list", "--json").stdout)
    assert (listed["name"], listed["held"]) == ("smtp:mail.example.jp:587", True)


def test_a_pipe_cuts_no_address_off() -> None:
    _init()
    address = f"{'a' * 60}@{'b' * 40}.example.jp"
    assert _run("subscriber", "add", address, "--basis", "asked").returncode == 0
    listed = subprocess.run(
        [sys.executable, "-m", "newsletter.cli", "subscriber", "list"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )
    assert address in listed.stdout


def test_what_a_command_changes_stands_in_the_audit_log_with_its_user() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("segment", "add", "press", 'tag = "press"').returncode == 0
    assert _run("segment", "delete", "press").returncode == 0
    engine = open_engine("sqlite:///var/newsletter.sqlite3")
    with reading(engine) as session:
        events = list_events(session, AuditFilter())
    assert [event.action for event in reversed(events)] == [
        Action.NEWSLETTER_CREATE,
        Action.ISSUE_IMPORT,
        Action.SEGMENT_SAVE,
        Action.SEGMENT_DELETE,
    ]
    user = find_actor(engine, None, Permission.ADMINISTER)
    assert {event.actor for event in events} == {user.name}


def test_who_is_on_the_list_is_not_added_again_and_the_audit_log_names_who_was() -> None:
    _init()
    added = _run("subscriber", "add", "a@example.jp", "--basis", "asked", "--json")
    number = json.loads(added.stdout)["subscriber"]
    again = _run("subscriber", "add", "A@example.jp", "--name", "花子", "--basis", "asked")
    assert again.returncode == ExitCode.CONFLICT
    assert "is on the list already" in again.stderr
    with reading(open_engine("sqlite:///var/newsletter.sqlite3")) as session:
        events = list_events(session, AuditFilter())
    added_ones = [each.object for each in events if each.action == Action.SUBSCRIBER_ADD]
    assert added_ones == [f"subscriber {number}"]


def test_subscribers_are_listed_by_how_their_address_or_name_begins() -> None:
    _init()
    for address, name in (("a@example.jp", "山田花子"), ("b@example.jp", "")):
        added = _run("subscriber", "add", address, "--name", name, "--basis", "asked")
        assert added.returncode == 0, added.stderr
    for words in ("a@example.jp", "山田"):
        listed = json.loads(_run("subscriber", "list", words, "--json").stdout)
        assert [(one["address"], one["state"]) for one in listed] == [("a@example.jp", "confirmed")]
    assert "Nobody was found." in _run("subscriber", "list", "nobody@example.jp").stdout


def test_a_translation_is_printed_to_begin_with_and_taken_over_from_a_file() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    listed = _run("issue", "list", "--json")
    issue = json.loads(listed.stdout)[0]["issue"]
    printed = _run("issue", "translate", issue, "--into", "en")
    assert printed.returncode == 0, printed.stderr
    Path("en.md").write_text(printed.stdout)

    taken = _run("issue", "translate", issue, "en.md", "--into", "en", "--json")

    assert taken.returncode == 0, taken.stderr
    assert _last(taken)["done"] == _last(taken)["parts"] > 0
    Path("en.md").write_text("---\ntitle: x\ndate: 2026-12-01\n---\n")
    refused = _run("issue", "translate", issue, "en.md", "--into", "en")
    assert refused.returncode == 3
    assert "does not have the same parts" in refused.stderr


def test_a_test_mail_is_that_of_the_readers_whom_the_command_names_and_is_marked() -> None:
    _init()
    parts = ':::for language = "ja"\n和文\n:::\n\n:::for language = "en"\n英文\n:::\n'
    Path("p.md").write_text(f"---\ntitle: 便り\ndate: 2026-12-01\n---\n\n{parts}")
    assert _run("issue", "import", "p.md").returncode == 0
    added = _run("subscriber", "add", "a@example.jp", "--basis", "asked", "--language", "ja")
    assert added.returncode == 0, added.stderr
    sent = _run("issue", "test", "--to", "aoi@example.jp", "--met", 'language = "ja"')
    assert sent.returncode == 0, sent.stderr
    assert "With the parts for these readers: Language is Japanese" in sent.stdout
    assert "便り  mailing 1 (test), finished" in _run("mailing", "list").stdout
    mailbox = MailboxStore(Path("var/mailbox.sqlite3"))
    [mail] = mailbox.list()
    assert mail.recipient == "aoi@example.jp"
    assert mail.subject.startswith("【テスト】")
    kept = mailbox.get(mail.id)
    assert kept is not None
    body = kept.parsed().get_body(("plain",))
    assert body is not None
    assert "和文" in body.get_content()
    assert "英文" not in body.get_content()


def test_roles_are_given_and_taken_by_command() -> None:
    _init()
    assert _run("account", "invite", "aoi@example.jp", "--role", "editor").returncode == 0
    assert _run("account", "role", "aoi@example.jp", "approver", "--everywhere").returncode == 0
    assert _run("account", "role", "aoi@example.jp", "editor", "--take").returncode == 0
    with reading(open_engine("sqlite:///var/newsletter.sqlite3")) as session:
        number = find_account(session, "aoi@example.jp")
        assert rights_of(session, number).grants == {Grant(role=Role.APPROVER)}


def test_accounts_are_listed_with_state_and_roles_by_command_for_administrators() -> None:
    _init()
    assert "newsletter account invite" in _run("account", "list").stdout
    assert _run("account", "invite", "aoi@example.jp", "--role", "editor").returncode == 0
    assert _run("account", "role", "aoi@example.jp", "approver", "--everywhere").returncode == 0
    assert _run("account", "invite", "ben@example.jp").returncode == 0
    assert _run("account", "disable", "ben@example.jp").returncode == 0

    aoi, ben = json.loads(_run("account", "list", "--json").stdout)

    assert (aoi["address"], aoi["state"], ben["state"]) == ("aoi@example.jp", "invited", "disabled")
    assert [one["role"] for one in aoi["roles"]] == ["approver", "editor"]
    assert [one["newsletter"] is None for one in aoi["roles"]] == [True, False]
    assert "aoi@example.jp" in _run("account", "list").stdout
    refused = _run("account", "list", "--as", "aoi@example.jp")
    assert refused.returncode == ExitCode.CONFLICT
    unknown = _run("account", "list", "--as", "nobody@example.jp")
    assert "newsletter account list" in unknown.stderr


def test_a_link_for_a_new_password_is_printed_by_command() -> None:
    _init()
    assert _run("account", "invite", "aoi@example.jp").returncode == 0

    printed = _run("account", "link", "aoi@example.jp").stdout.strip()

    with reading(open_engine("sqlite:///var/newsletter.sqlite3")) as session:
        assert read_invitation(session, printed.rpartition("/")[2]).address == "aoi@example.jp"
    assert _run("account", "link", "nobody@example.jp").returncode == ExitCode.BAD_INPUT


def test_sending_needs_nothing_to_be_configured() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    sent = _run("send", "--yes", "--json")
    assert sent.returncode == 0, sent.stderr
    assert _last(sent)["accepted"] == 1


def test_an_issue_that_was_sent_is_sent_again_only_when_that_is_said() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    hour = f"{now() + timedelta(days=30):%Y-%m-%d} 08:00"
    assert _run("send", "--yes", "--at", hour).returncode == 0
    refused = _run("send", "--yes", "--at", hour)
    assert refused.returncode == ExitCode.CONFLICT
    assert "was sent before, in mailing 1" in refused.stderr
    assert "--again" in refused.stderr
    assert _last(_run("send", "--yes", "--at", hour, "--again", "--json"))["mailing"] == 2


def test_an_issue_that_is_sent_while_the_question_stands_is_not_sent_twice() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    hour = f"{now() + timedelta(days=30):%Y-%m-%d} 08:00"
    program = [sys.executable, "-m", "newsletter.cli", "send", "--at", hour]
    with subprocess.Popen(  # noqa: S603 - our own program
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as asking:
        assert asking.stdout is not None
        assert asking.stdin is not None
        shown = ""
        while "[y/N]" not in shown and (letter := asking.stdout.read(1)):
            shown += letter
        assert _run("send", "--yes", "--at", hour).returncode == 0
        asking.stdin.write("y\n")
        asking.stdin.close()
        shown = asking.stdout.read()
        assert asking.wait() == ExitCode.CONFLICT, shown
    assert "The issue was sent before" in shown


def test_an_option_that_means_nothing_by_itself_sends_nothing() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    for option in (["--everywhere"], ["--decide-at", "2026-12-01 14:00"], ["--at", ""]):
        refused = _run("send", "--yes", *option)
        assert (refused.returncode, option[0] in refused.stderr) == (ExitCode.BAD_INPUT, True)
    assert _last(_run("status", "--json"))["mailings"] == []


def test_a_look_is_shown_with_what_was_chosen_and_what_was_not() -> None:
    _init()
    shown = _run("look", "show")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "social" in shown.stdout


def test_an_hour_that_has_passed_is_refused() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    refused = _run("send", "--yes", "--at", "2025-01-01 08:00")
    assert refused.returncode == ExitCode.CONFLICT
    assert "already passed" in refused.stderr
    assert _last(_run("status", "--json"))["mailings"] == []


def test_a_segment_gets_the_issue_and_nobody_else_does() -> None:
    _init()
    Path("list.csv").write_text(
        "email,prefecture,tags,memo\n"
        "a@example.jp,Tokyo,press,x\nb@example.jp,Osaka,press,y\nc@example.jp,Tokyo,,z\n",
        encoding="utf-8",
    )
    how = ("--basis", "asked", "--new-fields", "--map", "memo=-")
    taken = _run("subscriber", "import", "list.csv", *how)
    assert taken.returncode == 0, taken.stderr
    assert "memo" not in _run("field", "list").stdout
    assert _run("issue", "import", str(_sample())).returncode == 0
    query = 'field.prefecture = "Tokyo" and tag = "press"'
    sent = _run("send", "--segment", query, "--yes", "--json")
    assert sent.returncode == 0, sent.stderr
    assert _last(sent)["planned"] == 1
    mailbox = MailboxStore(Path("var/mailbox.sqlite3"))
    assert [message.recipient for message in mailbox.list()] == ["a@example.jp"]
    [listed] = json.loads(_run("mailing", "list", "--json").stdout)
    assert (listed["mailing"], listed["state"], listed["accepted"]) == (1, "finished", 1)
    assert "2026年11月号  mailing 1, finished" in _run("mailing", "list").stdout


def test_columns_that_hold_nothing_become_no_fields_and_are_named() -> None:
    _init()
    Path("nobody.csv").write_text("email,name,plan,fields\n", encoding="utf-8")
    done = _run("subscriber", "import", "nobody.csv", "--basis", "asked", "--new-fields")
    assert "These columns became no fields, as they hold nothing" in done.stdout
    assert "plan" in done.stdout
    assert "--new-fields adds them" not in done.stdout


def test_an_import_asks_what_codes_of_a_state_mean() -> None:
    _init()
    Path("list.csv").write_text("email,status\na@example.jp,A\nb@example.jp,U\n", encoding="utf-8")
    how = ("subscriber", "import", "list.csv", "--basis", "asked")
    refused = _run(*how)
    assert refused.returncode == ExitCode.BAD_INPUT
    said = list(map(str.strip, refused.stderr.splitlines()))
    assert "--state VALUE=unsubscribed   Has unsubscribed" in said
    assert said[-1].endswith("--basis asked --state A=never --state U=never")
    taken = _run(*how, "--state", "A=confirmed", "--state", "U=unsubscribed", "--json")
    counts = _last(taken)
    assert (counts["added"], counts["unsubscribed"]) == (1, 1)
    unknown = _run(*how, "--state", "A=gone")
    assert "VALUE=…, one of confirmed, unsubscribed, pending, bounced and never" in unknown.stderr


def test_an_import_asks_of_a_column_of_answers_before_anything_is_kept() -> None:
    _init()
    Path("list.csv").write_text(
        "email,会報\na@example.jp,要\nb@example.jp,不要\n", encoding="utf-8"
    )
    how = ("subscriber", "import", "list.csv", "--basis", "asked", "--new-fields")
    refused = _run(*how)
    assert refused.returncode == ExitCode.BAD_INPUT
    said = list(map(str.strip, refused.stderr.splitlines()))
    assert {"“会報”", "要: 1 and 不要: 1"} <= {*said}
    assert "--map '会報=other'   About something else" in said
    assert said[-1].startswith("newsletter subscriber import list.csv")
    assert said[-1].endswith("--new-fields --map '会報=opt_in'")
    assert "会報" not in _run("field", "list").stdout
    taken = _run(*how, "--map", "会報=opt_in", "--json")
    counts = _last(taken)
    assert (counts["added"], counts["unsubscribed"]) == (1, 1)
    harmless = _run(*how, "--other-columns-harmless", "--json")
    assert _last(harmless)["unchanged"] == 1


def test_an_import_names_the_first_warnings_and_counts_the_others() -> None:
    _init()
    rows = "".join(f"r{number}@example.jp,klingon{number}\n" for number in range(12))
    Path("list.csv").write_text("email,language\n" + rows, encoding="utf-8")
    done = _run("subscriber", "import", "list.csv", "--basis", "asked")
    assert "line 2 language “klingon0”: Imported with a warning: The language is" in done.stdout
    assert "line 11 language “klingon9”" in done.stdout
    assert "klingon10" not in done.stdout
    assert "and 2 more warnings" in done.stdout


def test_before_sending_it_is_asked_with_subject_count_and_hour() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    assert _run("subscriber", "add", "a@example.jp", "--basis", "asked").returncode == 0
    day = now() + timedelta(days=30)
    asked = _run("send", "--at", f"{day:%Y-%m-%d} 08:00", "--over", "3", answer="n\n")
    hour = f"{day.day} {day:%b %Y}, 08:00 (Asia/Tokyo)"
    for words in ("2026年11月号", "1 person", hour, "over 3 hours"):
        assert words in asked.stdout
    compared = _run(
        "send", "--subject", "別の件名", "--decide-at", f"{day:%Y-%m-%d} 12:00", "--yes"
    )
    assert compared.returncode == ExitCode.CONFLICT
    assert "does not count clicks" in compared.stderr
    status = _last(_run("status", "--json"))
    assert status["mailings"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", status["taken_at"])


def test_a_segment_that_is_none_is_told_before_anything_starts() -> None:
    _init()
    assert _run("issue", "import", str(_sample())).returncode == 0
    refused = _run("send", "--segment", "prefecture = 1", "--yes")
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "character 1" in refused.stderr
    assert "MAIL_TRANSPORTS" not in refused.stderr


@pytest.mark.timeout(600)
def test_a_demo_survives_a_killed_worker_ends_cleanly_and_sends_again_to_a_thousand() -> None:
    output = Path("demo.out")

    def said() -> str:
        return output.read_text(encoding="utf-8")

    # What is set for a real installation is none of the demo's business.
    real = {"MAIL_TRANSPORTS": "smtp://127.0.0.1:9", "DATABASE_URL": "sqlite:////nowhere/real.db"}
    with output.open("wb") as out:
        env = os.environ | real | {"NO_COLOR": "1", "COLUMNS": "60"}
        staying = warm.start("newsletter.cli", "demo", env=env, stdout=out, stderr=out)
    try:
        await_condition(
            lambda: "Running until you press Ctrl-C" in _flat(said()), seconds=200, what="the demo"
        )
        second = _run("demo", "--once", "--json", "--fresh")
        assert second.returncode == 7
        assert "A demo is already running here" in second.stderr
        assert len(_ours()) > 5
        children = psutil.Process(staying.pid).children()
        next(one for one in children if "--hostname=bulk@%h" in one.cmdline()).kill()
        await_condition(
            lambda: "The worker-bulk was ended by signal 9; it is being restarted" in _flat(said()),
            seconds=60,
            what="the worker to be started again",
        )
        _make_another_newsletter(Path("var/demo/newsletter.sqlite3"))
        # As `newsletter init` does, for what is sent for real from the same folder.
        Path(".env").write_text(f"SECRET_KEYS={'k' * 40}\n")
    finally:
        staying.send_signal(signal.SIGINT)
        assert staying.wait(timeout=60) == 0
    assert re.search(r"http://127\.0\.0\.1:\d+/welcome/[\w-]{43}\n", said())
    assert "Logs are in var/demo/logs" in said()
    logs = "".join(log.read_text(encoding="utf-8") for log in Path("var/demo/logs").glob("*.log"))
    assert "CRITICAL" not in logs
    assert "Traceback" not in logs
    # The children of the worker that was killed end when they notice that it is gone.
    await_condition(lambda: not _ours(), seconds=60, what="the end of every process")
    # Below the ports that the kernel hands out, so that no other test takes them meanwhile.
    base = str(find_ports(3, base=20_000 + os.getpid() % 9000, exact=False)[0])
    again = _run("demo", "--once", "--json", "--port-base", base, seconds=200)
    assert again.returncode == 0, again.stderr
    summary = _last(again)
    assert (summary["planned"], summary["accepted"], summary["received"]) == (1000, 1000, 1000)
    assert _ours() == []


def _make_another_newsletter(path: Path) -> None:
    engine = open_engine(f"sqlite:///{path.resolve()}")
    with transaction(engine) as session:
        create_newsletter(session, replace(DRAFT, slug="second"))
    engine.dispose()


def _flat(text: str) -> str:
    """Return a terminal's words without its line breaks."""
    return " ".join(text.split())


def _ours() -> list[psutil.Process]:
    """Return the processes that were started in this test's folder."""
    here = str(Path.cwd())
    return [
        each
        for each in psutil.process_iter(["cwd"])
        if each.info["cwd"] == here and each.pid != os.getpid()
    ]
