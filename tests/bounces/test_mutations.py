"""Any octets are read, and quickly: strangers can send anything to a bounce address."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.bounces.reading import read_report
from tests.bounces.formats import FORMATS, READER
from tests.bounces.test_reading import complaint, notification, recipient
from tests.conftest import SHARED_DATA
from tests.support.examples import examples
from tests.support.growth import assert_linear

FOLDER = SHARED_DATA / "bounces"
_LARGEST = 400_000

SEEDS = [
    *(one.raw for one in FORMATS),
    notification(recipient(status="5.1.1")),
    complaint(f"Feedback-Type: abuse\nOriginal-Rcpt-To: {READER}\n"),
    *(path.read_bytes() for path in sorted(FOLDER.glob("*.eml"))),
]
PIECES = [
    b"a@b.c ",
    b"<a@b.c>:\n",
    b"<<< 550 5.1.1 x\n",
    b">>> RCPT TO:<a@b.c>\n",
    b"Final-Recipient: rfc822; a@b.c\nAction: failed\n\n",
    b"=?utf-8?B?4pi6?= ",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
    b"\n--b\n",
    b"Received: by x\n",
    b"From: a@b.c\n",
    b"<style ",
    b"&amp;",
    b"user * mailbox ",
    b"in reply to ",
    b"https://a ",
    b"\x1b$B",
    b"\x00",
    b"\n\n",
    b" ",
    b"@",
    b"(",
    b"\xff",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a notice with octets flipped, cut, doubled, or with one part repeated many times."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(["flip", "cut", "double", "repeat", "graft", "nest", "head"])):
            case "flip":
                for octet in draw(st.binary(min_size=1, max_size=30)):
                    at = (at * 31 + octet) % (len(raw) + 1)
                    raw[at : at + 1] = bytes([octet])
            case "cut":
                del raw[at : at + draw(st.integers(1, 5000))]
            case "double":
                raw[at:at] = raw[max(0, at - 3000) : at + 3000]
            case "repeat":
                raw[at:at] = draw(st.sampled_from(PIECES)) * draw(st.integers(1, 20_000))
            case "graft":
                raw[at:at] = draw(st.sampled_from(SEEDS))[:20_000]
            case "nest":
                opening = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n"
                raw[0:0] = opening * draw(st.integers(1, 500))
            case "head":
                raw[0:0] = b"X-Long: " + b"y" * draw(st.integers(1, 100_000)) + b"\n"
        del raw[_LARGEST:]
    return bytes(raw)


@settings(
    max_examples=examples(300),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(raw=mutated())
def test_a_damaged_notice_is_read(raw: bytes) -> None:
    for one in read_report(raw).recipients:
        assert len(one.address) <= 320
        assert len(one.words) <= 600
        assert "\n" not in one.address + one.words


@settings(max_examples=examples(200))
@given(raw=st.binary(max_size=2000))
def test_any_octets_are_read(raw: bytes) -> None:
    read_report(raw)


@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_a_body_of_one_repeated_part_takes_linear_time(piece: bytes) -> None:
    def body(length: int) -> bytes:
        head = b"From: MAILER-DAEMON@x\nSubject: failure notice\n\n"
        return head + piece * (length // len(piece))

    assert_linear(read_report, body, size=_LARGEST)


@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_repeated_headers_take_linear_time(piece: bytes) -> None:
    def headers(length: int) -> bytes:
        many = piece.replace(b"\n", b" ") * (length // len(piece))
        return b"From: MAILER-DAEMON@x\nSubject: " + many + b"\n\n<a@b.c>: 550 no\n"

    assert_linear(read_report, headers, size=_LARGEST)


def test_the_number_of_recipients_is_bounded() -> None:
    fields = "\n".join(recipient(address=f"a{number}@b.c") for number in range(500))
    assert 1 < len(read_report(notification(fields)).recipients) < 100
