"""An editor at the desk, in a real browser before the real pages."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite
from newsletter.accounts.roles import Grant
from newsletter.accounts.sessions import open_session
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import transaction
from newsletter.database.vocabulary import Role
from newsletter.i18n.language import Language
from newsletter.issues.drafts.reuse import start_from
from newsletter.issues.sources.reading import read_issue
from newsletter.newsletters.publications import find_newsletter

_PASSWORD = "four words, quite long"

PLAIN = """---
title: 十二月号
date: 2026-12-01
preheader: 年末の窓口の案内と、来年から変わる手続きをまとめました。
---

# お知らせ

### 窓口の時間

年末は二十八日までです。
"""


def await_markdown(page: Page) -> Locator:
    """Return the editor of the Markdown once it is shown: its value came with it."""
    editor = page.locator(".markdown-editor .cm-content")
    expect(editor).to_be_visible()
    return editor


def write_markdown(page: Page, text: str) -> None:
    """Write a text into the view of the Markdown, as with the keys.

    The editor puts its own selection back when findings arrive, over one that is the page's.
    """
    await_markdown(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


@dataclass
class Desk:
    engine: Engine
    url: str

    def sign_in(
        self, page: Page, address: str = "editor@example.jp", role: Role = Role.EDITOR
    ) -> None:
        """Let somebody be signed in; how that is done is tests/web/accounts' to say."""
        with transaction(self.engine) as session:
            grants = [Grant(role=role)]
            token = invite(session, COMMAND_LINE, address=address, grants=grants)
        with transaction(self.engine) as session:
            account = accept(
                session,
                COMMAND_LINE,
                token,
                name="蓮",
                password=_PASSWORD,
                language=Language.ENGLISH,
            )
            begun = open_session(session, account, Browser(), verified=True)
        page.context.add_cookies([{"name": "session", "value": begun, "url": self.url}])

    def start(self, page: Page, text: str, *, view: str = "Markdown") -> None:
        """Open a draft of ``text`` that lies there already: in the mail, Markdown, or forms."""
        content = read_issue(text.encode(), source="draft").issue
        with transaction(self.engine) as session:
            newsletter = find_newsletter(session, "digest")
            draft = start_from(session, newsletter.id, content, author="蓮")
        path = f"{self.url}/newsletters/digest/drafts/{draft.id}"
        page.goto(f"{path}/blocks" if view == "blocks" else path)
        if view == "Markdown":
            page.get_by_role("tab", name="Markdown").click()

    def write(self, page: Page, text: str) -> None:
        write_markdown(page, text)

    def bring_in(self, page: Page, text: str, *, view: str = "Markdown") -> None:
        page.goto(f"{self.url}/newsletters/digest/issues/new")
        page.get_by_label("Paste the text").fill(text)
        page.get_by_role("button", name="Import").click()
        if "/drafts/" in page.url and view == "Markdown":
            page.get_by_role("tab", name="Markdown").click()
        if "/drafts/" in page.url and view == "blocks":
            page.goto(page.url.partition("?")[0] + "/blocks")
