"""Every page, in both languages, light and dark, wide and narrow, is usable and self-contained.

Each page is seen in each language, colour scheme and width, once each; the pages take turns in how
these meet. With ``SOAK`` in the environment each page is seen in all of their combinations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import Engine, func, select

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import open_engine, reading
from newsletter.database.tables import AuditEventRow
from newsletter.i18n.language import Language
from newsletter.mailbox.store import MailboxStore
from newsletter.settings import Settings
from newsletter.tokens import TokenSigner
from newsletter.web.app import create_app
from tests.support.accessible import AXE, violations
from tests.support.site import routes_of
from tests.support.soak import SOAK
from tests.web.showroom import Showroom, showroom
from tests.web.table import FAILURES, NOT_PAGES, OPEN_PAGES, SIGNED_IN_PAGES


@pytest.fixture(scope="module")
def room(
    _servers: None, _sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Showroom]:
    folder = tmp_path_factory.mktemp("showroom")
    path = folder / "newsletter.sqlite3"
    path.write_bytes(_sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    with showroom(engine, folder) as furnished:
        yield furnished
    engine.dispose()


#: Four words of Latin letters in a row; names, addresses and terms have fewer.
_LATIN_SENTENCE = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ \u00a0,]+[A-Za-z][A-Za-z'’-]*){3,}")
#: A Japanese sentence's signs have the width of its letters.
_NARROW_SIGN = re.compile(r"[ぁ-ヿ一-鿿」』）][ \u00a0]*[:;!?](?!\w|//)|[ぁ-ヿ一-鿿][,.](?=\s|$)")
#: The page's own words: without what is quoted as code, raw mail, and what is marked as English.
_OWN_WORDS = """() => {
    const body = document.body.cloneNode(true);
    for (const quoted of body.querySelectorAll("code, pre, textarea, script, style, [lang=en]"))
        quoted.remove();
    return body.textContent;
}"""

#: A blank behind a Japanese sentence, where the next one follows on the same line.
_SPACED = re.compile(r"\S{0,12}[。！？] (?=[ぁ-ヿ一-鿿「])\S{1,12}")
#: What a page shows line by line; links may keep a distance.
_SHOWN_WORDS = """() => {
    for (const apart of document.querySelectorAll("a, button, summary, .quiet, .pill"))
        apart.prepend("|");
    return document.body.innerText;
}"""
#: What of a table's words stands in a column of four letters or less, in four lines or more.
_SQUEEZED = """() => [...document.querySelectorAll("td, caption")].filter((cell) => {
    const { width, height } = cell.getBoundingClientRect(),
        letter = parseFloat(getComputedStyle(cell).fontSize);
    return cell.innerText.trim().length > 8 && width < 4 * letter && height > 6 * letter;
}).map((cell) => cell.innerText.trim())"""

#: Addresses of no unusual length that stand in three lines or more of their cell.
_SPLIT = """() => [...document.querySelectorAll("td.address")].filter((cell) => {
    if (!/^\\S{1,24}@\\S{1,24}$/.test(cell.innerText.trim())) return false;
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), lines = new Set();
    for (let text; (text = walker.nextNode()); ) {
        const range = document.createRange();
        range.selectNodeContents(text);
        if (text.data.trim()) for (const box of range.getClientRects()) lines.add(box.top);
    }
    return lines.size > 2;
}).map((cell) => cell.innerText.trim())"""

#: Each of them at once: how far a page is wider than its window, and what stands badly in it.
_MISPLACED = f"""() => [
    document.documentElement.scrollWidth - innerWidth, ({_SQUEEZED})(), ({_SPLIT})()
]"""

_Scheme = Literal["light", "dark"]
#: What one language sees wide and light, the other sees narrow and dark, and the next page the
#: other way round.
_LOOKS: list[tuple[_Scheme, int]] = [
    *(("light", 1280), ("dark", 375)),
    *(("dark", 1280), ("light", 375)),
]


class Visitor:
    """One browser window, and all that went wrong while it looked around."""

    def __init__(self, context: BrowserContext, site: str, language: Language) -> None:
        self.site = site
        self.language = language
        self.faults: list[str] = []
        self._path = ""
        self._pages = 0
        # It is compiled anew where it is put into a page that is there.
        context.add_init_script(path=AXE)
        self._page = context.new_page()
        browser = context.browser
        assert browser is not None
        self._unguarded = browser.new_page(
            bypass_csp=True, locale=language.value, reduced_motion="reduce"
        )
        self._page.on("console", lambda said: self._note(f"console: {said.text}", said.type))
        self._page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self._page.on("request", lambda request: self._own(request.url))

    def close(self) -> None:
        """Close the window for pages whose policy ends every script."""
        self._unguarded.close()

    def _note(self, what: str, kind: str = "error") -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"{self._path} {what}")

    def _own(self, url: str) -> None:
        if not url.startswith((self.site, "data:", "blob:", "about:")):
            self._note(f"asked another host: {url}")

    def look(self, path: str) -> None:
        """Look at a page in every way."""
        self._path = path
        answer = self._page.goto(self.site + path)
        if answer is None or answer.status != 200 or not answer.url.startswith(self.site + path):
            self._note(f"answered {answer and (answer.status, answer.url)}")
        if answer and "sandbox" in answer.headers.get("content-security-policy", ""):
            # No script ends there that waits for anything, nor does axe.
            self._unguarded.goto(self.site + path)
            self._judge(self._unguarded)
        else:
            self._judge(self._page)

    def look_at_failure(self, path: str, status: int) -> None:
        """Look at an error page; that the browser's console names the failure is no fault."""
        before = list(self.faults)
        self._path = path
        answer = self._page.goto(self.site + path)
        self.faults = before
        if answer is None or answer.status != status:
            self._note(f"answered {answer and answer.status}")
        self._judge(self._page)

    def press(self, path: str, button: str, **fields: str) -> None:
        """Fill a form, press its button, and look at the answer."""
        self._page.goto(self.site + path)
        for name, value in fields.items():
            field = self._page.locator(f'main [name="{name}"]').last
            field.check() if field.get_attribute("type") == "checkbox" else field.fill(value)
        before = list(self.faults)
        with self._page.expect_navigation():
            self._page.locator(button).click()
        self.faults = before
        self._path = f"{path} {button}"
        self._judge(self._page)

    def _judge_words(self, page: Page) -> None:
        if self.language is Language.JAPANESE:
            own = page.evaluate(_OWN_WORDS)
            for sentence in _LATIN_SENTENCE.findall(own):
                self._note(f"says in another language: {sentence!r}")
            for sign in _NARROW_SIGN.findall(own):
                self._note(f"has a narrow sign behind Japanese: {sign!r}")
            for words in _SPACED.findall(page.evaluate(_SHOWN_WORDS)):
                self._note(f"has a blank between sentences: {words!r}")

    def _judge(self, page: Page) -> None:
        # Both languages come by the same pages in the same order.
        turn = 2 * (self._pages % 2) + (self.language is Language.ENGLISH)
        self._pages += 1
        looks = _LOOKS if SOAK else [_LOOKS[turn]]
        widths = [1280, 768, 375]
        # To lay a page out anew takes longer than to judge it: it begins as the last one was left.
        if page.viewport_size and page.viewport_size["width"] == widths[-1]:
            widths.reverse()
        for width in widths:
            page.set_viewport_size({"width": width, "height": 720})
            overflow, squeezed, split = page.evaluate(_MISPLACED)
            if overflow > 0:
                self._note(f"is {overflow} px too wide for {width}")
            for words in squeezed:
                self._note(f"at {width} px has one letter below another: {words!r}")
            for words in split:
                self._note(f"at {width} px splits an address: {words!r}")
            for scheme, seen_at in looks:
                if seen_at == width:
                    page.emulate_media(color_scheme=scheme)
                    found = violations(page)
                    self.faults += [f"{self._path} {scheme}, {width} px: {one}" for one in found]
        # Last, as it marks links in what is shown.
        self._judge_words(page)


@pytest.mark.parametrize("language", list(Language))
def test_what_readers_see_works_for_all(
    room: Showroom, browser: Browser, language: Language
) -> None:
    context = browser.new_context(locale=language.value, reduced_motion="reduce")
    visitor = Visitor(context, room.url, language)
    for path in _paths(OPEN_PAGES, room, language):
        visitor.look(path)
    for path, status in FAILURES.items():
        visitor.look_at_failure(path, status)
    leave, choose = (room.places[language][name] for name in ("unsubscribe", "preferences"))
    visitor.press("/subscribe/digest", "main form button", email="no address")
    visitor.press("/subscribe/digest", "main form button", email=f"{language.value}2@example.jp")
    visitor.press(choose, "main form button >> nth=0", name="葵")
    visitor.press(leave, 'form[action*="/pause"] button')
    visitor.press(leave, "main form button >> nth=0")
    visitor.look(leave)
    visitor.press(f"{choose}/erase", "main form button", sure="yes")
    visitor.close()
    context.close()
    assert visitor.faults == []


@pytest.mark.parametrize("language", list(Language))
def test_what_people_see_signed_in_works_for_all(
    room: Showroom, browser: Browser, language: Language
) -> None:
    context = browser.new_context(locale=language.value, reduced_motion="reduce")
    context.add_cookies([{"name": "session", "value": room.sessions[language], "url": room.url}])
    visitor = Visitor(context, room.url, language)
    for path in _paths(SIGNED_IN_PAGES, room, language):
        visitor.look(path)
    visitor.close()
    context.close()
    assert visitor.faults == []


def test_head_is_answered_as_get_is_without_a_body(room: Showroom) -> None:
    language = Language.JAPANESE
    paths = [
        *(each[0].format(**room.places[language]) for each in OPEN_PAGES.values()),
        *(each[0].format(**room.places[language]) for each in SIGNED_IN_PAGES.values()),
        *(
            "/archive/digest/feed.atom",
            "/robots.txt",
            "/sitemap.xml",
            "/static/app.css",
            "/nowhere",
        ),
    ]
    differ = []
    cookies = {"session": room.sessions[language]}
    with httpx.Client(base_url=room.url, cookies=cookies) as client:
        for path in paths:
            got, head = client.get(path), client.head(path)
            names = ("content-type", "location", "cache-control")
            if head.content or [got.status_code, *map(got.headers.get, names)] != [
                head.status_code,
                *map(head.headers.get, names),
            ]:
                differ.append(f"{path}: {head.status_code}, as GET {got.status_code}")
        assert client.head("/operate/events").status_code == HTTPStatus.OK, "an endless stream"
    assert differ == []


def test_an_export_asked_for_by_head_is_none_and_is_not_written_down(room: Showroom) -> None:
    mailing = room.places[Language.JAPANESE]["mailing"]
    exports = (
        "/audit.csv",
        "/newsletters/digest/subscribers.csv",
        f"/newsletters/digest/mailings/{mailing}/missed.csv",
    )
    written = (Action.AUDIT_EXPORT, Action.SUBSCRIBER_EXPORT, Action.MAILING_EXPORT)

    def count() -> int:
        with reading(room.engine) as session:
            of_exports = select(func.count()).where(AuditEventRow.action.in_(written))
            return session.scalar(of_exports) or 0

    before = count()
    cookies = {"session": room.sessions[Language.JAPANESE]}
    with httpx.Client(base_url=room.url, cookies=cookies) as client:
        assert [client.head(path).status_code for path in exports] == [HTTPStatus.OK] * 3
        assert count() == before
        assert [client.get(path).status_code for path in exports] == [HTTPStatus.OK] * 3
    assert count() == before + 3


def _paths(pages: dict[str, list[str]], room: Showroom, language: Language) -> list[str]:
    places = room.places[language]
    return [path.format(**places) for paths in pages.values() for path in paths]


def test_the_sweep_leaves_no_page_out(sqlite_url: str, tmp_path: Path) -> None:
    engine: Engine = open_engine(sqlite_url)
    app = create_app(
        settings=Settings(_env_file=None, secret_keys=("k" * 40,)),
        engine=engine,
        signer=TokenSigner([b"k" * 40]),
        mailbox=MailboxStore(tmp_path / "mailbox.sqlite3"),
    )
    engine.dispose()
    known = OPEN_PAGES.keys() | SIGNED_IN_PAGES.keys() | NOT_PAGES.keys()
    shown = {route.path for route in routes_of(app) if "GET" in (route.methods or ())}
    assert shown == known, "add the page to tests/web/table.py, or say there why it is none"
