"""A mail on its way in: whatever its lines are, it takes the memory that was given to it."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from tests.support.loops import run_apart
from workers.intake.listener import read_mail

_MOST = 20_000


def _received(*pieces: bytes, most: int = _MOST, limit: int = 4096) -> tuple[bytes | None, bytes]:
    """Return what is read of a mail that comes in pieces, and what follows it."""

    async def receive() -> tuple[bytes | None, bytes]:
        reader = asyncio.StreamReader(limit=limit)

        async def come() -> None:
            for piece in pieces:
                reader.feed_data(piece)
                await asyncio.sleep(0)
            reader.feed_eof()

        coming = asyncio.create_task(come())
        mail = await read_mail(reader, most)
        await coming
        return mail, await reader.read()

    return run_apart(receive)


@pytest.mark.parametrize(
    ("sent", "mail"),
    [
        pytest.param(b"", b"", id="empty"),
        pytest.param(b"\r\n", b"\r\n", id="one empty line"),
        pytest.param(b"a: b\r\n\r\nc\r\n", b"a: b\r\n\r\nc\r\n", id="a mail"),
        pytest.param(b"..\r\n...\r\na.\r\n", b".\r\n..\r\na.\r\n", id="dots"),
        pytest.param(b"a\n.\r\nb\n.\nc\r.\r\n", b"a\n.\r\nb\n.\nc\r.\r\n", id="lone ends of lines"),
    ],
)
def test_a_mail_ends_at_the_dot_that_stands_alone(sent: bytes, mail: bytes) -> None:
    octets = sent + b".\r\nQUIT\r\n"
    assert _received(octets) == (mail, b"QUIT\r\n")
    assert _received(*(octets[at : at + 1] for at in range(len(octets)))) == (mail, b"QUIT\r\n")


@pytest.mark.parametrize("limit", [4, 5, 7, 16])
def test_a_line_of_any_length_is_taken(limit: int) -> None:
    mail = b"".join(b"x" * size + b"\r\n" for size in range(40))
    assert _received(mail + b".\r\n", limit=limit) == (mail, b"")


@pytest.mark.parametrize("unit", [b"x", b"\r\n", b"x.\r\n", b"..\r\n"])
def test_more_than_was_given_to_it_is_passed_over(unit: bytes) -> None:
    pieces = [unit * (_MOST // 10 // len(unit))] * 100
    (mail, rest), peak = _traced(*pieces, b"\r\n.\r\nQUIT\r\n")
    assert (mail, rest) == (None, b"QUIT\r\n")
    assert peak < 5 * _MOST


def test_a_mail_of_short_lines_takes_little_more_than_its_octets() -> None:
    piece = b"\r\n" * (_MOST // 50)
    (mail, _), peak = _traced(*[piece] * 20, b".\r\n")
    assert mail == piece * 20
    assert peak < 5 * _MOST


def _traced(*pieces: bytes) -> tuple[tuple[bytes | None, bytes], int]:
    """Return what is received, and the most memory that receiving it took."""
    tracemalloc.start()
    try:
        return _received(*pieces), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
