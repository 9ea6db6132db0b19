"""Clients that take their time: their connections are closed, and others are served meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

import newsletter.web
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import transaction
from newsletter.issues.library.stored_files import read_upload
from newsletter.newsletters.issue_actions import add_file
from newsletter.web.slow_clients import BoundedProtocol
from tests.support.ports import await_condition
from tests.web.hardening.conftest import House

_PIECE = 65_536
STATIC = Path(newsletter.web.__file__).parent / "static"
#: What a client begins with; what it goes on with, an octet at a time, has no end.
SLOW = {
    "silent": b"",
    "head": b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
    "body": (
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n"
    ),
    "refused body": (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"),
}


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"_LOOK": 0.02, "_HEAD": 0.3, "_BODY": 0.3, "_ANSWER": 0.3}.items():
        monkeypatch.setattr(f"newsletter.web.slow_clients.{name}", seconds)


@contextmanager
def _client(house: House) -> Iterator[socket.socket]:
    parts = urlsplit(house.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((parts.hostname, parts.port))
        yield client


def _is_closed(client: socket.socket, octet: bytes) -> bool:
    try:
        client.sendall(octet)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("kind", SLOW)
def test_a_client_that_sends_an_octet_at_a_time_is_closed(house: House, kind: str) -> None:
    octet = b"" if kind == "silent" else b"x"
    with _client(house) as client:
        client.sendall(SLOW[kind])
        client.settimeout(0.02)

        def closed() -> bool:
            try:
                return _is_closed(client, octet) or not client.recv(4096)
            except TimeoutError:
                return False
            except OSError:
                return True

        await_condition(closed, seconds=60, what="the slow client's connection to be closed")


def test_a_client_that_never_reads_its_answers_is_closed(house: House) -> None:
    largest = max((path for path in STATIC.rglob("*") if path.is_file()), key=_size)
    path = largest.relative_to(STATIC).as_posix()
    with _client(house) as client:
        client.sendall(f"GET /static/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
        await_condition(
            lambda: client.getsockname() in _peers(), seconds=60, what="the answers to begin"
        )
        # The end stands behind what it does not read, and cannot be seen from its side.
        await_condition(
            lambda: client.getsockname() not in _peers(), seconds=60, what="the end of them"
        )


def test_no_more_of_an_answer_than_a_piece_waits_for_its_client(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []

    def pause(protocol: BoundedProtocol) -> None:
        waiting.append(protocol.transport.get_write_buffer_size())
        H11Protocol.pause_writing(protocol)

    monkeypatch.setattr(BoundedProtocol, "pause_writing", pause)
    monkeypatch.setattr("newsletter.web.slow_clients._ANSWER", 60.0)
    # Longer than what the kernel takes for a client that does not read.
    pdf = b"%PDF-1.7\n" + b"x" * 8_000_000 + b"\n%%EOF\n"
    with transaction(house.engine) as session:
        upload = read_upload(pdf, name="a.pdf")
        path = add_file(session, COMMAND_LINE, house.stage.newsletter_id, upload)
    with _client(house) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await_condition(lambda: bool(waiting), seconds=60, what="the answer to wait")
    assert httpx.get(house.url + path).content == pdf
    assert max(waiting) <= 2 * _PIECE


def _peers() -> set[object]:
    connections = psutil.Process().net_connections("tcp4")
    return {one.raddr for one in connections if one.status == psutil.CONN_ESTABLISHED}


def _size(path: Path) -> int:
    return path.stat().st_size


def test_a_slow_body_that_keeps_coming_is_taken(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1,000 octets a look are far more than the least.
    monkeypatch.setattr("newsletter.web.slow_clients._BODY", 0.1)

    def body() -> Iterator[bytes]:
        yield b"address="
        for _ in range(20):
            yield b"x" * 1000
            time.sleep(0.02)

    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert httpx.post(f"{house.url}/sign-in", content=body(), headers=kind).status_code == 403
