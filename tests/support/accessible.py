"""axe-core in a page, put in through the debugger: the page's policy admits no script of a test."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parent / "axe" / "axe.min.js"
_RUN = """async () => {
  // Mail stands in sandboxed frames: axe is not within them, and asking them is an error.
  const found = await axe.run({iframes: false, resultTypes: ["violations"]});
  return found.violations.map(v => `${v.id}: ${v.nodes.map(n => n.html).join(" ")}`);
}"""


def violations(page: Page) -> list[str]:
    """Return what axe finds."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(_RUN)
    return found
