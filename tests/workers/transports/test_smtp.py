"""SMTP over a real socket: what each way of failing says about the recipient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import SettingError
from newsletter.mailings.ledger.relay_faults import RelayFault, read_fault
from newsletter.tokens import Purpose, TokenSigner
from tests.support.courier import Satchel, carry
from tests.support.loops import run_apart
from tests.support.ports import free_port
from tests.support.relay import counting_relay
from tests.support.smtp import SmtpServer, scripted_relay
from workers.transports import open_route
from workers.transports.base import Envelope, Parcel, Result, ResultKind
from workers.transports.connection import SmtpConnection, _dot_stuffed
from workers.transports.relay import Relay, ReplyReader

pytestmark = pytest.mark.servers

ENVELOPE = Envelope(sender="bounces@example.jp", recipient="reader@example.jp")
MESSAGE = b"Subject: x\r\n\r\nline\r\n.dot\r\n"


def _send(
    url: str, envelope: Envelope = ENVELOPE, on_commit: Callable[[], None] = lambda: None
) -> Result:
    courier = Satchel([Parcel(position=1, envelope=envelope, message=MESSAGE)], on_commit)
    carry(url, courier)
    return courier.results[1]


@contextmanager
def _relay(heard: list[bytes] | None = None, piece: int = 0, /, **replies: bytes) -> Iterator[str]:
    with scripted_relay(replies, piece=piece) as relay:
        yield relay.url
    if heard is not None:
        heard += relay.heard


def test_an_accepted_message_arrives_as_it_was_with_its_queue_id(smtp_server: SmtpServer) -> None:
    result = _send(smtp_server.url)
    assert (result.kind, result.queue_id) == (ResultKind.ACCEPTED, "T000001")
    assert smtp_server.messages[0].raw == MESSAGE


@pytest.mark.parametrize(
    ("step", "reply", "kind", "status"),
    [
        ("rcpt", b"550 5.1.1 no such user\r\n", ResultKind.REJECTED, "5.1.1"),
        ("rcpt", b"450 4.2.0 greylisted\r\n", ResultKind.DEFERRED, "4.2.0"),
        ("rcpt", b"421 4.3.2 closing\r\n", ResultKind.BROKEN, "4.3.2"),
        ("mail", b"552-5.3.4 too\r\n552 5.3.4 big\r\n", ResultKind.REJECTED, "5.3.4"),
        ("data", b"451 4.3.0 busy\r\n", ResultKind.DEFERRED, "4.3.0"),
        ("dot", b"554 5.7.1 spam\r\n", ResultKind.REJECTED, "5.7.1"),
        ("greeting", b"", ResultKind.NOT_TRIED, ""),
        ("mail", b"", ResultKind.BROKEN, ""),
        ("rcpt", b"", ResultKind.BROKEN, ""),
        ("data", b"", ResultKind.BROKEN, ""),
        ("dot", b"", ResultKind.UNCERTAIN, ""),
        ("dot", b"what?\r\n", ResultKind.UNCERTAIN, ""),
    ],
)
def test_each_answer_at_each_step_is_told_apart(
    step: str, reply: bytes, kind: ResultKind, status: str
) -> None:
    with _relay(**{step: reply}) as url:
        result = _send(url)
    assert (result.kind, result.status) == (kind, status)


@pytest.mark.parametrize(
    ("step", "reply", "fault"),
    [
        ("greeting", b"554 5.7.1 you are listed\r\n", RelayFault.REFUSES_HOST),
        ("greeting", b"421 4.7.0 too many connections\r\n", RelayFault.BUSY),
        ("ehlo", b"450 4.3.2 not now\r\n", RelayFault.BUSY),
        ("mail", b"530 5.7.0 authentication required\r\n", RelayFault.ACCESS),
        ("mail", b"530 5.7.0 must issue a STARTTLS command first\r\n", RelayFault.ACCESS),
        ("data", b"530 5.7.0 authentication required\r\n", RelayFault.ACCESS),
    ],
)
def test_a_relay_that_takes_nothing_of_ours_refuses_no_recipient(
    step: str, reply: bytes, fault: RelayFault
) -> None:
    courier = _one()
    with _relay(**{step: reply}) as url:
        reason = carry(url, courier)
    assert read_fault(reason) == (fault, reply.decode().strip())
    assert courier.results[1].kind is ResultKind.NOT_TRIED


def test_a_relay_that_is_not_there_is_told_from_one_that_has_no_name() -> None:
    gone = f"smtp://127.0.0.1:{free_port()}"
    reasons = [carry(url, _one()) for url in (gone, "smtp://nowhere.invalid")]
    faults = [read_fault(reason)[0] for reason in reasons]
    assert faults == [RelayFault.NOT_REACHED, RelayFault.NAME_UNKNOWN]


def _one() -> Satchel:
    return Satchel([Parcel(position=1, envelope=ENVELOPE, message=MESSAGE)])


@pytest.mark.parametrize("more", [b"", b"250-PIPELINING\r\n"])
@pytest.mark.parametrize(
    ("sender", "dialogue"),
    [
        ("bounces@example.jp", [b"MAIL FROM:<bounces@example.jp> RET=HDRS", b"RCPT TO:<r@a.jp>"]),
        ("", [b"MAIL FROM:<> RET=HDRS", b"RCPT TO:<r@a.jp> NOTIFY=NEVER"]),
    ],
)
def test_a_relay_that_takes_wishes_is_asked_to_return_no_body(
    sender: str, dialogue: list[bytes], more: bytes
) -> None:
    heard: list[bytes] = []
    with _relay(heard, ehlo=b"250-relay\r\n" + more + b"250 DSN\r\n") as url:
        result = _send(url, Envelope(sender=sender, recipient="r@a.jp"))
    assert result.kind is ResultKind.ACCEPTED
    assert heard[1:3] == dialogue


def test_a_relay_that_takes_none_is_asked_for_nothing() -> None:
    heard: list[bytes] = []
    with _relay(heard) as url:
        _send(url, Envelope(sender="", recipient="r@a.jp"))
    assert heard[1:3] == [b"MAIL FROM:<>", b"RCPT TO:<r@a.jp>"]


def test_a_reply_that_quotes_a_link_is_kept_without_it() -> None:
    token = TokenSigner([b"k" * 40]).sign(Purpose.PREFERENCES, 1, 2, 3)
    reply = f"554 5.7.1 blocked for https://news.example.jp/p/{token} in it\r\n".encode()
    with _relay(dot=reply) as url:
        assert _send(url).reply == "554 5.7.1 blocked for https://news.example.jp/p/[…] in it"


def test_a_failed_quit_after_acceptance_is_no_failure() -> None:
    with _relay(quit=b"") as url:
        assert _send(url).kind is ResultKind.ACCEPTED


def test_a_reply_that_trickles_in_is_as_late_as_none() -> None:
    # Each octet is in time, the whole of it is not.
    with _relay(None, 1, greeting=b"220 " + b"relay " * 8 + b"\r\n") as url:
        result = _send(f"{url}?timeout=1")
    assert result.kind is ResultKind.NOT_TRIED
    assert result.reply == "The relay did not answer in time."


@pytest.mark.parametrize(
    ("offer", "replies"),
    [
        (b"AUTH PLAIN", {"auth": b"535 5.7.8 no user of top/secret\r\n"}),
        (b"AUTH PLAIN", {"auth": b"535 5.7.8 no: AUTH PLAIN AHVzZXIAdG9wL3NlY3JldA==\r\n"}),
        (b"AUTH LOGIN", {"auth": b"535 5.7.8 no: dG9wL3NlY3JldA\r\n"}),
        (b"AUTH PLAIN", {"auth": b"235 in\r\n", "mail": b"550 user:top%2Fsecret\r\n"}),
        (b"AUTH PLAIN", {"auth": b"235 in\r\n", "mail": b"530 5.7.0-top/secret\r\n"}),
        (b"AUTH PLAIN", {"auth": b"235 in\r\n", "dot": b"421 4.3.2 top/secret\r\n"}),
    ],
)
def test_a_password_that_the_relay_repeats_is_not_kept(
    offer: bytes, replies: dict[str, bytes]
) -> None:
    courier = _one()
    with _relay(ehlo=b"250-relay\r\n250 " + offer + b"\r\n", **replies) as url:
        reason = carry(url.replace("//", "//user:top%2Fsecret@"), courier)
    kept = f"{reason} {courier.results[1].reply}"
    assert "[…]" in kept
    assert not any(form in kept for form in ("top/secret", "top%2Fsecret", "dG9wL3NlY3JldA"))


def test_what_a_relay_says_unasked_is_not_kept_while_its_connection_rests() -> None:
    connection = SmtpConnection(Relay(host="127.0.0.1", port=25))
    connection.data_received(b"220 relay\r\n" + b"250 more\r\n" * 10_000)
    assert len(connection._replies) == 1


def test_a_message_is_not_sent_before_its_leave_where_a_relay_says_too_much() -> None:
    courier = Satchel(_parcels(2))
    with _relay(dot=b"250 2.0.0 taken\r\n250 and more\r\n") as url:
        carry(f"{url}?connections=1", courier)
    assert courier.results[1].kind is ResultKind.ACCEPTED
    assert courier.committed == [1]


def test_a_yes_that_is_no_leave_to_send_sends_nothing() -> None:
    courier = _one()
    with _relay(data=b"250 fine\r\n") as url:
        carry(url, courier)
    assert (courier.committed, courier.results[1].kind) == ([], ResultKind.BROKEN)


def test_an_unreachable_relay_says_nothing_about_the_recipient() -> None:
    assert _send("smtp://127.0.0.1:1").kind is ResultKind.NOT_TRIED


def _parcels(count: int) -> list[Parcel]:
    return [
        Parcel(position=number, envelope=ENVELOPE, message=MESSAGE)
        for number in range(1, count + 1)
    ]


def test_a_connection_lost_at_one_message_says_nothing_of_the_next(tmp_path: Path) -> None:
    courier = Satchel(_parcels(2))
    closing = {"step": "dot", "do": "421 4.3.2 closing", "every": 1}
    with counting_relay(tmp_path, closing, options="connections=1") as relay:
        carry(relay.url, courier)
    assert courier.results[1].kind is ResultKind.BROKEN
    assert courier.results[2].kind is ResultKind.NOT_TRIED


def test_a_connection_that_ended_while_it_rested_says_nothing_of_a_message(
    tmp_path: Path,
) -> None:
    first, second = (Satchel([parcel]) for parcel in _parcels(2))
    with counting_relay(tmp_path, options="connections=1") as relay:

        async def send_with_a_death_between() -> None:
            route = open_route(relay.url)
            await route.transport.deliver(first)
            await asyncio.to_thread(relay.kill)
            await route.transport.deliver(second)
            await route.transport.close()

        run_apart(send_with_a_death_between)
    assert first.results[1].kind is ResultKind.ACCEPTED
    assert second.results[2].kind is ResultKind.NOT_TRIED


def test_the_point_of_no_return_is_told_before_the_message_leaves(smtp_server: SmtpServer) -> None:
    arrived: list[int] = []
    _send(smtp_server.url, on_commit=lambda: arrived.append(len(smtp_server.messages)))
    assert arrived == [0]


def test_a_refused_recipient_is_never_committed() -> None:
    calls: list[None] = []
    with _relay(rcpt=b"550 no\r\n") as url:
        _send(url, on_commit=lambda: calls.append(None))
    assert calls == []


def test_an_international_address_is_sent_where_the_relay_can(smtp_server: SmtpServer) -> None:
    envelope = Envelope(sender="bounces@example.jp", recipient="受信者@example.jp")
    assert _send(smtp_server.url, envelope).kind is ResultKind.ACCEPTED
    assert smtp_server.recipients() == ["受信者@example.jp"]


def test_an_international_address_is_refused_clearly_where_it_cannot() -> None:
    envelope = Envelope(sender="bounces@example.jp", recipient="受信者@example.jp")
    with _relay() as url:
        result = _send(url, envelope)
    assert result.kind is ResultKind.REJECTED
    assert "SMTPUTF8" in result.reply


def test_control_characters_of_a_reply_are_not_kept() -> None:
    with _relay(rcpt=b"550 5.1.1 no\0such\x1b[31m user\r\n") as url:
        assert _send(url).reply.isprintable()


@pytest.mark.parametrize("url", ["ftp://x", "smtp://", "smtp://u:topsecret@h:notaport", "x"])
def test_a_wrong_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="MAIL_TRANSPORTS") as caught:
        open_route(url)
    assert "topsecret" not in str(caught.value)


def test_what_was_answered_before_the_garbage_counts() -> None:
    reader = ReplyReader()
    replies = reader.feed(b"250 2.0.0 taken\r\nwhat?\r\n250 later\r\n")
    assert [reply.text for reply in replies] == ["2.0.0 taken"]
    assert reader.is_malformed


@given(
    st.lists(
        st.tuples(
            st.integers(200, 599),
            st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), min_size=1),
        )
    ),
    st.lists(st.integers(1, 9), min_size=1),
)
def test_replies_are_read_alike_in_whatever_pieces_they_come(
    wanted: list[tuple[int, list[str]]], sizes: list[int]
) -> None:
    wire = b"".join(
        f"{code}{' ' if number == len(lines) else '-'}{line}\r\n".encode()
        for code, lines in wanted
        for number, line in enumerate(lines, start=1)
    )
    reader, got = ReplyReader(), []
    for size in cycle(sizes):
        got += reader.feed(wire[:size])
        wire = wire[size:]
        if not wire:
            break
    assert [(reply.code, list(reply.lines)) for reply in got] == wanted


@given(st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a", b"=="])).map(b"".join))
def test_every_dot_that_begins_a_line_is_doubled_and_no_other(message: bytes) -> None:
    lines = message.split(b"\r\n")
    stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
    assert _dot_stuffed(message) == b"\r\n".join(stuffed)
