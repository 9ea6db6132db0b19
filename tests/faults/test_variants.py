"""Workers die amid a mailing with parts for some: who is sent to again gets their own parts."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from sqlalchemy import Engine, update

from newsletter.database.engine import transaction
from newsletter.database.tables import DeliveryRow
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.settlement import settle_uncertain
from subscribers.lists.imports.imports import import_csv
from tests.support.lone_worker import lone_worker
from tests.support.ports import await_condition
from tests.support.smtp import Received, SmtpServer
from tests.support.stage import Stage, set_stage

TEXT = """---
title: お知らせ
date: 2026-12-01
---

共通

:::for tag = "even"
偶数の方へ
:::

:::for tag = "third"
三の方へ
:::
"""
PEOPLE = 60


def test_a_variant_survives_the_death_of_its_worker_and_a_resend(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = _stage(engine)
    mailing = stage.mail(batch_size=8)

    with lone_worker(database_url, smtp_server.url, tmp_path / "data", LEASE_SECONDS="10"):
        await_condition(
            lambda: len(smtp_server.messages) >= PEOPLE // 2, seconds=60, what="half of the mail"
        )
    with lone_worker(database_url, smtp_server.url, tmp_path / "data", LEASE_SECONDS="10"):
        stage.await_end(mailing)
        again = _send_some_again(stage, mailing)
        stage.await_end(mailing)

    assert stage.counts(mailing) == {DeliveryState.ACCEPTED: PEOPLE}
    assert {each.recipients[0] for each in smtp_server.messages} == set(_people())
    assert len(smtp_server.messages) >= PEOPLE + len(again) - 1
    for received in smtp_server.messages:
        number = int(received.recipients[0].partition("@")[0].removeprefix("reader"))
        for kind in ("html", "plain"):
            said = _body(received, kind)
            assert "共通" in said
            assert ("偶数の方へ" in said) is (number % 2 == 0)
            assert ("三の方へ" in said) is (number % 3 == 0)


def _people() -> dict[str, str]:
    """Return addresses with their tags."""
    return {
        f"reader{number}@example.jp": "; ".join(
            tag for tag, every in (("even", 2), ("third", 3)) if number % every == 0
        )
        for number in range(PEOPLE)
    }


def _stage(engine: Engine) -> Stage:
    stage = set_stage(engine, TEXT.encode())
    lines = [f'{address},"{tags}"\n' for address, tags in _people().items()]
    import_csv(engine, stage.newsletter_id, ["email,tags\n", *lines], source="test", basis="test")
    return stage


def _send_some_again(stage: Stage, mailing: int) -> list[int]:
    """Send again what is in doubt, some of each variant's readers among it."""
    with transaction(stage.engine) as session:
        positions = session.scalars(
            update(DeliveryRow)
            .where(DeliveryRow.mailing_id == mailing, DeliveryRow.position % 7 == 0)
            .values(state=DeliveryState.UNCERTAIN)
            .returning(DeliveryRow.position)
        ).all()
        settle_uncertain(session, mailing, resend=True)
        return list(positions)


def _body(received: Received, kind: str) -> str:
    message = message_from_bytes(received.raw, policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())
