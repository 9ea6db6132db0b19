"""A draft's links opened on request: by one worker, kept with their time, shown as findings."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from newsletter.database.engine import reading, transaction
from newsletter.fetching import LinkOutcome, OpenedAddress
from newsletter.issues.checks.findings import Severity
from newsletter.issues.checks.opened_links import (
    ask_to_open,
    find_check,
    findings_of,
    next_waiting,
    open_links,
)
from newsletter.issues.drafts.publishing import delete_draft
from newsletter.issues.drafts.saving import create_draft
from newsletter.issues.markdown.reader import read_markdown
from tests.support.stage import set_stage

TEXT = """---
title: 一月号
date: 2027-01-05
---

# 暮らし

### 給水車

[案内](https://good.example.jp/)と[地図](https://gone.example.jp/map)です。
"""


def _open(url: str) -> OpenedAddress:
    missing = "gone" in url
    outcome = LinkOutcome.MISSING if missing else LinkOutcome.FINE
    return OpenedAddress(url=url, outcome=outcome, status=404 if missing else 200, final=url)


def test_links_are_opened_once_asked_and_told_with_their_place(engine: Engine) -> None:
    stage = set_stage(engine)
    issue, _ = read_markdown(TEXT, source="text")
    with transaction(engine) as session:
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
        assert find_check(session, draft.id) is None
        assert ask_to_open(session, draft) == 2
    assert next_waiting(engine) == draft.id
    opened: list[str] = []

    def open_while_another_is_told(url: str) -> OpenedAddress:
        assert next_waiting(engine) is None, "a worker is at it"
        open_links(engine, draft.id, opening=_open)
        opened.append(url)
        return _open(url)

    open_links(engine, draft.id, opening=open_while_another_is_told)
    open_links(engine, draft.id, opening=open_while_another_is_told)
    assert sorted(opened) == ["https://gone.example.jp/map", "https://good.example.jp/"]
    with reading(engine) as session:
        check = find_check(session, draft.id)
    assert check is not None
    assert check.finished_at is not None
    (found,) = findings_of(issue, check)
    assert (found.severity, found.place.anchor) == (Severity.WARNING, "c1-i1")
    assert "https://gone.example.jp/map (404)" in str(found.message)

    mended, _ = read_markdown(TEXT.replace("gone", "good"), source="text")
    assert list(findings_of(mended, check)) == []
    with transaction(engine) as session:
        delete_draft(session, draft)
        assert find_check(session, draft.id) is None


def test_links_that_take_long_end_their_opening(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = set_stage(engine)
    issue, _ = read_markdown(TEXT, source="text")
    with transaction(engine) as session:
        draft = create_draft(session, stage.newsletter_id, issue, author="葵")
        ask_to_open(session, draft)
    monkeypatch.setattr("newsletter.issues.checks.opened_links._LONGEST", 0)
    open_links(engine, draft.id, opening=_open)
    with reading(engine) as session:
        check = find_check(session, draft.id)
    assert check is not None
    assert (check.finished_at is not None, check.results) == (True, {})
