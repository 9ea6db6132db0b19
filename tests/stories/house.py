"""The whole product as its processes run in production: web, workers, beat, broker, mail server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from playwright.sync_api import Page
from sqlalchemy import Engine

from newsletter.database.engine import open_engine
from newsletter.mailbox.store import MailboxStore
from tests.support import warm
from tests.support.celery import Workers
from tests.support.ports import await_condition, await_port, free_port
from tests.support.valkey import valkey_server

PASSWORD = "four words, quite long"


@dataclass(frozen=True, kw_only=True)
class House:
    """Where the product answers, and what its parts keep."""

    url: str
    engine: Engine
    mailbox: MailboxStore
    folder: Path

    def first_link(self) -> str:
        """Return the link that the web server printed for its first administrator."""
        log = self.folder / "web.log"
        links: list[str] = re.findall(r"http\S+/welcome/\S+", log.read_text())
        return links[-1]

    def join(self, page: Page, slug: str, address: str) -> None:
        """Join a newsletter by its form in Japanese, and confirm by the mail that comes."""
        page.goto(f"{self.url}/subscribe/{slug}?lang=ja")
        page.get_by_label("メールアドレス").fill(address)
        # Who presses within two seconds is asked to press again: nobody reads a form so fast.
        press = page.get_by_role("button", name="購読を申し込む")
        answer = page.get_by_role("status").filter(has_text=address)
        while answer.count() == 0:
            with page.expect_navigation():
                press.click()
        page.goto(link_after("購読が始まります。", self.await_mail(address)))
        page.get_by_role("button", name="購読を始める").click()

    def await_mail(self, recipient: str, *, count: int = 1) -> EmailMessage:
        """Return the newest mail to somebody, once ``count`` have come."""

        def came() -> bool:
            return len(self.mailbox.list(search=recipient)) >= count

        await_condition(came, seconds=60, what=f"mail {count} to {recipient}")
        newest = self.mailbox.get(self.mailbox.list(search=recipient)[0].id)
        assert newest is not None
        return newest.parsed()

    def become_member(self, page: Page, link: str, *, name: str, address: str = "") -> None:
        """Use a one-time link up."""
        page.goto(link)
        if address:
            page.get_by_label("Email address").fill(address)
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("heading", name="Home").wait_for()


@contextmanager
def opened_house(database_url: str, folder: Path) -> Iterator[House]:
    """Start every part; all end with this block."""
    web, smtp = free_port(), free_port()
    url = f"http://127.0.0.1:{web}"
    engine = open_engine(database_url)
    with ExitStack() as stack:
        redis_url = stack.enter_context(valkey_server(folder))
        environment = {
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MAIL_TRANSPORTS": f"smtp://127.0.0.1:{smtp}",
            "JOIN_ASK_DNS": "false",
            "MAILBOX_FILE": str(folder / "mailbox.sqlite3"),
            "PUBLIC_URL": url,
            "WEB_HOST": "127.0.0.1",
            "WEB_PORT": str(web),
            "BATCH_SIZE": "20",
            "SECRET_KEYS": "k" * 40,
            "LOG_LEVEL": "WARNING",
        }
        store = environment["MAILBOX_FILE"]
        for name, *words in (
            ("mailbox", "newsletter.mailbox", "--port", str(smtp), "--store", store),
            ("web", "newsletter.cli", "web"),
        ):
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            started = warm.start(*words, env=os.environ | environment, stdout=log, stderr=log)
            stack.callback(started.wait)
            stack.callback(started.terminate)
        workers = Workers(environment)
        stack.callback(workers.kill)
        for port in (smtp, web):
            await_port(port)
        yield House(
            url=url,
            engine=engine,
            mailbox=MailboxStore(folder / "mailbox.sqlite3"),
            folder=folder,
        )
    engine.dispose()


def text_of(mail: EmailMessage) -> str:
    """Return a mail's plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_after(words: str, mail: EmailMessage) -> str:
    """Return the address that follows ``words`` in a mail's plain text."""
    found = re.search(rf"{re.escape(words)}\s+(https?://\S+)", text_of(mail))
    assert found is not None, text_of(mail)
    return found.group(1)
