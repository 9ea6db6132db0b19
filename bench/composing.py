"""Messages composed a second and core, without a network; with a signature, and without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from email.message import EmailMessage

from jinja2 import Environment
from sqlalchemy import Engine

from bench import content
from bench.measure import Row, rate
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import MailingRow
from newsletter.database.vocabulary import MailingState
from newsletter.delivery.content import MailingContent, load_content
from newsletter.delivery.links import DeliveryLinks
from newsletter.message.dkim import make_key
from newsletter.message.frame import MessageFrame, Recipient
from newsletter.message.identifiers import delivery_message_id
from newsletter.rendering.slots import fill
from newsletter.tokens import DeliveryRef, TokenSigner

_KEY = b"k" * 40


def _frozen(engine: Engine) -> MailingContent:
    mailing = content.mail(engine)
    with transaction(engine) as session:
        # Nobody shall send it.
        session.get_one(MailingRow, mailing).state = MailingState.CANCELLED
    with reading(engine) as session:
        return load_content(session, mailing)


def sample(engine: Engine) -> bytes:
    """Return one message of the measured issue."""
    frozen = _frozen(engine)
    frame = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date)
    return frame.compose(_recipient())


def composing(engine: Engine) -> Iterator[Row]:
    """Measure the frame by itself; ``engine`` holds the measured issue."""
    frozen = _frozen(engine)
    frame = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date)
    message = frame.compose(_recipient())
    pieces = [message[start : start + 4096] for start in range(0, len(message), 4096)]
    joins = rate(lambda: b"".join(pieces))
    ours = rate(lambda: frame.compose(_recipient()))
    yield Row(row="composed", ours=ours, reference=joins, unit="messages/s", aim=">=0.5")

    key = make_key("example.jp", "bench")
    signing = MessageFrame.compile(frozen.rendered, frozen.identity, date=frozen.date, keys=[key])
    digest = os.urandom(32)
    yield Row(
        row="composed and signed, RSA 2048",
        ours=rate(lambda: signing.compose(_recipient())),
        reference=rate(lambda: key.sign(digest)),
        unit="messages/s",
        aim=">=0.6",
    )
    yield Row(
        row="composed, as many times as Jinja and EmailMessage",
        ours=ours,
        reference=rate(_naive(fill(frozen.rendered.html, {}), fill(frozen.rendered.text, {}))),
        unit="messages/s",
    )


def _recipient() -> Recipient:
    signer = TokenSigner([_KEY])
    ref = DeliveryRef(newsletter_id=1, mailing_id=1, subscriber_id=123_456)
    links = DeliveryLinks.of("https://news.example.jp", signer, ref)
    return Recipient(
        address="reader123456@example.jp",
        name="読者",
        message_id=delivery_message_id(_KEY, 1, 123_456, "example.jp"),
        unsubscribe_url=links.unsubscribe_url,
        unsubscribe_token=links.unsubscribe_token,
        slots=links.slots(name="読者", address="reader123456@example.jp"),
    )


def _naive(html: str, text: str) -> Callable[[], bytes]:
    environment = Environment(autoescape=True)
    html_template = environment.from_string("{% raw %}" + html + "{% endraw %}{{ name }}")
    text_template = environment.from_string("{% raw %}" + text + "{% endraw %}{{ name }}")

    def compose() -> bytes:
        message = EmailMessage()
        message["From"] = "digest@example.jp"
        message["To"] = "reader@example.jp"
        message["Subject"] = "まちのデジタル便り"
        message.set_content(text_template.render(name="読者"))
        message.add_alternative(html_template.render(name="読者"), subtype="html")
        return message.as_bytes()

    return compose
