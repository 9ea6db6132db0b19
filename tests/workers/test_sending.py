"""A mailing through real Celery workers, a real broker and a real SMTP server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import BounceRow
from newsletter.database.vocabulary import BounceKind, DeliveryState, UnsubscribeWay
from newsletter.issues.sources.reading import read_issue
from subscribers.leaving import unsubscribe
from tests.support.celery import Workers, celery_workers
from tests.support.smtp import SmtpServer
from tests.support.stage import Stage, set_stage

ADDRESSES = [f"reader{number:03d}@example.jp" for number in range(200)]


@pytest.fixture
def workers(
    stage: Stage, database_url: str, redis_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> Iterator[Workers]:
    del stage
    with celery_workers(
        database_url=database_url,
        redis_url=redis_url,
        smtp_url=smtp_server.url,
        folder=tmp_path / "data",
    ) as running:
        yield running


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


@pytest.mark.usefixtures("workers")
def test_everybody_gets_one_copy_and_a_refused_one_stops_nobody(
    stage: Stage, smtp_server: SmtpServer
) -> None:
    refused = ADDRESSES[7]
    smtp_server.refuse_recipient = lambda address: (
        "550 No such user here" if address == refused else None
    )
    stage.subscribe(*ADDRESSES)
    mailing = stage.mail()
    stage.await_end(mailing)
    assert sorted(smtp_server.recipients()) == sorted(set(ADDRESSES) - {refused})
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 199, DeliveryState.REJECTED: 1}
    with reading(stage.engine) as session:
        bounce = session.scalars(select(BounceRow)).one()
    assert (bounce.address, bounce.kind) == (refused, BounceKind.HARD)


@pytest.mark.usefixtures("workers")
def test_an_international_address_gets_its_copy(stage: Stage, smtp_server: SmtpServer) -> None:
    stage.subscribe("読者@例え.jp", "plain@example.jp")
    mailing = stage.mail()
    stage.await_end(mailing)
    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: 2}
    assert sorted(smtp_server.recipients()) == ["plain@example.jp", "読者@xn--r8jz45g.jp"]


@pytest.mark.usefixtures("workers")
def test_who_left_is_not_in_the_next_mailing(stage: Stage, smtp_server: SmtpServer) -> None:
    stage.subscribe(*ADDRESSES[:3])
    stage.await_end(stage.mail())
    with transaction(stage.engine) as session:
        unsubscribe(
            session,
            newsletter_id=stage.newsletter_id,
            subscriber_id=stage.subscriber_id(ADDRESSES[0]),
            mailing_id=None,
            way=UnsubscribeWay.PAGE,
        )
    stage.await_end(stage.mail())
    assert Counter(smtp_server.recipients()) == {
        ADDRESSES[0]: 1,
        ADDRESSES[1]: 2,
        ADDRESSES[2]: 2,
    }


def test_a_digest_arrives_whole_in_both_parts(
    engine: Engine,
    database_url: str,
    redis_url: str,
    smtp_server: SmtpServer,
    tmp_path: Path,
    digest: bytes,
) -> None:
    stage = set_stage(engine, digest)
    stage.subscribe("reader@example.jp")
    with celery_workers(
        database_url=database_url,
        redis_url=redis_url,
        smtp_url=smtp_server.url,
        folder=tmp_path / "data",
    ):
        stage.await_end(stage.mail())
    message = message_from_bytes(smtp_server.messages[0].raw, policy=default)
    assert isinstance(message, EmailMessage)
    plain, html = _part(message, "plain"), _part(message, "html")
    sections = read_issue(digest, source="digest").issue.chapters[1].sections
    items = [item for section in sections for item in section.items]
    assert len(items) == 24
    for item in items:
        assert item.headline in html
        assert item.headline.replace(" ", "") in "".join(plain.split())
        assert item.links[0].url in plain.splitlines()
        assert f'href="{item.links[0].url}"' in html
