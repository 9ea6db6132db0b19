"""Mailboxes on a real dovecot: what is taken goes, what is unrelated stays, nothing is lost."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from newsletter.database.engine import open_engine
from newsletter.errors import SettingError, UnavailableError
from newsletter.feedback.mail import Taken, take_mail
from tests.conftest import missing
from tests.feedback.conftest import KEYS, Post, set_post
from tests.feedback.letters import letter, notice
from tests.support.commands import run_command
from tests.support.dovecot import Dovecot, dovecot
from tests.support.ports import await_condition, free_port
from workers.intake.fetching import Fetcher
from workers.intake.mailbox import TakenCounts, read_account

pytestmark = pytest.mark.servers

UNRELATED = "来週の会議について"
SCHEMES = ["imaps", "imap", "pop3s", "pop3"]


@pytest.fixture(scope="module")
def _server() -> Iterator[Dovecot]:
    if shutil.which("dovecot") is None:
        missing("dovecot (dovecot-imapd, dovecot-pop3d)")
    with dovecot() as server:
        yield server


@pytest.fixture
def server(_server: Dovecot) -> Dovecot:
    with _server.client() as imap:
        imap.create("Done")
        imap.create("&ZeVnLIqe-")
        if imap.search(None, "ALL")[1] != [b""]:
            imap.store("1:*", "+FLAGS", "\\Deleted")
            imap.expunge()
    return _server


def fetch(post: Post, url: str) -> dict[Taken, int]:
    return dict(Fetcher(read_account(url), post.engine, KEYS).once())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_taken_goes_and_what_is_unrelated_stays(
    post: Post, server: Dovecot, scheme: str
) -> None:
    server.put(
        notice(post.path), letter(UNRELATED), letter(f"unsubscribe {post.token}"), notice(mark="2")
    )
    taken = fetch(post, server.url(scheme))
    assert taken == {Taken.LOGGED: 2, Taken.UNRELATED: 1, Taken.LEFT: 1}
    assert [row.address for row in post.rows()] == ["reader@example.jp"] * 2
    assert server.subjects() == [UNRELATED]


def test_unrelated_mail_is_left_marked_and_not_looked_at_again(post: Post, server: Dovecot) -> None:
    server.put(letter(UNRELATED))
    assert fetch(post, server.url("imaps")) == {Taken.UNRELATED: 1}
    assert "\\Seen" in server.flags()[0]
    assert fetch(post, server.url("imaps")) == {}


def test_a_report_that_somebody_read_before_is_taken_all_the_same(
    post: Post, server: Dovecot
) -> None:
    server.put(notice(post.path))
    with server.client() as imap:
        imap.store("1", "+FLAGS", "\\Seen")
    assert fetch(post, server.url("imaps")) == {Taken.LOGGED: 1}


@pytest.mark.parametrize("folder", ["Done", "日本語"])
def test_what_is_taken_can_be_moved_instead(post: Post, server: Dovecot, folder: str) -> None:
    server.put(notice(post.path))
    fetch(post, server.url("imaps", move=folder))
    assert server.subjects() == []
    name = "&ZeVnLIqe-" if folder == "日本語" else folder
    assert server.subjects(name)[-1] == "Undelivered Mail Returned to Sender"


def test_killed_between_log_and_deletion_it_is_logged_once(post: Post, server: Dovecot) -> None:
    server.put(notice(post.path))
    with server.client() as imap:
        _, data = imap.fetch("1", "(BODY.PEEK[])")
        assert isinstance(data[0], tuple)
        take_mail(post.engine, data[0][1], KEYS)
    assert fetch(post, server.url("imaps")) == {Taken.LOGGED: 1}
    assert (len(post.rows()), server.subjects()) == (1, [])


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_without_the_database_nothing_is_deleted(server: Dovecot, scheme: str) -> None:
    server.put(notice())
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with pytest.raises(Exception, match="onnection"):
        Fetcher(read_account(server.url(scheme)), open_engine(away), KEYS).once()
    assert len(server.subjects()) == 1


def test_deletions_of_others_are_not_made_final_where_the_server_cannot_tell_them_apart(
    post: Post,
) -> None:
    if shutil.which("dovecot") is None:
        missing("dovecot (dovecot-imapd, dovecot-pop3d)")
    with dovecot(capability="IMAP4rev1 AUTH=PLAIN") as plain:
        plain.put(letter("thrown away by somebody"), notice(post.path))
        with plain.client() as imap:
            imap.store("1", "+FLAGS", "\\Deleted")
        assert fetch(post, plain.url("imaps")) == {Taken.LOGGED: 1}
        assert len(plain.subjects()) == 2
        with plain.client() as imap:
            imap.store("1", "-FLAGS", "\\Deleted")
        fetch(post, plain.url("imaps"))
        plain.put(notice(post.path, mark="9"))
        fetch(post, plain.url("imaps"))
        assert "thrown away by somebody" in plain.subjects()
    assert len(post.rows()) == 2


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_following_takes_what_comes(post: Post, server: Dovecot, scheme: str) -> None:
    told: list[TakenCounts] = []

    def tell(counts: TakenCounts) -> None:
        told.append(counts)
        if len(told) == 2:
            raise KeyboardInterrupt

    def follow() -> None:
        # By IMAP the server tells by itself: so long a pause would fail the test.
        seconds = 3600 if scheme == "imaps" else 0.2
        with suppress(KeyboardInterrupt):
            fetcher.follow(tell, poll_seconds=seconds)

    fetcher = Fetcher(read_account(server.url(scheme)), post.engine, KEYS)
    server.put(notice(post.path))
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    await_condition(lambda: server.subjects() == [], seconds=60, what="its deletion")
    server.put(notice(post.path, mark="2"))
    thread.join(timeout=60)
    assert told == [{Taken.LOGGED: 1}] * 2
    assert (len(post.rows()), server.subjects()) == (2, [])


def test_the_command_says_what_it_took(
    sqlite_url: str, tmp_path: Path, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_post(open_engine(sqlite_url))
    server.put(notice(), letter(UNRELATED))
    for name, value in {
        "DATABASE_URL": sqlite_url,
        "DATA_DIR": str(tmp_path),
        "BOUNCE_MAILBOX": server.url("imaps"),
    }.items():
        monkeypatch.setenv(name, value)
    ran = run_command(["bounce", "fetch", "--json"])
    assert json.loads(ran.stdout) == {
        "logged": 1,
        "left": 0,
        "asked": 0,
        "unknown": 0,
        "unrelated": 1,
    }


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_a_wrong_password_is_told_without_it(post: Post, server: Dovecot, scheme: str) -> None:
    url = server.url(scheme).replace("se%C3%A7ret", "wrong")
    with pytest.raises(UnavailableError) as told:
        Fetcher(read_account(url), post.engine, KEYS).once()
    assert "wrong" not in str(told.value)


@contextmanager
def _evil_server(*, greeting: bytes, answer: bytes, pause: float) -> Iterator[int]:
    """Greet, and repeat what is said to any command without end; yields the port."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.sendall(greeting)
                connection.recv(1)
                while not ended.wait(pause):
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    ("scheme", "greeting", "answer"),
    [("imap", b"* OK hello\r\n", b"x"), ("pop3", b"+OK hello\r\n", b"x")],
)
def test_a_server_whose_answer_trickles_in_is_given_up(
    post: Post, monkeypatch: pytest.MonkeyPatch, scheme: str, greeting: bytes, answer: bytes
) -> None:
    monkeypatch.setattr("workers.intake.mailbox._ANSWER_SECONDS", 0.3)
    with (
        _evil_server(greeting=greeting, answer=answer, pause=0.02) as port,
        pytest.raises(UnavailableError, match=r"took too long|timed out"),
    ):
        fetch(post, f"{scheme}://user:secret@127.0.0.1:{port}?tls=none")


@pytest.mark.parametrize(
    ("scheme", "greeting", "answer"),
    [
        ("imap", b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\n" * 1000),
        ("pop3", b"+OK hello\r\n", b"+OK 1 1\r\n" * 1000),
    ],
)
def test_a_server_whose_answer_has_no_end_is_given_up(
    post: Post, monkeypatch: pytest.MonkeyPatch, scheme: str, greeting: bytes, answer: bytes
) -> None:
    monkeypatch.setattr("workers.intake.mailbox._ANSWER_OCTETS", 10_000)
    with (
        _evil_server(greeting=greeting, answer=answer, pause=0) as port,
        pytest.raises(UnavailableError, match="too large"),
    ):
        fetch(post, f"{scheme}://user:secret@127.0.0.1:{port}?tls=none")


@contextmanager
def _scripted_server(greeting: bytes, answers: dict[bytes, bytes]) -> Iterator[int]:
    """Answer commands as told, by the word in them; ``TAG`` is the command's; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as heard, suppress(OSError):
                connection.sendall(greeting)
                for line in heard:
                    tag, usual = line.split()[0], b"TAG OK done\r\n"
                    if greeting.startswith(b"+"):
                        usual = b"+OK\r\n"
                    found = (said for word, said in answers.items() if word in line)
                    connection.sendall(next(found, usual).replace(b"TAG", tag))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


_IMAP = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n",
    b"SELECT": b"* 1 EXISTS\r\nTAG OK done\r\n",
    b"SEARCH": b"* SEARCH 1\r\nTAG OK done\r\n",
}
_POP3 = {b"LIST": b"+OK\r\n1 100\r\n.\r\n", b"UIDL": b"+OK\r\n1 a\r\n.\r\n"}
_LITERAL = b"* 1 FETCH (UID 1 BODY[]<0> {%s}\r\n"
#: Asks for the password again and again.
_ASKING = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n",
    b"LOGOUT": b"TAG OK done\r\n",
    b"": b"+ \r\n",
}


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("imap", {b"CAPABILITY": b"* CAPABILITY \xff\r\nTAG OK done\r\n"}),
        ("imap", {b"SEARCH": b"* SEARCH \xff\r\nTAG OK done\r\n"}),
        ("imap", {b"SEARCH": "* SEARCH １２\r\nTAG OK done\r\n".encode()}),
        ("imap", _ASKING),
        ("imap", {b"FETCH": _LITERAL % b"10000000000000"}),
        ("imap", {b"FETCH": _LITERAL % (b"9" * 30)}),
        ("imap", {b"FETCH": _LITERAL % (b"9" * 5000)}),
        ("pop3", {b"LIST": b"+OK\r\none\r\n.\r\n"}),
        ("pop3", {b"LIST": b"+OK\r\n\r\n.\r\n"}),
        ("pop3", {b"LIST": b"+OK\r\n1 %s\r\n.\r\n" % (b"9" * 5000)}),
        ("pop3", {b"UIDL": b"+OK\r\n1\r\n.\r\n"}),
        ("pop3", {b"UIDL": "+OK\r\n１ a\r\n.\r\n".encode()}),
    ],
)
def test_an_answer_that_is_none_is_the_servers_fault_and_ends_nothing(
    post: Post, scheme: str, said: dict[bytes, bytes]
) -> None:
    greeting, usual = (b"* OK hello\r\n", _IMAP) if scheme == "imap" else (b"+OK hi\r\n", _POP3)
    with (
        _scripted_server(greeting, {**usual, **said}) as port,
        pytest.raises(UnavailableError),
    ):
        fetch(post, f"{scheme}://user:secret@127.0.0.1:{port}?tls=none")


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (b"* OK hello\r\n", {b"LOGIN": b'TAG NO wrong: user "top/sec\\"ret"\r\n'}),
        (b"* OK hello\r\n", {b"LOGIN": b"TAG NO AHVzZXIAdG9wL3NlYyJyZXQ=\r\n"}),
        (b"+OK hi\r\n", {b"PASS": b'-ERR wrong password top/sec"ret\r\n'}),
    ],
)
def test_a_password_that_the_server_repeats_is_not_told(
    post: Post, greeting: bytes, said: dict[bytes, bytes]
) -> None:
    scheme, usual = ("imap", _IMAP) if greeting.startswith(b"*") else ("pop3", {})
    with (
        _scripted_server(greeting, {**usual, **said}) as port,
        pytest.raises(UnavailableError) as told,
    ):
        fetch(post, f"{scheme}://user:top%2Fsec%22ret@127.0.0.1:{port}?tls=none")
    assert "[…]" in str(told.value.what)
    assert not re.search("top/sec|dG9wL3NlYyJyZXQ", str(told.value.what))


def test_an_answer_of_very_many_lines_is_given_up_before_it_fills_the_memory(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.mailbox._ANSWER_LINES", 1000)
    said = {b"LIST": b"+OK\r\n" + b"1 1\r\n" * 2000 + b".\r\n"}
    with (
        _scripted_server(b"+OK hi\r\n", said) as port,
        pytest.raises(UnavailableError, match="too large"),
    ):
        fetch(post, f"pop3://user:secret@127.0.0.1:{port}?tls=none")


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_a_look_that_takes_too_long_leaves_the_rest_to_the_next(
    post: Post, server: Dovecot, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr("workers.intake.fetching._LOOK_SECONDS", 0)
    server.put(notice(post.path), notice(mark="2"))
    assert [fetch(post, server.url(scheme)) for _ in range(3)] == [{Taken.LOGGED: 1}] * 2 + [{}]


def test_an_encrypted_answer_is_bounded_as_well(
    post: Post, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.mailbox._ANSWER_SECONDS", 0)
    with pytest.raises(UnavailableError, match="took too long"):
        fetch(post, server.url("imaps"))


def test_a_certificate_of_nobodys_is_refused(post: Post, server: Dovecot) -> None:
    url = server.url("imaps").partition("?")[0]
    with pytest.raises(UnavailableError, match="ertificate"):
        Fetcher(read_account(url), post.engine, KEYS).once()


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@host",
        "imaps://host/INBOX",
        "imap://user:secret@mail.example.jp?tls=none",
        "pop3s://user:secret@host?move=Done",
        "imaps://user:secret@host?delete=no",
        "imaps://user:secret@host:x",
        "imaps://user:se@cr#et@host",
    ],
)
def test_a_wrong_mailbox_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="BOUNCE_MAILBOX") as told:
        read_account(url)
    assert "secret@" not in str(told.value).replace("user:secret@host", "")


@pytest.mark.parametrize("scheme", ["imaps", "pop3s"])
def test_a_mail_with_long_lines_keeps_no_other_from_being_taken(
    post: Post, server: Dovecot, scheme: str
) -> None:
    server.put(letter(UNRELATED, body="長" * 90_000), notice(post.path))
    assert fetch(post, server.url(scheme)) == {Taken.LOGGED: 1, Taken.UNRELATED: 1}
