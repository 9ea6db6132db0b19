"""The calendar of an event is kept with the mail that leads to it, and never changes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, func, select

from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import FileRow
from newsletter.issues.library.stored_files import find_file
from newsletter.issues.store import find_issue
from newsletter.mailings.mailings import create_mailing
from newsletter.mailings.orders.readiness import check_stored
from newsletter.newsletters.publications import find_newsletter
from newsletter.rendering.slots import fill
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from tests.support.site import serving
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


@pytest.mark.usefixtures("_servers")
def test_a_calendar_is_opened_by_whoever_has_its_address(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    stage = set_stage(engine, SOURCE)
    stage.subscribe("a@example.jp")
    path = _mail(stage, tmp_path).partition(SITE)[2].split()[0]

    with serving(engine, TokenSigner([b"k" * 40]), tmp_path) as url:
        found = httpx.get(url + path)
        missing = httpx.get(url + path.replace("/files/", "/files/0"))
        other = httpx.get(url + path.replace(".ics", ".pdf"))
    engine.dispose()

    assert found.headers["content-type"] == "text/calendar; charset=utf-8"
    assert found.content.startswith(b"BEGIN:VCALENDAR\r\n")
    assert (missing.status_code, other.status_code) == (404, 404)
