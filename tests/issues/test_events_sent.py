"""The calendar of an event is kept with the mail that leads to it, and never changes."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, func, select

from newsletter.database.engine import reading, transaction
from newsletter.database.tables import FileRow
from newsletter.issues.store import find_issue
from newsletter.issues.stored_files import find_file
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.readiness import check_stored
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from tests.support.stage import Stage, set_stage

SOURCE = """---
title: 十二月号
date: 2026-12-01
---

:::event
name: 冬の防災講座
date: 2026-12-03 10:00-11:30
place: 青葉町役場
:::
""".encode()
SITE = "https://news.example.jp"


def _mail(stage: Stage, folder: Path) -> str:
    """Order a mailing as pages do; return its text."""
    settings = Settings(_env_file=None, public_url=SITE, data_dir=folder)
    with transaction(stage.engine) as session:
        newsletter = find_newsletter(session, "digest")
        issue = find_issue(session, newsletter.id, stage.issue)
        rendered = check_stored(issue, newsletter, settings, ask_dns=False).rendered
        assert rendered is not None
        create_mailing(session, newsletter, issue, rendered, batch_size=5)
    return fill(rendered.text, {})


def test_a_mailing_keeps_the_calendars_it_leads_to(engine: Engine, tmp_path: Path) -> None:
    stage = set_stage(engine, SOURCE)
    stage.subscribe("a@example.jp")

    text = _mail(stage, tmp_path)
    again = _mail(stage, tmp_path)

    name = text.partition(f"{SITE}/files/")[2].split()[0]
    assert name in again
    with reading(engine) as session:
        content = find_file(session, name).content.decode()
        assert session.scalar(select(func.count()).select_from(FileRow)) == 1
    assert "DTSTART:20261203T010000Z\r\n" in content
    assert "SUMMARY:冬の防災講座\r\n" in content
