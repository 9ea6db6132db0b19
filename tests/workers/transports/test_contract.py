"""What every transport keeps to, whatever takes the messages away, and however that fails."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from newsletter.errors import SettingError
from tests.support.authority import Authority
from tests.support.courier import Satchel, carry
from tests.support.loops import run_apart
from tests.support.ports import free_port
from tests.support.smtp import scripted_relay
from workers import transports
from workers.transports import TRANSPORTS, open_route
from workers.transports.base import Envelope, Parcel, ResultKind

pytestmark = pytest.mark.servers

_ROOT = Path(__file__).resolve().parents[3]
_DOCUMENT = _ROOT / "docs/transports.md"
_ENVELOPE = Envelope(sender="bounces@example.jp", recipient="reader@example.jp")
#: Stands in every URL here, and in what the other side says of it.
_PASSWORD = "top-s3cret"
#: Longer than any transport here waits for an answer, in seconds.
_PATIENCE = 30


class Way(Enum):
    """How what takes the messages away fares with the first of them."""

    WORKS = auto()
    #: Nothing is there.
    GONE = auto()
    #: It is there and says nothing.
    SILENT = auto()
    #: It will have none of ours, whoever it is for.
    SHUT = auto()
    #: It says "later" of one message, or never.
    DEFERS = auto()
    REFUSES = auto()
    #: The connection is lost at a message's turn, before it left, or after.
    LOST_BEFORE = auto()
    LOST_AFTER = auto()


#: What the message's result is then. It never raises.
_MEANING: Mapping[Way, ResultKind] = {
    Way.WORKS: ResultKind.ACCEPTED,
    Way.GONE: ResultKind.NOT_TRIED,
    Way.SILENT: ResultKind.NOT_TRIED,
    Way.SHUT: ResultKind.NOT_TRIED,
    Way.DEFERS: ResultKind.DEFERRED,
    Way.REFUSES: ResultKind.REJECTED,
    Way.LOST_BEFORE: ResultKind.BROKEN,
    Way.LOST_AFTER: ResultKind.UNCERTAIN,
}
#: Where the other side answers for a message, the class of the code by which it is judged; where it
#: answers for none, the whole transport says why, and is left alone for a while.
_CODES = {Way.WORKS: 2, Way.DEFERS: 4, Way.REFUSES: 5}
#: Where the message can no longer be held back.
_COMMITTED = frozenset({Way.WORKS, Way.LOST_AFTER})


@dataclass(frozen=True)
class Destination:
    """Where a transport takes messages: its URL, what has arrived there, over how many connections.

    Attributes:
        connections: None of a transport that holds nothing open.
    """

    url: str
    arrived: Callable[[], Sequence[bytes]] = lambda: ()
    connections: Callable[[], int] | None = None


@contextmanager
def _folder(way: Way, path: Path) -> Iterator[Destination]:
    if way is Way.GONE:
        (path / "out").write_bytes(b"a file where the folder should be")

    def arrived() -> Sequence[bytes]:
        return [file.read_bytes() for file in sorted((path / "out").glob("*"))]

    yield Destination(f"directory://user:{_PASSWORD}@{path}/out", arrived)


#: What the relay says at which step, by the way; it repeats the password where it can.
_REPLIES: Mapping[Way, Mapping[str, bytes]] = {
    Way.WORKS: {},
    Way.SHUT: {"auth": b"535 5.7.8 no user:%b\r\n"},
    Way.DEFERS: {"rcpt": b"450 4.2.0 not yet, %b\r\n"},
    Way.REFUSES: {"rcpt": b"550 5.1.1 no such user, %b\r\n"},
    Way.LOST_BEFORE: {"rcpt": b""},
    Way.LOST_AFTER: {"dot": b""},
}


@contextmanager
def _relay(way: Way, path: Path, *, scheme: str = "smtp") -> Iterator[Destination]:
    signed, options = f"{scheme}://user:{_PASSWORD}@", "?timeout=1&connections=1"
    context = None
    if scheme == "smtps":
        authority = Authority(path)
        context = authority.context(x509.IPAddress(ip_address("127.0.0.1")))
        options += f"&ca={authority.file}"
    with ExitStack() as stack:
        if way is Way.GONE:
            yield Destination(f"{signed}127.0.0.1:{free_port()}{options}")
        elif way is Way.SILENT:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            yield Destination(f"{signed}127.0.0.1:{listener.getsockname()[1]}{options}")
        else:
            said = {"ehlo": b"250-relay\r\n250 AUTH PLAIN\r\n", "auth": b"235 in\r\n"}
            for step, reply in _REPLIES[way].items():
                said[step] = reply.replace(b"%b", _PASSWORD.encode())
            relay = stack.enter_context(scripted_relay(said, context=context))
            yield Destination(
                relay.url.replace(f"{scheme}://", signed) + options,
                lambda: relay.messages,
                lambda: relay.connections,
            )


@contextmanager
def _relay_over_tls(way: Way, path: Path) -> Iterator[Destination]:
    with _relay(way, path, scheme="smtps") as destination:
        yield destination


@dataclass(frozen=True)
class Case:
    """A transport, as the contract tries it.

    Attributes:
        at: Opens what takes the messages away, which fares so.
        never: What cannot happen to it, and why.
    """

    at: Callable[[Way, Path], AbstractContextManager[Destination]]
    never: Mapping[Way, str] = field(default_factory=dict)


_NO_PEER = "a folder has no other side: it takes a message, or takes nothing"
#: By the scheme; a new transport is put here, and names here what it leaves out.
CASES: Mapping[str, Case] = {
    "directory": Case(_folder, dict.fromkeys([*_MEANING][2:], _NO_PEER)),
    "smtp": Case(_relay),
    "smtps": Case(_relay_over_tls),
}
_TRIED = [(scheme, way) for scheme, case in CASES.items() for way in Way if way not in case.never]
_named = pytest.mark.parametrize(
    ("scheme", "way"), _TRIED, ids=lambda each: getattr(each, "name", each)
)


def test_every_scheme_is_tried_here() -> None:
    assert CASES.keys() == TRANSPORTS.keys()


@pytest.mark.parametrize("scheme", TRANSPORTS)
def test_every_scheme_is_in_the_documentation_and_the_remedy(scheme: str) -> None:
    assert f"| `{scheme}:" in _DOCUMENT.read_text(encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        open_route("unknown://x")
    assert f"{scheme}:/" in str(refused.value.remedy)
    assert f"{scheme}:/" in (_ROOT / ".env.example").read_text(encoding="utf-8")


def test_every_option_is_in_the_documentation() -> None:
    source = Path(transports.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r'options\.(?:text|choice|number)\(\s*"(\w+)"', source))
    assert asked
    rows = re.findall(r"^\| `(\w+)` \|", _DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert asked == {*rows}


@pytest.fixture(params=CASES)
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    with CASES[request.param].at(Way.WORKS, tmp_path) as opened:
        yield opened


def _parcels(*positions: int) -> list[Parcel]:
    return [
        Parcel(
            position=position,
            envelope=_ENVELOPE,
            message=b"Subject: %d\r\n\r\nline\r\n.dot\r\n" % position,
        )
        for position in positions
    ]


def test_each_message_arrives_as_it_was_and_has_its_result(destination: Destination) -> None:
    parcels = _parcels(1, 2, 3)
    courier = Satchel(parcels)
    assert carry(destination.url, courier) == ""
    assert {result.kind for result in courier.results.values()} == {ResultKind.ACCEPTED}
    assert sorted(courier.results) == sorted(courier.committed) == [1, 2, 3]
    assert sorted(destination.arrived()) == sorted(parcel.message for parcel in parcels)


def test_a_message_held_back_at_the_last_moment_does_not_leave(destination: Destination) -> None:
    courier = Satchel(_parcels(1, 2))
    courier.withdrawn.add(1)
    assert carry(destination.url, courier) == ""
    assert courier.results[1].kind is ResultKind.NOT_TRIED
    assert courier.results[2].kind is ResultKind.ACCEPTED
    assert len(destination.arrived()) == 1


@_named
def test_each_way_of_faring_is_the_result_that_it_means(
    scheme: str, way: Way, tmp_path: Path
) -> None:
    courier = Satchel(_parcels(1))
    with CASES[scheme].at(way, tmp_path) as destination:
        began = time.monotonic()
        reason = carry(destination.url, courier)
        assert time.monotonic() - began < _PATIENCE
    result = courier.results[1]
    assert (result.kind, result.code // 100) == (_MEANING[way], _CODES.get(way, 0))
    assert bool(reason) is (way not in _CODES)
    assert bool(courier.committed) is (way in _COMMITTED)


@_named
def test_no_password_is_told(
    scheme: str, way: Way, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    courier = Satchel(_parcels(1))
    with CASES[scheme].at(way, tmp_path) as destination:
        route = open_route(destination.url)
        reason = carry(destination.url, courier)
    told = [route.transport.name, repr(route), repr(vars(route.transport)), reason, caplog.text]
    assert _PASSWORD not in " ".join((*told, repr(courier.results)))


@pytest.mark.parametrize("scheme", CASES)
def test_connections_are_kept_from_batch_to_batch(scheme: str, tmp_path: Path) -> None:
    with CASES[scheme].at(Way.WORKS, tmp_path) as destination:

        async def deliver_twice() -> None:
            transport = open_route(destination.url).transport
            for batch in (_parcels(1, 2), _parcels(3)):
                assert await transport.deliver(Satchel(batch)) == ""
            await transport.close()

        run_apart(deliver_twice)
        assert len(destination.arrived()) == 3
        assert destination.connections is None or destination.connections() == 1


def test_a_folder_takes_a_message_once(tmp_path: Path) -> None:
    with _folder(Way.WORKS, tmp_path) as folder:
        for _ in range(2):
            carry(folder.url, Satchel(_parcels(1)))
        assert len(folder.arrived()) == 1
