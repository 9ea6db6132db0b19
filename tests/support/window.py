"""A browser window that stays open from test to test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Error, Page

#: What the product, or a page of a test, may keep on a device beside cookies.
_KEPT_BY_PAGES = "local_storage,indexeddb,cache_storage,service_workers"
#: What tests listen for; Playwright does not tell what listens.
_EVENTS = ("console", "dialog", "download", "pageerror", "popup", "request", "response")


class SharedWindow:
    """A window in English without motion, which is as new for each test.

    To start a process for a window, and to compile the editor in it, takes longer than most tests
    of a page. Of what was looked at before, only what browsers keep in their cache is left.
    """

    def __init__(self) -> None:
        self.context: BrowserContext | None = None

    @contextmanager
    def lent(self, browser: Browser) -> Iterator[Page]:
        """Lend the window to one test."""
        if self.context is None:
            self.context = browser.new_context(locale="en", reduced_motion="reduce")
            self._page = self.context.new_page()
            self._size = self._page.viewport_size
            self._debugger = self.context.new_cdp_session(self._page)
        yield self._page
        try:
            is_as_before = self._wipe(self.context)
        except Error:
            is_as_before = False
        if not is_as_before:
            self.context.close()
            self.context = None

    def _wipe(self, context: BrowserContext) -> bool:
        """Take away what a test left; return False where that cannot be."""
        for page in context.pages:
            if page is not self._page:
                page.close()
        if self._page.is_closed() or self._is_changed():
            return False
        # What a page still sends as it is left would reach the next test's database.
        context.set_offline(True)
        self._page.goto("about:blank")
        context.set_offline(False)
        context.clear_cookies()
        self._debugger.send(
            "Storage.clearDataForOrigin", {"origin": "*", "storageTypes": _KEPT_BY_PAGES}
        )
        self._page.emulate_media(color_scheme="light", reduced_motion="reduce")
        self._page.mouse.move(0, 0)
        return True

    def _is_changed(self) -> bool:
        inner = self._page._impl_obj
        return (
            self._page.viewport_size != self._size
            or bool(inner._routes or inner._browser_context._routes)
            or any(inner.listeners(event) for event in _EVENTS)
        )
