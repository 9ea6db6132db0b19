"""The local mailbox shows a mail as its readers see it."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from newsletter.database.engine import open_engine
from newsletter.mailbox.store import MailboxStore
from newsletter.tokens import TokenSigner
from tests.support.site import serving


@pytest.mark.usefixtures("_servers")
def test_our_own_pictures_are_shown(sqlite_url: str, tmp_path: Path, browser: Browser) -> None:
    mailbox = MailboxStore(tmp_path / "mailbox.sqlite3")
    engine = open_engine(sqlite_url)
    with serving(engine, TokenSigner([b"k" * 40]), tmp_path, mailbox=mailbox) as url:
        mail = EmailMessage()
        mail["Subject"] = "写真"
        mail.set_content("写真")
        picture = f'<img src="{url}/static/icon.svg" width="16" height="16">'
        mail.add_alternative(f"<html><head></head><body>{picture}</body></html>", subtype="html")
        number = mailbox.add(mail.as_bytes(), sender="a@example.jp", recipient="b@example.jp")
        page = browser.new_page()
        page.goto(f"{url}/inbox/{number}/html")
        assert page.locator("img").evaluate("picture => picture.naturalWidth") > 0
        page.close()
    engine.dispose()


@pytest.mark.usefixtures("_servers")
@pytest.mark.parametrize(
    ("public_url", "status"), [("http://localhost:8000", 200), ("https://news.example.jp", 404)]
)
def test_it_is_shown_to_this_machine_alone(
    sqlite_url: str, tmp_path: Path, public_url: str, status: int
) -> None:
    mailbox = MailboxStore(tmp_path / "mailbox.sqlite3")
    engine = open_engine(sqlite_url)
    host = {"Host": public_url.partition("//")[2]}
    signer = TokenSigner([b"k" * 40])
    with serving(engine, signer, tmp_path, mailbox=mailbox, public_url=public_url) as url:
        assert httpx.get(f"{url}/inbox", headers=host).status_code == status
    engine.dispose()
