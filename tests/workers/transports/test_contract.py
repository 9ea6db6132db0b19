"""What every transport keeps to, whatever takes the messages away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.errors import SettingError
from tests.support.courier import Satchel, carry
from tests.support.smtp import smtp_server
from workers.transports import TRANSPORTS, open_route
from workers.transports.base import Envelope, Parcel, ResultKind

pytestmark = pytest.mark.servers

_DOCUMENT = Path(__file__).resolve().parents[3] / "docs/transports.md"
_ENVELOPE = Envelope(sender="bounces@example.jp", recipient="reader@example.jp")


@dataclass(frozen=True)
class Destination:
    """Where a transport takes messages: its URL, and what has arrived there."""

    url: str
    arrived: Callable[[], Sequence[bytes]]


@contextmanager
def _folder(path: Path) -> Iterator[Destination]:
    def arrived() -> Sequence[bytes]:
        return [file.read_bytes() for file in sorted((path / "out").glob("*"))]

    yield Destination(f"directory://{path}/out", arrived)


@contextmanager
def _relay(_path: Path) -> Iterator[Destination]:
    with smtp_server() as server:
        yield Destination(server.url, lambda: [message.raw for message in server.messages])


#: By the scheme; a new transport is put here.
_DESTINATIONS: Mapping[str, Callable[[Path], AbstractContextManager[Destination]]] = {
    "directory": _folder,
    "smtp": _relay,
}
#: Schemes of a transport that stands above, and the file that tries what they do besides.
_ALSO = {"smtps": "test_tls.py"}


def test_every_scheme_is_tried_here() -> None:
    assert {*_DESTINATIONS, *_ALSO} == set(TRANSPORTS)


@pytest.mark.parametrize("scheme", TRANSPORTS)
def test_every_scheme_is_in_the_documentation_and_the_remedy(scheme: str) -> None:
    assert f"| `{scheme}:" in _DOCUMENT.read_text(encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        open_route("unknown://x")
    assert f"{scheme}:/" in str(refused.value.remedy)


@pytest.fixture(params=_DESTINATIONS)
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    with _DESTINATIONS[request.param](tmp_path) as opened:
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


def test_a_folder_takes_a_message_once(tmp_path: Path) -> None:
    with _folder(tmp_path) as folder:
        for _ in range(2):
            carry(folder.url, Satchel(_parcels(1)))
        assert len(folder.arrived()) == 1
