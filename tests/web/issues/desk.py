"""An editor at the desk, in a real browser before the real pages."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import invite
from newsletter.accounts.roles import Grant
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role

PLAIN = """---
title: 十二月号
date: 2026-12-01
preheader: 年末の窓口の案内と、来年から変わる手続きをまとめました。
---

# お知らせ

### 窓口の時間

年末は二十八日までです。
"""


@dataclass
class Desk:
    engine: Engine
    url: str

    def sign_in(self, page: Page, address: str = "editor@example.jp") -> None:
        with transaction(self.engine) as session:
            grants = [Grant(role=Role.EDITOR)]
            token = invite(session, COMMAND_LINE, address=address, grants=grants)
        page.goto(f"{self.url}/welcome/{token}")
        page.get_by_label("Your name").fill("蓮")
        page.get_by_label("Password").fill("four words, quite long")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Sign out").wait_for()

    def bring_in(self, page: Page, text: str, *, view: str = "Markdown") -> None:
        page.goto(f"{self.url}/newsletters/digest/issues/new")
        page.get_by_label("Paste the text").fill(text)
        page.get_by_role("button", name="Bring it in").click()
        if "/drafts/" in page.url and view == "Markdown":
            page.get_by_role("link", name="Markdown").click()
