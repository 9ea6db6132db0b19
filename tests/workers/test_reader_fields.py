"""Fields of readers within a mail: each reader's own value, or the words for want of one."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.issues.markdown.reader import read_markdown
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.newsletters.publications import create_newsletter, get_newsletter
from newsletter.rendering.preflight import run_preflight
from newsletter.settings import Settings
from subscribers.fields.values import write_values
from tests.support import fields
from tests.support.smtp import SmtpServer
from tests.support.stage import DRAFT, set_stage
from tests.support.worker import work, worker

pytestmark = pytest.mark.servers

_ISSUE = """---
title: 題
date: 2026-12-01
---

お住まい：:field[city|市外]、誕生日：:field[birthday|未登録]、:field[plan|なし]、:field[topic|話題なし]。
"""


def _texts(smtp_server: SmtpServer) -> dict[str, str]:
    found = {}
    for message in smtp_server.messages:
        mail = message_from_bytes(message.raw, policy=default)
        assert isinstance(mail, EmailMessage)
        part = mail.get_body(("plain",))
        assert part is not None
        line = next(line for line in part.get_content().splitlines() if "お住まい" in line)
        found[str(mail["To"]).split("@")[0].strip("<")] = line
    return found


def test_each_reader_reads_their_own_or_the_fallback(
    engine: Engine, database_url: str, smtp_server: SmtpServer, tmp_path: Path
) -> None:
    stage = set_stage(engine, _ISSUE.encode())
    fields.set_fields(engine, stage.newsletter_id, *fields.ALL)
    stage.subscribe("a@example.jp", "b@example.jp")
    with transaction(engine) as session:
        write_values(
            session,
            stage.newsletter_id,
            stage.subscriber_id("a@example.jp"),
            {"city": "<千葉> & 市", "birthday": "1980-04-01", "plan": "paid", "topic": ["防災"]},
        )
    mailing = stage.mail()
    plan_mailing(engine, mailing)
    with worker(database_url, smtp_server.url, tmp_path) as services:
        assert work(services, mailing) == 2
    assert _texts(smtp_server) == {
        "a": "お住まい：<千葉> & 市、誕生日：1980年4月1日、有料、防災。",
        "b": "お住まい：市外、誕生日：未登録、なし、話題なし。",
    }


def test_a_field_of_another_newsletter_is_unknown(engine: Engine) -> None:
    stage = set_stage(engine, _ISSUE.encode())
    with transaction(engine) as session:
        other = create_newsletter(session, replace(DRAFT, slug="other")).id
    fields.set_fields(engine, other, fields.CITY)
    fields.set_fields(engine, stage.newsletter_id, fields.BIRTHDAY, fields.PLAN, fields.TOPIC)
    issue, _ = read_markdown(_ISSUE, source="typed")

    def unknown(newsletter_id: int) -> set[str]:
        with reading(engine) as session:
            publisher = publisher_of(get_newsletter(session, newsletter_id))
        folder = Settings(_env_file=None).templates_dir
        found = run_preflight(issue, template="digest", templates_dir=folder, publisher=publisher)
        return {each.about for each in found.findings if each.code == "field-unknown"}

    assert unknown(stage.newsletter_id) == {":field[city"}
    assert unknown(other) == {":field[birthday", ":field[plan", ":field[topic"}
