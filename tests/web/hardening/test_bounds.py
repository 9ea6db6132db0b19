"""What is costly has an end: pictures, comparisons, test mails, streams, names from a form."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    IssueRow,
    MailingContentRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.vocabulary import Role
from newsletter.errors import ConflictError, ContentError
from newsletter.issues.library.images import encode_image
from newsletter.mailings.orders.test_mails import read_addresses, send_test
from newsletter.settings import Settings
from newsletter.tokens import DeliveryRef, Pseudonyms, Purpose, TokenSigner
from subscribers.join_limits import JoinLimits, count_address, count_sender
from tests.support.rendering import render_stored
from tests.web.conftest import add_account, csrf_of
from tests.web.hardening.conftest import SECRET, House

Enter = Callable[[str, Role], httpx.Client]
PSEUDONYMS = Pseudonyms([b"k" * 32])


def _chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file (ISO/IEC 15948, 5.3)."""
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


@pytest.mark.parametrize("size", [(40_000_000, 1), (1, 40_000_000), (12_001, 10), (7100, 7100)])
def test_a_picture_that_is_small_as_a_file_alone_is_refused_unread(size: tuple[int, int]) -> None:
    # Of the pixels there is none: who reads them does not come as far as counting them.
    head = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", b"")
    with pytest.raises(ContentError, match="pixels"):
        encode_image(file, source="bomb.png")


def test_a_telephones_photograph_is_still_taken() -> None:
    file = BytesIO()
    Image.new("RGB", (6000, 4000), "teal").save(file, "JPEG")
    encoded = encode_image(file.getvalue(), source="photo.jpg")
    assert (encoded.width, encoded.height) == (1200, 800)


def _test(house: House, addresses: str, *, approval: bool) -> int:
    with transaction(house.engine) as session:
        newsletter = session.get_one(NewsletterRow, house.stage.newsletter_id)
        newsletter.approval_required = approval
        issue = session.scalars(select(IssueRow)).first()
        assert issue is not None
        templates = Settings(_env_file=None).templates_dir
        rendered = render_stored(issue, newsletter, templates_dir=templates)
        return send_test(
            session,
            COMMAND_LINE,
            newsletter,
            issue,
            rendered,
            read_addresses(addresses),
            PSEUDONYMS,
        )


def test_what_nobody_approved_is_tested_on_colleagues_alone(house: House) -> None:
    add_account(house.engine, "colleague@example.jp", Role.EDITOR)
    assert _test(house, "colleague@example.jp", approval=True)
    with pytest.raises(ConflictError, match="need approval"):
        _test(house, "colleague@example.jp, stranger@example.com", approval=True)
    with reading(house.engine) as session:
        strangers = select(func.count()).where(SubscriberRow.address == "stranger@example.com")
        assert session.scalar(strangers) == 0


def test_test_mails_have_an_end(house: House) -> None:
    fifty = ",".join(f"{number}@example.com" for number in range(50))
    for _ in range(9):
        _test(house, fifty, approval=False)
    _test(house, fifty.partition(",")[2], approval=False)
    with pytest.raises(ConflictError, match="test emails a day"):
        _test(house, fifty, approval=False)


def _limits(*, network: int = 100) -> JoinLimits:
    return JoinLimits(
        address=3,
        network=network,
        newsletter=1000,
        network_unproven=100,
        newsletter_unproven=1000,
    )


def test_what_stands_after_a_plus_makes_no_other_mailbox(house: House) -> None:
    limits = _limits()
    with transaction(house.engine) as session:
        taken = [
            count_address(session, PSEUDONYMS, limits, f"victim+{number}@example.com")
            for number in range(5)
        ]
    assert taken == [True, True, True, False, False]


def test_a_site_of_many_networks_has_an_end(house: House) -> None:
    limits = _limits(network=5)
    with transaction(house.engine) as session:
        taken = [
            count_sender(
                session,
                PSEUDONYMS,
                limits,
                client=f"2001:db8:1:{number:x}::1",
                newsletter_id=house.stage.newsletter_id,
                is_proven=True,
            )
            for number in range(25)
        ]
    assert taken == [True] * 20 + [False] * 5


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(lambda _number: "203.0.113.1", id="one address"),
        pytest.param(lambda number: f"2001:db8:2:{number:x}::1", id="one site of IPv6"),
    ],
)
@pytest.mark.parametrize("kind", ["proven", "unproven"])
def test_what_is_refused_to_one_site_is_not_taken_from_all_others(
    house: House, kind: str, client: Callable[[int], str]
) -> None:
    limits = JoinLimits(
        address=3, network=20, newsletter=200, network_unproven=5, newsletter_unproven=100
    )
    newsletter_id = {"proven": 7, "unproven": 8}[kind]

    def ask(sender: str, *, is_proven: bool) -> bool:
        with transaction(house.engine) as session:
            return count_sender(
                session,
                PSEUDONYMS,
                limits,
                client=sender,
                newsletter_id=newsletter_id,
                is_proven=is_proven,
            )

    for number in range(250):
        ask(client(number), is_proven=kind == "proven")
    assert ask("198.51.100.1", is_proven=True)
    assert ask("198.51.101.1", is_proven=False)


def test_the_link_of_the_header_leads_to_no_settings_but_mails_them(
    house: House, tmp_path: Path
) -> None:
    del tmp_path
    house.stage.subscribe("header@example.jp")
    ref = DeliveryRef(
        newsletter_id=house.stage.newsletter_id,
        mailing_id=0,
        subscriber_id=house.stage.subscriber_id("header@example.jp"),
    )
    link = f"{house.url}/u/" + TokenSigner([SECRET.encode()]).sign_delivery(
        Purpose.UNSUBSCRIBE, ref
    )
    assert "/p/" not in httpx.get(link).text
    asked = httpx.post(f"{link}/settings")
    assert asked.status_code == 200
    assert "/p/" not in asked.text
    with reading(house.engine) as session:
        newest = session.scalars(
            select(MailingContentRow.payload).order_by(MailingContentRow.mailing_id.desc())
        ).first()
    assert newest is not None
    assert "/p/" not in newest


def test_one_session_follows_few_pages_at_once(house: House, enter: Enter) -> None:
    client = enter("watch@example.jp", Role.OPERATOR)
    opened = []
    statuses = []
    try:
        for _ in range(8):
            request = client.build_request("GET", f"{house.url}/operate/events")
            answer = client.send(request, stream=True)
            opened.append(answer)
            statuses.append(answer.status_code)
    finally:
        for answer in opened:
            answer.close()
    assert statuses == [200] * 6 + [429] * 2


def test_one_account_leaves_room_for_readers(house: House, enter: Enter) -> None:
    """Its orders wait for a database that somebody else writes to; readers only read."""
    client = enter("busy@example.jp", Role.EDITOR)
    order = client.build_request(
        "POST",
        "/newsletters/digest/dictionary",
        headers={"X-CSRF-Token": csrf_of(client.get("/account").text), "Connection": "close"},
        data={"word": "役場"},
    )
    lines = [f"{name}: {value}" for name, value in order.headers.items()]
    text = "\r\n".join([f"POST {order.url.path} HTTP/1.1", *lines, "", order.content.decode()])
    with ExitStack() as opened:
        with transaction(house.engine) as session:
            session.connection()
            sent = [opened.enter_context(house.connect(text)) for _ in range(80)]
            # Not all orders may wait in their thread yet when the first page is asked for.
            pages = [httpx.get(f"{house.url}/archive/digest", timeout=60) for _ in range(3)]
        answers = Counter(peer.recv(4096)[9:12] for peer in sent)
    assert [page.status_code for page in pages] == [200] * 3
    assert answers == {b"303": 66, b"503": 14}
