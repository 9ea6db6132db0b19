"""Messages composed a second and core, without a network; with a signature, and without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

from sqlalchemy import Engine

from bench import content
from bench.measure import Row, rate
from bench.naive import composer
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.mailings.planning.content import MailingContent, load_content
from newsletter.mailings.planning.links import DeliveryLinks
from newsletter.message.dkim import make_key
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.message.identifiers import delivery_message_id
from newsletter.rendering.slots import fill
from newsletter.tokens import DeliveryRef, TokenSigner

_KEY = b"k" * 40
_SIGNER = TokenSigner([_KEY])
#: So many different people, by turns: no two messages in a row are alike.
_PEOPLE = 1000
_SURNAMES = ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "五十嵐", "林"]


def frozen_content(engine: Engine) -> MailingContent:
    """Return what a mailing of the measured issue sends."""
    mailing = content.mail(engine)
    with transaction(engine) as session:
        # Nobody shall send it.
        session.get_one(MailingRow, mailing).state = MailingState.CANCELLED
    with reading(engine) as session:
        return load_content(session, mailing)


def sample(engine: Engine) -> bytes:
    """Return one message of the measured issue."""
    frozen = frozen_content(engine)
    frame = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date)
    return frame.compose(_recipient(123_456))


def composing(engine: Engine) -> Iterator[Row]:
    """Measure the frame by itself; ``engine`` holds the measured issue."""
    frozen = frozen_content(engine)
    frame = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date)
    # As many pieces of the same sizes, joined without making them first.
    pieces = frame.pieces(_recipient(123_456))
    joins = rate(lambda: b"".join(pieces))
    people = [100_000 + number for number in range(_PEOPLE)]
    ours = rate(_by_turns(frame, people))
    yield Row(row="composed", ours=ours, reference=joins, unit="messages/s", aim=">=0.5")

    key = make_key("example.jp", "bench")
    signing = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date, keys=[key])
    digest = os.urandom(32)
    yield Row(
        row="composed and signed, RSA 2048",
        ours=rate(_by_turns(signing, people)),
        reference=rate(lambda: key.sign(digest)),
        unit="messages/s",
        aim=">=0.6",
    )
    naive = composer(fill(frozen.rendered.html, {}), fill(frozen.rendered.text, {}))
    yield Row(
        row="composed, beside Jinja and EmailMessage for each",
        ours=ours,
        reference=rate(lambda: naive("reader@example.jp").as_bytes()),
        unit="messages/s",
    )


def _by_turns(frame: MessageFrame, people: Sequence[int]) -> Callable[[], bytes]:
    """Return what does all that a worker does for the next one of ``people``."""
    turns = cycle(people)
    return lambda: frame.compose(_recipient(next(turns)))


def _recipient(number: int) -> Recipient:
    ref = DeliveryRef(
        newsletter_id=1,
        mailing_id=1,
        subscriber_id=number,
        subscriber_mark=number * 7919 % 2**21,
        mailing_mark=9_001,
    )
    links = DeliveryLinks.of("https://news.example.jp", _SIGNER, ref)
    name = _SURNAMES[number % len(_SURNAMES)]
    address = f"reader{number}@example.jp"
    return Recipient(
        address=address,
        name=name,
        message_id=delivery_message_id(_KEY, 1, "1", number, 654_321, "example.jp"),
        unsubscribe_url=links.unsubscribe_url,
        unsubscribe_token=links.unsubscribe_token,
        slots=links.slots(name=name, address=address),
    )
