"""The listener, as mail servers meet it: over LMTP and SMTP, and when the database goes."""

from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.database.vocabulary import BounceKind, SubscriptionState, UnsubscribeWay
from newsletter.errors import SettingError
from tests.feedback.conftest import KEYS, Post, running, set_post
from tests.feedback.letters import READER, letter, notice
from tests.support.ports import await_condition, await_port, free_port
from tests.support.postgres import PostgresServer
from workers.intake.listener import ListenAddress, MailHandler, listen, read_listen_address

pytestmark = pytest.mark.servers


@contextmanager
def _listening(engine: Engine, protocol: str = "lmtp") -> Iterator[smtplib.SMTP]:
    """Listen in a thread of its own, and connect."""
    address = ListenAddress(protocol=protocol, host="127.0.0.1", port=free_port())
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with listen(address, MailHandler(engine, KEYS)):
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        await_port(address.port)
        client = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
        with client("127.0.0.1", address.port) as connection:
            yield connection
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def _reply(connection: smtplib.SMTP, to: str, mail: bytes) -> tuple[int, str]:
    connection.ehlo_or_helo_if_needed()
    connection.mail("")
    code, words = connection.rcpt(to)
    if code == 250:
        code, words = connection.data(mail)
    connection.rset()
    return code, words.decode()


def test_beyond_its_bound_a_connection_is_told_to_come_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.listener._MOST_CONNECTIONS", 3)
    with _listening(post.engine) as first, ExitStack() as others:
        assert first.sock is not None
        port = first.sock.getpeername()[1]
        second, _ = (others.enter_context(smtplib.LMTP("127.0.0.1", port)) for _ in range(2))
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.LMTP("127.0.0.1", port)
        assert refused.value.smtp_code == 421
        second.close()
        assert _reply(first, post.path, notice())[0] == 250
        await_condition(lambda: _is_served(port), seconds=60, what="room for another")


def test_an_address_that_holds_every_place_keeps_no_other_out(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.listener._MOST_CONNECTIONS", 3)
    with _listening(post.engine) as receiving, ExitStack() as others:
        assert receiving.sock is not None
        port = receiving.sock.getpeername()[1]
        receiving.ehlo_or_helo_if_needed()
        receiving.mail("")
        receiving.rcpt(post.path)
        assert receiving.docmd("DATA")[0] == 354
        idle, _ = (others.enter_context(smtplib.LMTP("127.0.0.1", port)) for _ in range(2))

        newcomer = others.enter_context(_from("127.0.0.2", port))
        assert _reply(newcomer, post.path, notice())[0] == 250
        assert not _answers(idle)
        # With as many as the others have, its own next one waits.
        with pytest.raises(smtplib.SMTPConnectError):
            _from("127.0.0.2", port)
        receiving.send(b"\r\n".join(notice().splitlines()) + b"\r\n.\r\n")
        assert receiving.getreply()[0] == 250


def test_mails_of_one_address_that_are_slow_to_come_hold_up_no_other(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.listener._RECEIVED_AT_ONCE", 100_000)
    monkeypatch.setattr("workers.intake.listener._OF_ONE_NETWORK", 50_000)
    with _listening(post.engine) as first, ExitStack() as others:
        assert first.sock is not None
        port = first.sock.getpeername()[1]
        second = others.enter_context(smtplib.LMTP("127.0.0.1", port))
        for connection in (first, second):
            connection.ehlo_or_helo_if_needed()
            connection.mail("")
            connection.rcpt(post.path)
        assert first.docmd("DATA")[0] == 354
        second.putcmd("DATA")
        newcomer = others.enter_context(_from("127.0.0.2", port))
        assert _reply(newcomer, post.path, notice())[0] == 250
        second.close()
        first.close()


def _from(address: str, port: int) -> smtplib.LMTP:
    return smtplib.LMTP("127.0.0.1", port, source_address=(address, 0))


def test_a_connection_that_says_something_again_and_again_ends_all_the_same(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.listener._SESSION_SECONDS", 0.5)
    with _listening(post.engine) as connection:
        await_condition(lambda: not _answers(connection), seconds=60, what="the session's end")


def test_a_mail_for_which_there_is_no_room_waits_until_another_is_taken(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.intake.listener._RECEIVED_AT_ONCE", 100_000)
    granted = []
    with _listening(post.engine) as first:
        assert first.sock is not None
        with smtplib.LMTP("127.0.0.1", first.sock.getpeername()[1]) as second:
            for connection, size in ((first, 90_000), (second, 90_000)):
                connection.ehlo_or_helo_if_needed()
                connection.mail("", [f"SIZE={size}"])
                connection.rcpt(post.path)
            assert first.docmd("DATA")[0] == 354

            def follow() -> None:
                granted.append(second.docmd("DATA")[0])

            waiting = threading.Thread(target=follow)
            waiting.start()
            # Were there room, it would be granted while the first is still under way.
            waiting.join(timeout=0.3)
            assert granted == []
            first.send(b"\r\n".join(notice().splitlines()) + b"\r\n.\r\n")
            assert first.getreply()[0] == 250
            waiting.join()
            second.send(b".\r\n")
            assert second.getreply()[0] == 250
    assert granted == [354]


def test_a_mail_that_is_larger_than_announced_gets_no_more_room(post: Post) -> None:
    mail = notice(post.path)
    with _listening(post.engine) as connection:
        connection.ehlo_or_helo_if_needed()

        def send(octets: bytes) -> int:
            connection.mail("", [f"SIZE={len(mail)}"])
            connection.rcpt(post.path)
            return connection.data(octets)[0]

        assert send(b"x" * 200_000 + b"\r\n" + mail) == 552
        assert send(mail + b"x\r\n" * 100_000) == 552
        assert post.rows() == []
        # Sizes are estimates: before a server added its own header, or of lines that end with one.
        assert send(b"Received: from mx.example.net\r\n" * 50 + mail) == 250
    assert [row.kind for row in post.rows()] == [BounceKind.HARD]


def _answers(connection: smtplib.SMTP) -> bool:
    try:
        return connection.noop()[0] == 250
    except smtplib.SMTPServerDisconnected:
        return False


def _is_served(port: int) -> bool:
    try:
        with smtplib.LMTP("127.0.0.1", port) as again:
            return again.noop()[0] == 250
    except smtplib.SMTPConnectError:
        return False


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_mail_that_comes_back_is_in_the_log_once_it_is_acknowledged(
    post: Post, protocol: str
) -> None:
    with _listening(post.engine, protocol) as connection:
        assert _reply(connection, post.path, notice(post.path)) == (250, "2.0.0 logged")
        [row] = post.rows()
        assert (row.kind, row.address, row.return_path) == (BounceKind.HARD, READER, post.path)

        assert _reply(connection, post.path, notice(post.path))[0] == 250
        assert len(post.rows()) == 1

        leaving = letter(f"unsubscribe {post.token}")
        assert _reply(connection, "Unsubscribe@Example.jp", leaving) == (250, "2.0.0 left")
        assert post.state() is SubscriptionState.UNSUBSCRIBED
        assert post.ways() == [UnsubscribeWay.MAIL]

        strange = letter("hello", body="who are you?")
        assert _reply(connection, "bounces@example.jp", strange) == (250, "2.0.0 unknown")
        assert post.rows()[-1].kind is BounceKind.UNKNOWN
        assert "who are you?" in post.rows()[-1].raw


def test_only_addresses_of_ours_are_taken_one_at_a_time(post: Post) -> None:
    local, _, domain = post.path.partition("@")
    forged = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    elsewhere = f"{local}@elsewhere.example"
    with _listening(post.engine) as connection:
        connection.ehlo_or_helo_if_needed()
        connection.mail("")
        answers = {
            address: connection.rcpt(address)[0]
            for address in (
                "reader@example.jp",
                "bounces@elsewhere.example",
                "bounces+x@example.jp",
                forged,
                elsewhere,
                post.path,
                "bounces@example.jp",
            )
        }
    assert list(answers.values()) == [550, 550, 550, 550, 550, 250, 452]


@pytest.mark.parametrize("size", ["①", "²", "1" * 30, "-1", ""])
def test_a_size_that_is_none_is_refused_and_leaves_no_trace(
    post: Post, caplog: pytest.LogCaptureFixture, size: str
) -> None:
    with _listening(post.engine) as connection:
        connection.ehlo_or_helo_if_needed()
        connection.command_encoding = "utf-8"
        assert connection.docmd(f"MAIL FROM:<a@example.jp> SIZE={size}")[0] == 501
        assert connection.docmd("MAIL FROM:<a@example.jp> SIZE=100")[0] == 250
    assert [record for record in caplog.records if record.name.startswith("workers")] == []


def test_lines_longer_than_smtp_allows_are_taken(post: Post) -> None:
    mail = notice(post.path).replace(b"The mail could", b"x" * 20_000 + b" The mail could")
    with _listening(post.engine) as connection:
        assert _reply(connection, post.path, mail)[0] == 250
    assert [row.kind for row in post.rows()] == [BounceKind.HARD]


def test_while_the_database_is_away_the_sender_keeps_the_mail(postgres: PostgresServer) -> None:
    with ExitStack() as database, ExitStack() as rest:
        post = set_post(open_engine(database.enter_context(postgres.database())))
        path = post.path
        connection = rest.enter_context(_listening(post.engine))
        connection.ehlo_or_helo_if_needed()
        connection.mail("")
        assert connection.rcpt(path)[0] == 250
        database.close()
        code, _ = connection.data(notice(path))
        again, _ = _reply(connection, path, notice(path))
    assert (code, again) == (451, 451)


def test_the_command_listens_at_a_socket_file(sqlite_url: str, tmp_path: Path) -> None:
    post = set_post(open_engine(sqlite_url))
    socket = tmp_path / "socket"
    with running(sqlite_url, tmp_path, "listen", BOUNCE_LISTEN=f"lmtp://{socket}") as process:
        await_condition(socket.exists, seconds=120, what="the socket")
        with smtplib.LMTP(str(socket)) as connection:
            assert _reply(connection, post.path, notice(post.path))[0] == 250
        process.terminate()
        assert process.wait(timeout=60) == 0
    assert len(post.rows()) == 1


def test_what_a_caller_writes_is_in_no_log(
    sqlite_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    set_post(open_engine(sqlite_url))
    socket = tmp_path / "socket"
    with running(sqlite_url, tmp_path, "listen", BOUNCE_LISTEN=f"lmtp://{socket}"):
        await_condition(socket.exists, seconds=120, what="the socket")
        with smtplib.LMTP(str(socket)) as connection:
            connection.ehlo()
            for words in ("PWNED", "MAIL FROM:<pwned@example.jp", "RCPT TO:<pwned@example.jp>"):
                connection.docmd(words)
    assert "pwned" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize(
    "url",
    [
        "lmtp:127.0.0.1:8024",
        "lmtp:bounces.sock",
        "http://127.0.0.1:25",
        "lmtp://",
        "lmtp://127.0.0.1",
        "smtp://h:99999",
        "127.0.0.1:24",
    ],
)
def test_a_wrong_place_to_listen_is_named(url: str) -> None:
    with pytest.raises(SettingError, match="BOUNCE_LISTEN"):
        read_listen_address(url)
