"""The guarded HTTP client: which addresses it asks, and what it makes of the answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from newsletter import fetching
from newsletter.fetching import IpAddress, LinkOutcome, is_public, open_address
from tests.support.ports import await_condition


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::1",
        "fec0::1",
        "192.0.2.1",
        "2001:db8::1",
        "192.0.0.192",
        "192.88.99.1",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::c000:c0",
        "64:ff9b:1::a00:1",
        "2001::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_what_is_not_public_is_known_however_it_is_written(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_known(text: str) -> None:
    assert is_public(ip_address(text))


class _Site(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one test's

    def _answer(self) -> None:
        _Site.asked.append(f"{self.command} {self.path} {self.headers['Host']}")
        name = self.path.partition("?")[0].strip("/")
        if name == "head" and self.command == "HEAD":
            self.send_response(405)
        elif name in {"head", "fine"}:
            self.send_response(200)
        elif name.startswith("to-"):
            self.send_response(301 if name == "to-fine" else 302)
            onward = {
                "to-fine": "/fine",
                "to-loop": "/to-loop",
                "to-inner": "http://inner.example/",
                "to-no-address": "http://[::1",
                "to-nul": "/\0",
                "to-long": f"/{'a' * 9000}",
            }
            self.send_header("Location", onward[name])
        else:
            self.send_response(int(name))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET = _answer  # noqa: N815 - the server's names

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def port(_servers: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    number = int(server.server_address[1])
    monkeypatch.setattr(fetching, "_PORTS", frozenset({80, number}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    _Site.asked.clear()
    yield number
    server.shutdown()
    server.server_close()
    thread.join()


def _resolve(host: str, _port: int) -> Collection[IpAddress]:
    known = {"site.example": ["127.0.0.1"], "inner.example": ["10.0.0.1"]}
    known["mixed.example"] = ["127.0.0.1", "10.0.0.1"]
    if host not in known:
        raise OSError
    return [ip_address(text) for text in known[host]]


def _permitted(address: IpAddress) -> bool:
    return str(address) == "127.0.0.1"


def test_answers_are_told_apart_and_redirects_followed_as_carefully(port: int) -> None:
    def opened(path: str, host: str = "site.example") -> fetching.OpenedAddress:
        url = f"http://{host}:{port}{path}"
        return open_address(url, resolving=_resolve, permitted=_permitted)

    wanted = {
        "/fine": LinkOutcome.FINE,
        "/head": LinkOutcome.FINE,
        "/404": LinkOutcome.MISSING,
        "/410": LinkOutcome.MISSING,
        "/403": LinkOutcome.CLOSED,
        "/500": LinkOutcome.FAILED,
        "/to-fine": LinkOutcome.MOVED,
        "/to-loop": LinkOutcome.ASTRAY,
        "/to-inner": LinkOutcome.FORBIDDEN,
        "/to-no-address": LinkOutcome.FAILED,
        "/to-nul": LinkOutcome.FAILED,
        "/to-long": LinkOutcome.FAILED,
    }
    assert {path: opened(path).outcome for path in wanted} == wanted
    assert opened("/to-fine").final.endswith("/fine")
    assert opened("/fine", "nowhere.example").outcome is LinkOutcome.UNKNOWN_HOST
    assert opened("/fine", "inner.example").outcome is LinkOutcome.FORBIDDEN
    assert opened("/fine", "mixed.example").outcome is LinkOutcome.FORBIDDEN
    assert f"HEAD /fine site.example:{port}" in _Site.asked
    assert not any("inner.example" in line for line in _Site.asked)


class _Rebinding:
    """A resolver that names another machine each time it is asked, as an attacker's may."""

    def __init__(self, *answers: str) -> None:
        self._answers = iter(answers)

    def __call__(self, _host: str, _port: int) -> Collection[IpAddress]:
        return [ip_address(next(self._answers))]


def test_a_name_that_means_another_machine_a_moment_later_is_not_followed_there(port: int) -> None:
    def opened(path: str, *answers: str) -> LinkOutcome:
        url = f"http://turns.example:{port}{path}"
        return open_address(url, resolving=_Rebinding(*answers), permitted=_permitted).outcome

    # HEAD is answered by 405: the GET that follows goes to the machine that was looked at.
    assert opened("/head", "127.0.0.1", "10.0.0.1") is LinkOutcome.FINE
    # A redirect is looked at anew, also to the host that was looked at before.
    assert opened("/to-fine", "127.0.0.1", "10.0.0.1") is LinkOutcome.FORBIDDEN
    assert [line.partition(" turns")[0] for line in _Site.asked] == [
        "HEAD /head",
        "GET /head",
        "HEAD /to-fine",
    ]


def _pinned(port: int, *, secure: bool) -> fetching._Pinned:
    return fetching._Pinned("site.example", port, ip_address("127.0.0.1"), secure=secure)


def test_time_that_is_up_before_there_is_a_connection_ends_it_all_the_same(port: int) -> None:
    connection = _pinned(port, secure=False)
    connection.give_up()
    with pytest.raises(TimeoutError):
        connection.connect()


@pytest.mark.usefixtures("_servers")
def test_time_that_is_up_during_the_handshake_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PATIENCE", 120.0)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        connection = _pinned(server.getsockname()[1], secure=True)
        running = thread.submit(connection.connect)
        with server.accept()[0] as peer:
            assert peer.recv(1)
            connection.give_up()
            await_condition(running.done, seconds=60, what="the end of the handshake")
            assert isinstance(running.exception(), OSError)
        connection.close()


@pytest.mark.usefixtures("_servers")
@pytest.mark.parametrize(
    "url",
    [
        "ftp://site.example/",
        "file:///etc/passwd",
        "http://user@site.example/",
        "http://site.example:22/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
    ],
)
def test_nothing_private_is_asked_by_any_spelling(url: str) -> None:
    assert open_address(url).outcome in {LinkOutcome.FORBIDDEN, LinkOutcome.UNKNOWN_HOST}
